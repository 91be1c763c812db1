"""What kopf keeps of objects between events: nothing, for handlers that see events alone.

Its own stores copy the whole of every object three times an event, to tell handlers of changes
what changed. There are none here, and the copies were most of what an event cost.
"""

from collections.abc import Iterable

import kopf


class NoDiffBase(kopf.DiffBaseStorage):
    """Remembers no last-handled state."""

    def build(
        self,
        *,
        body: kopf.Body,  # noqa: ARG002 - as kopf calls it
        extra_fields: Iterable[kopf.FieldSpec] | None = None,  # noqa: ARG002
    ) -> kopf.BodyEssence:
        """Give an essence that never differs."""
        return kopf.BodyEssence()

    def fetch(self, *, body: kopf.Body) -> None:
        """Find nothing."""

    def store(self, *, body: kopf.Body, patch: kopf.Patch, essence: kopf.BodyEssence) -> None:
        """Write nothing."""


class NoProgress(kopf.ProgressStorage):
    """Remembers no progress of handlers; those of events have none."""

    def fetch(self, **_: object) -> None:
        """Find nothing."""

    def store(self, **_: object) -> None:
        """Write nothing."""

    def purge(self, **_: object) -> None:
        """Remove nothing."""

    def touch(self, **_: object) -> None:
        """Touch nothing."""

    def clear(self, *, essence: kopf.BodyEssence) -> kopf.BodyEssence:
        """Give the essence as it is."""
        return essence
