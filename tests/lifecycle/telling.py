"""The edge where things are told: Events that expire, a receiver that may be dead, the books."""

from collections import Counter
from dataclasses import dataclass, field

from pecr_rollout.api.status import Message
from pecr_rollout.lifecycle.draft import Note
from pecr_rollout.lifecycle.outbox import NOT_TOLD

EXPIRES = 3600.0
"""Seconds that the API server keeps an Event; the same name is free again after that."""

What = tuple[str, str]
"""A rollout's uid, and the key of what is told."""


@dataclass
class Telling:
    """What was recorded, and what came of it.

    Attributes:
        receiver: up, dead, or none where nobody is to be notified.
        recorded: how often a status write recorded each note.
        owed: the notes that the rollback owner is to be told, too.
        events: how often each became an Event of its own.
        letters: how often each was delivered to the owner.
        unwanted: what came up for delivery while nobody was to be notified.
        deaths: how often the process ended.
    """

    receiver: str = "up"
    recorded: Counter[What] = field(default_factory=Counter)
    owed: set[What] = field(default_factory=set)
    events: Counter[What] = field(default_factory=Counter)
    letters: Counter[What] = field(default_factory=Counter)
    unwanted: set[What] = field(default_factory=set)
    deaths: int = 0
    _kept: dict[What, float] = field(default_factory=dict)
    _delivered: set[What] = field(default_factory=set)

    def record(self, uid: str, note: Note) -> None:
        """Note that a status write recorded it."""
        self.recorded[uid, note.key] += 1
        if note.owner is not None:
            self.owed.add((uid, note.key))

    def announce(self, uid: str, message: Message, now: float) -> None:
        """Write an Event; one of the same name is no second one while it is kept."""
        what = (uid, message.key)
        if now - self._kept.get(what, -EXPIRES) < EXPIRES:
            return
        self._kept[what] = now
        self.events[what] += 1
        assert self.events[what] <= self.recorded[what], f"{message.key} is told twice"

    def deliver(self, uid: str, message: Message) -> bool:
        """Tell whether the rollback owner was told, or need not be."""
        what = (uid, message.key)
        if self.receiver == "up" and what not in self._delivered:
            self._delivered.add(what)
            self.letters[what] += 1
            repeats = self.letters[what] - self.recorded[what]
            assert repeats <= self.deaths, f"{message.key} is delivered again, and nothing died"
        if self.receiver == "none":
            self.unwanted.add(what)
        return self.receiver == "none" or what in self._delivered

    def die(self) -> None:
        """Forget what only the process knew."""
        self._delivered.clear()
        self.deaths += 1

    def check_gone(self, uid: str) -> None:
        """Check what must have been told of a rollout that is gone."""
        lost = {key for of, key in self.recorded if of == uid and not self.events[of, key]}
        assert not lost, f"these Events are lost: {lost}"

    def check_settled(self, uid: str, outbox: list[Message]) -> None:
        """Check what must have been told of a rollout at rest, and that only letters wait."""
        assert not [m.key for m in outbox if m.event], "an Event is not written at rest"
        self.check_gone(uid)
        waiting = {m.key for m in outbox}
        assert not waiting or self.receiver == "dead", f"{waiting} wait for nothing"
        for of, key in self.owed:
            given_up = (of, f"{key}/{NOT_TOLD}") in self.recorded
            told = self.letters[of, key] or (of, key) in self.unwanted or given_up
            assert of != uid or told or key in waiting, f"the owner was never told of {key}"
