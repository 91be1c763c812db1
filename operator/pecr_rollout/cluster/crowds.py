"""Many who read objects of one kind and namespace at once are answered by one list.

After a restart, and when many are hit at once, all rollouts of a namespace look at their own
objects: a request for each would take the API server longer than all else that follows.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Final

from pecr_rollout.cluster.resources import Json, Resource

FEW: Final = 8
"""Readers of a place at a time who read for themselves: more than one rollout has."""

Place = tuple[Resource, str]
"""A kind of objects, and a namespace."""
Listed = Mapping[str, Json] | None
"""All objects of a place by name; None where it is better not read as a whole."""
Whole = Callable[[int], Awaitable[Listed]]
"""Lists a place for so many readers."""


class Crowds:
    """Who reads what at this moment; nothing is kept of what was read."""

    def __init__(self) -> None:
        """Begin with no reader."""
        self._alone: Counter[Place] = Counter()
        self._readers: Counter[Place] = Counter()
        self._next: dict[Place, asyncio.Task[Listed]] = {}
        self._running: dict[Place, asyncio.Task[Listed]] = {}

    @asynccontextmanager
    async def enter(self, place: Place, whole: Whole) -> AsyncIterator[Listed]:
        """Give what a list says that begins after this; None to who shall read for himself, here.

        Args:
            place: where something is read.
            whole: lists it.

        Raises:
            ClusterError: the list failed.
        """
        if place in self._next or place in self._running or self._alone[place] >= FEW:
            yield await self._join(place, whole)
            return
        self._alone[place] += 1
        try:
            yield None
        finally:
            self._alone[place] -= 1

    async def _join(self, place: Place, whole: Whole) -> Listed:
        """Wait for the next list, which others wait for, too; the end of one is not theirs."""
        if place not in self._next:
            self._next[place] = asyncio.create_task(self._list(place, whole))
        self._readers[place] += 1
        return await asyncio.shield(self._next[place])

    async def _list(self, place: Place, whole: Whole) -> Listed:
        """List a place, once the list before is over: who comes until then is a reader of this."""
        if place in self._running:
            await asyncio.wait([self._running[place]])
        self._running[place] = self._next.pop(place)
        try:
            return await whole(self._readers.pop(place))
        finally:
            del self._running[place]
