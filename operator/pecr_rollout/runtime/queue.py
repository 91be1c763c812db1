"""The one queue of due rollouts: each at its time, and never twice at once."""

import asyncio
import heapq
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple


class Key(NamedTuple):
    """Which rollout."""

    namespace: str
    name: str

    def __str__(self) -> str:
        """Write it as kubectl users know it."""
        return f"{self.namespace}/{self.name}"


class DueQueue:
    """Rollouts with the times at which they are due.

    A rollout has one due time, the earliest it was given. One that is being worked on is kept
    until that is done.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        """Begin empty.

        Args:
            clock: monotonic, in seconds.
        """
        self._clock = clock
        self._due: dict[Key, float] = {}
        self._heap: list[tuple[float, Key]] = []
        self._busy: set[Key] = set()
        self._changed = asyncio.Event()

    def __len__(self) -> int:
        """Count the rollouts that are due now or later."""
        return len(self._due)

    def add(self, key: Key, delay: float = 0.0) -> None:
        """Let a rollout be due after `delay` seconds, or earlier if it already is."""
        at = self._clock() + max(0.0, delay)
        if key in self._due and self._due[key] <= at:
            return
        self._due[key] = at
        if key not in self._busy:
            heapq.heappush(self._heap, (at, key))
            self._changed.set()

    def drop(self, key: Key) -> None:
        """Forget a rollout that is gone."""
        self._due.pop(key, None)

    async def take(self) -> Key:
        """Wait for the next due rollout; it is busy until `done`."""
        while True:
            self._changed.clear()
            delay = self._until_next()
            if delay is not None and delay <= 0:
                key = heapq.heappop(self._heap)[1]
                del self._due[key]
                self._busy.add(key)
                return key
            with suppress(TimeoutError):
                # Not `wait_for`: until Python 3.12 it forgets a cancellation in a moment of change.
                async with asyncio.timeout(delay):
                    await self._changed.wait()

    def done(self, key: Key) -> None:
        """Say that the work on a rollout has ended."""
        self._busy.discard(key)
        if key in self._due:
            heapq.heappush(self._heap, (self._due[key], key))
            self._changed.set()

    def _until_next(self) -> float | None:
        while self._heap and self._due.get(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)  # superseded by an earlier time, or dropped
        return self._heap[0][0] - self._clock() if self._heap else None
