"""Findings as text for people, as JSON, and as annotations of a GitHub run."""

import json
from collections import Counter
from collections.abc import Sequence
from enum import StrEnum

from pecr_rollout.cli.guard.annotations import escape_data, escape_property
from pecr_rollout.cli.lint.finding import Finding, Severity


class Format(StrEnum):
    """How findings are written."""

    TEXT = "text"  # one line each: file:line:column: severity: field: message
    JSON = "json"  # one document
    GITHUB = "github"  # workflow commands


def render(findings: Sequence[Finding], form: Format) -> str:
    """Write the findings, in order of file and line."""
    match form:
        case Format.JSON:
            return json.dumps({"findings": [_entry(item) for item in findings]}, indent=2)
        case Format.GITHUB:
            return "\n".join(_command(item) for item in findings)
        case Format.TEXT:
            return "\n".join([*(_line(item) for item in findings), _summary(findings)])


def _entry(item: Finding) -> dict[str, object]:
    return {
        "file": item.place.file,
        "line": item.place.line,
        "column": item.place.column,
        "severity": item.severity,
        "rule": item.rule,
        "field": item.field,
        "message": item.message,
    }


def _line(item: Finding) -> str:
    place = f"{item.place.file}:{item.place.line}:{item.place.column}"
    text = f"{item.field}: {item.message}" if item.field else item.message
    return f"{place}: {item.severity}: {_one_line(text)} [{item.rule}]"


def _command(item: Finding) -> str:
    level = "notice" if item.severity is Severity.NOTE else item.severity.value
    fields = {
        "file": item.place.file,
        "line": item.place.line,
        "col": item.place.column,
        "title": f"ControllerRollout: {item.rule}",
    }
    properties = ",".join(f"{key}={escape_property(str(value))}" for key, value in fields.items())
    text = f"{item.field}: {item.message}" if item.field else item.message
    return f"::{level} {properties}::{escape_data(text)}"


def _summary(findings: Sequence[Finding]) -> str:
    counts = Counter(item.severity for item in findings)
    parts = [
        f"{counts[severity]} {severity}{'' if counts[severity] == 1 else 's'}"
        for severity in Severity
        if counts[severity]
    ]
    return ", ".join(parts) or "nothing found"


def _one_line(text: str) -> str:
    return " ".join(text.split())
