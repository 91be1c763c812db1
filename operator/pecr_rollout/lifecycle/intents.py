"""What people ask for by annotation, each value once, and only where it fits."""

from dataclasses import dataclass

from pecr_rollout.api.enums import Strategy
from pecr_rollout.api.rollout import ABORT, ACKNOWLEDGE, ACKNOWLEDGED_BY, PROMOTE
from pecr_rollout.api.status import Phase
from pecr_rollout.lifecycle.draft import Note, StatusFields
from pecr_rollout.lifecycle.situation import Situation

NAME_LENGTH = 253
"""As much of a person's text as the status takes."""


@dataclass(frozen=True)
class Intent:
    """An annotation that a person may set.

    Attributes:
        annotation: its key.
        field: its name in `status.handled`.
        verb: what it asks for.
    """

    annotation: str
    field: str
    verb: str


ACK = Intent(ACKNOWLEDGE, "acknowledge", "acknowledge")
PROMOTION = Intent(PROMOTE, "promote", "promote")
ABORTION = Intent(ABORT, "abort", "abort")
INTENTS = (ACK, PROMOTION, ABORTION)


def asked(s: Situation, intent: Intent) -> str | None:
    """Give the value that is set and was neither handled nor refused yet."""
    value = s.rollout.metadata.annotations.get(intent.annotation)
    if not value or value == getattr(s.status.handled, intent.field):
        return None
    return None if _mark(intent, value) in s.status.handled.refused else value


def _mark(intent: Intent, value: str) -> str:
    """Name a value in `status.handled.refused`."""
    return f"{intent.verb}={value}"[:NAME_LENGTH]


def still_refused(s: Situation) -> list[str]:
    """Give the refusals that stand: until it is set again, a value that did not fit never will.

    Ids can be foretold, and nobody acknowledges (or promotes) what he has not seen.
    """
    annotations = s.rollout.metadata.annotations
    there = (_mark(intent, annotations.get(intent.annotation, "")) for intent in INTENTS)
    return [mark for mark in there if mark in s.status.handled.refused]


def fitting(s: Situation, intent: Intent) -> str | None:
    """Give the value that would be answered now, or None where nothing would."""
    if intent is ACK:
        return open_incident(s)
    if intent is PROMOTION:
        promotable = s.phase in (Phase.CANARY, Phase.PROMOTING)
        wanted = promotable and s.spec.promotion.strategy is not Strategy.NONE
        return s.rollout.run_id(s.status.run) if wanted else None
    abortable = s.phase in (Phase.CANARY, Phase.PROMOTING, Phase.FALLBACK)
    return s.rollout.run_id(s.status.run) if abortable else None


def open_incident(s: Situation) -> str | None:
    """Give the incident that is open: our own, or one that a deleted rollout left on a lock."""
    if s.status.incident is not None:
        return s.status.incident.id
    closed = s.status.handled.acknowledge
    orphans = (lock.incident for lock in s.foreign_locks if lock.orphaned)
    return next((name for name in orphans if name and name != closed), None)


def closed_orphans(s: Situation) -> tuple[str, ...]:
    """Name the locks that still carry a deleted rollout's incident that was acknowledged here."""
    closed = s.status.handled.acknowledge
    return (
        tuple(lock.subject for lock in s.foreign_locks if lock.orphaned and lock.incident == closed)
        if closed
        else ()
    )


def wants(s: Situation, intent: Intent) -> str | None:
    """Give the value where a person asks for it and it fits."""
    value = asked(s, intent)
    return value if value is not None and value == fitting(s, intent) else None


def handled(s: Situation, intent: Intent, value: str) -> StatusFields:
    """Give the status field that remembers a value as handled."""
    return {"handled": s.status.handled.model_copy(update={intent.field: value})}


def person(s: Situation) -> str | None:
    """Say who set the acknowledgement; admission makes it true."""
    return s.rollout.metadata.annotations.get(ACKNOWLEDGED_BY, "")[:NAME_LENGTH] or None


def misfits(s: Situation) -> list[tuple[str, Note]]:
    """Give the values that do not fit and were not answered yet, each with what to say."""
    found = []
    for intent in INTENTS:
        value, right = asked(s, intent), fitting(s, intent)
        unknown = intent is ACK and right is None and s.cluster.unreadable  # what locks carry
        if value is None or value == right or unknown:
            continue
        mark = _mark(intent, value)
        cure = (
            f"To {intent.verb}, run: {s.rollout.command(intent.annotation, right)}"
            if right
            else f"There is nothing to {intent.verb} now."
        )
        text = f"{intent.annotation}={value[:200]!r} does not fit and did nothing. {cure}"
        found.append((mark, Note(f"refused/{mark}/{right}", "Warning", "IntentRefused", text)))
    return found
