"""What lint finds."""

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How bad it is."""

    ERROR = "error"  # the cluster refuses it, or the rollout could never pass preflight
    WARNING = "warning"  # it works, but hardly as meant
    NOTE = "note"  # worth knowing; nothing to do


@dataclass(frozen=True, order=True)
class Place:
    """Where something stands; line and column count from 1."""

    file: str
    line: int
    column: int


@dataclass(frozen=True)
class Finding:
    """One thing to know about a manifest.

    Attributes:
        place: where the field stands, or the field that it is missing in.
        severity: how bad it is.
        rule: a short name of the check, for people who search for it.
        field: the field's path, empty for the document as a whole.
        message: what was found and what would be right.
    """

    place: Place
    severity: Severity
    rule: str
    field: str
    message: str
