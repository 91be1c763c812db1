"""What was seen of the cluster for each rollout, until a watch or a write makes it old.

What is written has preconditions: a change that no watch told of yet is a conflict.
"""

import asyncio
import pickle
import time
import zlib
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from typing import Final, NamedTuple, Self

from pydantic import ValidationError

from pecr_rollout.api.rollout import ControllerRollout, read
from pecr_rollout.api.status import Stage
from pecr_rollout.cluster.client import Api
from pecr_rollout.cluster.errors import ClusterError, UnreachableError
from pecr_rollout.cluster.observe import observe, observe_all, observe_locks
from pecr_rollout.cluster.whole import NotWholeError
from pecr_rollout.lifecycle.observation import Cluster
from pecr_rollout.runtime.queue import Key
from pecr_rollout.runtime.table import Table

TRUST_WATCHES: Final = 1800.0
"""Seconds for which a look holds while no watch says otherwise."""
MANY: Final = 10
"""Rollouts of a namespace that are looked at together, with one list of each kind."""
STEADY: Final = (Stage.JUDGING, Stage.IDLE)
"""Stages in which nothing is written."""


class _Seen(NamedTuple):
    """A look, packed: 1 KiB in place of 8 for what is read now and then."""

    began: float
    packed: bytes

    @classmethod
    def pack(cls, began: float, cluster: Cluster) -> Self:
        return cls(began, zlib.compress(pickle.dumps(cluster), 1))

    @property
    def cluster(self) -> Cluster:
        found: Cluster = pickle.loads(zlib.decompress(self.packed))  # noqa: S301 - our own
        return found


class Looks:
    """The last look for each rollout."""

    def __init__(self, api: Api, table: Table) -> None:
        """Begin with nothing seen.

        Args:
            api: the API server.
            table: the rollouts that are known.
        """
        self._api = api
        self._table = table
        self._seen: dict[Key, _Seen] = {}
        self._news: dict[Key, int] = {}
        self._number = count(1)  # of another rollout of the same name there is other news
        self._together: dict[str, asyncio.Task[None]] = {}
        self._not_whole: set[str] = set()

    def outdate(self, key: Key) -> None:
        """Take note that something changed: a look that has begun may not have seen it."""
        self._seen.pop(key, None)
        self._news[key] = next(self._number)

    def forget(self, key: Key) -> None:
        """Drop all about a rollout that is gone."""
        self._seen.pop(key, None)
        self._news.pop(key, None)

    async def at(self, key: Key, rollout: ControllerRollout) -> Cluster:
        """Look at the cluster, unless nothing can have changed since the last look.

        Raises:
            ClusterError: the API server did not answer as it should; nothing is known.
        """
        stage = rollout.status.stage
        if stage in STEADY and not self._holds(key):
            await self._look_together(key.namespace)
        if (known := self._last(key)) is not None:
            if stage in STEADY:
                return known
            if stage is Stage.WRITING:
                return await observe_locks(self._api, rollout, known)
        began, news = time.monotonic(), self._news.get(key, 0)
        cluster = await observe(self._api, rollout)
        self._keep(key, began, news, cluster)
        return cluster

    def _last(self, key: Key) -> Cluster | None:
        """Give the last look, if it still holds."""
        return self._seen[key].cluster if self._holds(key) else None

    def _holds(self, key: Key) -> bool:
        return key in self._seen and time.monotonic() - self._seen[key].began < TRUST_WATCHES

    def _keep(self, key: Key, began: float, news: int, cluster: Cluster) -> None:
        """Keep a look, unless something changed during it, or one of its answers was an old one."""
        torn = any(workload.torn for workload in cluster.workloads)
        if self._news.get(key, 0) == news and not torn:
            self._seen[key] = _Seen.pack(began, cluster)

    async def _look_together(self, namespace: str) -> None:
        """Look for all rollouts of a namespace if many have to be, as after a restart."""
        if namespace not in self._together:
            keys = [key for key in self._table.of(namespace, STEADY) if not self._holds(key)]
            if len(keys) < MANY or namespace in self._not_whole:
                return
            self._together[namespace] = asyncio.create_task(self._look_at_all(namespace, keys))
        try:
            await asyncio.shield(self._together[namespace])
        except UnreachableError as error:
            raise UnreachableError(str(error)) from None  # each has a traceback of its own
        except ClusterError:
            return  # each looks for itself then, and says so

    async def _look_at_all(self, namespace: str, keys: list[Key]) -> None:
        began, news = time.monotonic(), {key: self._news.get(key, 0) for key in keys}
        try:
            async for rollout, cluster in observe_all(self._api, self._rollouts(keys)):
                key = Key(namespace, rollout.metadata.name)
                self._keep(key, began, news[key], cluster)
        except NotWholeError:
            self._not_whole.add(namespace)
        finally:
            del self._together[namespace]

    def _rollouts(self, keys: list[Key]) -> Iterator[ControllerRollout]:
        """Read those that can be read."""
        for key in keys:
            if (body := self._table.get(key)) is not None:
                with suppress(ValidationError):
                    yield read(body)
