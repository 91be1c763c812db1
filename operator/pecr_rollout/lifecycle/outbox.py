"""The outbox: what is to be told is on record before it is told, and goes off it afterwards.

So nothing is lost with a process, and a repeat carries the key of the first.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from pecr_rollout.api.status import KEY_LENGTH, OUTBOX_LENGTH, Message, Status, epoch, instant
from pecr_rollout.lifecycle.draft import Note, Plan, shortened
from pecr_rollout.lifecycle.observation import Observation

GIVE_UP: Final = 86_400.0
"""Seconds after which a message is of no use to the rollback owner any more: a day."""
MOST_WAITING: Final = 16
"""Messages of a rollout that wait for its owner at most; older ones are given up."""
LOOK_AGAIN: Final = 30.0
"""Seconds between two looks at what waits; a delivery wakes the rollout earlier."""
NOT_TOLD: Final = "OwnerNotTold"


@dataclass(frozen=True)
class Told:
    """What of the recorded outbox has been told, as keys of its messages.

    Attributes:
        events: whose Event is written.
        owner: whose rollback owner was told, or need not be.
    """

    events: frozenset[str] = frozenset()
    owner: frozenset[str] = frozenset()


def with_outbox(observation: Observation, drawn: Plan) -> Plan:
    """Put on record what a plan tells, and give up what cannot reach the owner any more."""
    status, now = observation.rollout.status, observation.now
    late = _late(status.outbox, now)
    kept = _each_left(status.outbox, Told(owner=frozenset(m.key for m in late)))
    known = {message.key for message in kept}
    notes = tuple(n for n in (*drawn.notes, *map(_given_up, late)) if n.key not in known)
    fresh = [_message(note, drawn.status.run, now) for note in notes]
    outbox = [*kept, *fresh][-OUTBOX_LENGTH:]
    due = now if fresh else now + LOOK_AGAIN
    return replace(
        drawn,
        status=drawn.status.model_copy(update={"outbox": outbox}),
        notes=notes,
        due=min(due, drawn.due or due) if outbox else drawn.due,
    )


def without(status: Status, told: Told) -> Status:
    """Give a status that has off its outbox what has been told."""
    return status.model_copy(update={"outbox": _each_left(status.outbox, told)})


def _each_left(outbox: Iterable[Message], told: Told) -> list[Message]:
    return [left for message in outbox if (left := _left(message, told)) is not None]


def _left(message: Message, told: Told) -> Message | None:
    """Give what is still to be told of a message; None where nothing is."""
    event = message.event and message.key not in told.events
    owner = None if message.key in told.owner else message.owner
    if not event and owner is None:
        return None
    return message.model_copy(update={"event": event, "owner": owner})


def _late(outbox: list[Message], now: float) -> list[Message]:
    waiting = [message for message in outbox if message.owner is not None]
    surplus = waiting[:-MOST_WAITING]
    return [m for m in waiting if m in surplus or now - epoch(m.at) >= GIVE_UP]


def _message(note: Note, run: int, now: float) -> Message:
    return Message(
        key=note.key[-KEY_LENGTH:],  # the end tells one from another
        at=instant(now),
        run=run,
        reason=note.reason,
        message=shortened(note.message),
        warning=note.kind == "Warning",
        owner=note.owner,
    )


def _given_up(message: Message) -> Note:
    text = (
        f"The rollback owner was not told of {message.reason} ({message.at}): no receiver took the"
        f" message within a day, or {MOST_WAITING} newer ones wait. It is given up: {message.key}"
    )
    return Note(f"{message.key}/{NOT_TOLD}", "Warning", NOT_TOLD, text)
