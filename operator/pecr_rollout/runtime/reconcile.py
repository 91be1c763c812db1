"""The reconcile step, one for every rollout and every wake-up.

observe -> judge -> plan -> carry out -> tell what is on record -> one status write, if it changed.
"""

import asyncio
import math
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from logging import DEBUG, INFO
from typing import Final, Self
from zlib import crc32

from pydantic import ValidationError

from pecr_rollout.api.rollout import FINALIZER, ControllerRollout, read
from pecr_rollout.api.status import Status, epoch, instant
from pecr_rollout.cluster.client import Api
from pecr_rollout.cluster.errors import (
    ClusterError,
    ConflictError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    RefusedError,
)
from pecr_rollout.cluster.execute import execute
from pecr_rollout.cluster.resources import ROLLOUTS
from pecr_rollout.cluster.status import write_status
from pecr_rollout.lifecycle.actions import RemoveFinalizer
from pecr_rollout.lifecycle.draft import Plan
from pecr_rollout.lifecycle.observation import FIGURES_EVERY, Cluster, Observation
from pecr_rollout.lifecycle.outbox import without
from pecr_rollout.lifecycle.plan import blocked, plan, worth_writing
from pecr_rollout.lifecycle.situation import Situation, judged
from pecr_rollout.lifecycle.stages import wants_preflight
from pecr_rollout.runtime import logs
from pecr_rollout.runtime.bench import Bench
from pecr_rollout.runtime.case import open_case
from pecr_rollout.runtime.checks import run_checks
from pecr_rollout.runtime.looks import Looks
from pecr_rollout.runtime.metrics import Metrics
from pecr_rollout.runtime.queue import DueQueue, Key
from pecr_rollout.runtime.settings import CHECKS
from pecr_rollout.runtime.table import Body, Table, Watched, same_but_evidence
from pecr_rollout.runtime.telling import Teller
from pecr_rollout.runtime.unreadable import stall, stall_unreadable

FIGURES_APART: Final = 0.6
"""Seconds between two writes, of whatever rollouts, that only refresh figures; less if they would
be older than FIGURES_OLDEST."""
FIGURES_OLDEST: Final = 300.0
RETRY_AFTER: Final = 1.0
"""Seconds until what the API server did not take is tried again, the first time."""
BLOCKED_RETRY: Final = 30.0
"""Seconds until something that only a person can end is tried again."""
WOKEN_BY_EVALUATION: Final = ("judging", "inconclusive")
"""Rows after which an evaluation is the wake-up: the first with news, or the first when due."""

PERSONAL: Final = (ForbiddenError, InvalidError, RefusedError)
"""Errors that only a person can end."""


@dataclass
class Reconciler:
    """Everything that a reconcile works with.

    Attributes:
        api: the API server.
        benches: the judges, by the name of their Prometheus.
        teller: tells what is on record.
        table: the rollouts that are known.
        queue: when each is due.
        metrics: the operator's own.
        log_format: plain or json.
        selector: of the labels of the rollouts that are ours; all if empty.
        over: set when nothing is watched any more.
        checking: who makes preflights.
        failed: how often in a row the API server failed each rollout.
        began: when the first one was looked at, on the Prometheus server's clock.
        looks: what was seen of the cluster.
    """

    api: Api
    benches: Mapping[str, Bench]
    teller: Teller
    table: Table
    queue: DueQueue
    metrics: Metrics
    log_format: str = "plain"
    selector: str = ""
    over: asyncio.Event = field(default_factory=asyncio.Event)
    checking: asyncio.Semaphore = field(default_factory=partial(asyncio.Semaphore, CHECKS))
    failed: dict[Key, int] = field(default_factory=dict)
    began: float = math.inf
    looks: Looks = field(init=False)

    def __post_init__(self) -> None:
        """Begin with nothing seen."""
        self.looks = Looks(self.api, self.table)

    def __copy__(self) -> Self:
        """Stay the one of the process: kopf copies what it hands on, for every object."""
        return self

    def outdate(self, key: Key) -> None:
        """Let the next reconcile look at the cluster again, now."""
        self.looks.outdate(key)
        self.queue.add(key)

    def heard(self, key: Key, body: Body) -> None:
        """Take what the watch tells of a rollout.

        A status alone was written by us, and told before the answer to the write was read: the
        cluster is as it was seen.
        """
        if not self.table.is_news(body):
            return
        known = self.table.get(key)
        self.table.replace(body)
        if known is not None and same_but_evidence(known, body):
            self.queue.add(key)
        else:
            self.outdate(key)

    def changed(self, watched: Watched) -> None:
        """Wake the rollouts that depend on an object."""
        for key in self.table.watchers(watched):
            self.outdate(key)

    def gone(self, key: Key, uid: str) -> None:
        """Forget a rollout that is gone, and wake those that may wait for its locks."""
        if self.table.drop(key, uid):
            self.forget(key)
        for other in self.table:
            if other.namespace == key.namespace:
                self.outdate(other)

    async def tell_last(self, body: Body) -> None:
        """Tell what is still on record of a rollout that is gone."""
        with suppress(ValidationError):
            await self.teller.tell(read(body))

    def forget(self, key: Key) -> None:
        """Drop everything about a rollout that is gone."""
        self.looks.forget(key)
        self.failed.pop(key, None)
        self.queue.drop(key)
        self.teller.failed.pop(key, None)
        self.metrics.forget(key)
        for bench in self.benches.values():
            bench.dismiss(key)

    async def work(self) -> None:
        """Reconcile what is due, for ever."""
        while True:
            key = await self.queue.take()
            try:
                await self._reconcile_safely(key)
            finally:
                self.queue.done(key)

    async def _reconcile_safely(self, key: Key) -> None:
        try:
            await self.reconcile(key)
        except ConflictError:
            await self._read_again(key)
        except ClusterError as error:
            self.metrics.errors.labels(type(error).__name__).inc()
            logs.LOGGER.warning("%s: %s", key, error)
            self.looks.outdate(key)
            self.queue.add(key, self._retry_after(key, error))
        except Exception as error:  # noqa: BLE001 - what one rollout meets must not stop the others
            self.metrics.errors.labels("Bug").inc()
            logs.LOGGER.exception("%s: this is a bug of the operator; it is tried again", key)
            self.looks.outdate(key)
            await self._say_bug(key, error)
            self.queue.add(key, BLOCKED_RETRY)
        else:
            self.failed.pop(key, None)

    def _retry_after(self, key: Key, error: ClusterError) -> float:
        """Give the seconds until the next try, twice as many each time.

        An API server that is away costs little, and is not overrun by thousands when it is back. A
        watch or an evaluation with news wakes earlier.
        """
        times = self.failed[key] = self.failed.get(key, 0) + 1
        wait: float = RETRY_AFTER * 2.0 ** min(times - 1, 5)
        return min(max(wait, error.retry_after or 0.0), BLOCKED_RETRY)

    async def _say_bug(self, key: Key, error: Exception) -> None:
        """Say it where people look, too."""
        body = self.table.get(key)
        if body is None:
            return
        text = (
            f"Stalled by a bug of the operator ({type(error).__name__}); its log has more. What is"
            " in force stays, and it is tried again."
        )
        try:
            written = await stall(self.api, body, "Bug", text, time.time())
        except ClusterError as refused:
            logs.LOGGER.warning("%s: %s", key, refused)
        else:
            if written is not None:
                self.table.renew(written)

    async def _read_again(self, key: Key) -> None:
        """Ask whether a rollout is there, and as what: the watch was late, or told of the past."""
        self.looks.outdate(key)
        if (known := self.table.get(key)) is None:
            return  # let go meanwhile
        self.api.newest.saw(ROLLOUTS, known)
        try:
            found = await self.api.list_all(ROLLOUTS, key.namespace, self.selector, name=key.name)
        except ClusterError:
            self.queue.add(key, RETRY_AFTER)
            return
        if key not in self.table:
            return
        if not found:  # gone, or no longer ours
            self.gone(key, known["metadata"]["uid"])
            return
        self.table.confirm(found[0])
        self.queue.add(key, RETRY_AFTER / 10)

    async def reconcile(self, key: Key) -> None:
        """Bring one rollout one step further.

        Raises:
            ClusterError: the API server did not do as asked; nothing is lost, try again.
        """
        if self.table.is_doubtful(key):
            await self._read_again(key)
            return
        body = self.table.get(key)
        if body is None:
            return
        try:
            rollout = read(body)
        except ValidationError as error:
            await self._stall(key, body, error)
            return
        observation = await self._observe(key, rollout)
        drawn = plan(observation)
        if rollout.metadata.deletion_timestamp is not None:
            await self.teller.tell(rollout)  # it may be gone after what is carried out
        try:
            await self._carry_out(key, rollout, observation.cluster, drawn)
        except PERSONAL as error:
            self.metrics.errors.labels(type(error).__name__).inc()
            drawn = replace(
                blocked(observation, type(error).__name__.removesuffix("Error"), str(error)),
                due=observation.now + BLOCKED_RETRY,
            )
        await self._record(key, rollout, drawn, observation)
        if _let_go(rollout, drawn) and key in self.table:
            self.gone(key, rollout.metadata.uid)  # no watch may ever tell of it

    async def _stall(self, key: Key, body: Body, error: ValidationError) -> None:
        for bench in self.benches.values():
            bench.dismiss(key)
        written = await stall_unreadable(self.api, body, error, time.time())
        if written is not None:
            self.table.renew(written)

    async def _observe(self, key: Key, rollout: ControllerRollout) -> Observation:
        bench = self.benches.get(rollout.spec.analysis.prometheus)
        # an empty bench is a bench: its length is 0
        now = time.time() if bench is None else await bench.time()
        cluster = await self.looks.at(key, rollout)
        situation = Situation(Observation(rollout, cluster, now))
        if wants_preflight(situation):
            known = tuple(self.benches)
            async with self.checking:
                checks = await run_checks(self.api, bench, known, rollout, cluster)
            return Observation(rollout, cluster, now, preflight=checks)
        return self._judge(key, situation, bench)

    def _judge(self, key: Key, situation: Situation, bench: Bench | None) -> Observation:
        observation, who = situation.observation, judged(situation)
        if who is None or bench is None:
            for other in self.benches.values():
                other.dismiss(key)
            return observation
        rollout, snapshot = situation.rollout, situation.cluster.snapshot
        seat = bench.hear(key, open_case(rollout, situation.spec, who, snapshot))
        return replace(
            observation,
            judgement=seat.judgement,
            figures=seat.figures,
            figures_every=self._figures_every(rollout, observation.now),
        )

    def _figures_every(self, rollout: ControllerRollout, now: float) -> float:
        """Give how old figures in a status may be: of many, their writes would be half the bill.

        After a start those of all are old, and what else is to be done is more urgent: each waits
        for a time of its own.
        """
        judged = sum(map(len, self.benches.values()))
        every = min(max(FIGURES_EVERY, judged * FIGURES_APART), FIGURES_OLDEST)
        self.began = min(self.began, now)
        if rollout.status.figures_at is None:
            return every
        share = crc32(rollout.metadata.uid.encode()) / 2**32
        return max(every, self.began + every * share - epoch(rollout.status.figures_at))

    async def _carry_out(
        self, key: Key, rollout: ControllerRollout, cluster: Cluster, drawn: Plan
    ) -> None:
        try:
            for action in drawn.actions:
                await execute(self.api, rollout, cluster, action)
        finally:
            # No watch tells that a right was given back, or that what is missing was only not told.
            if drawn.actions or drawn.stalled:
                self.looks.outdate(key)

    async def _record(
        self, key: Key, rollout: ControllerRollout, drawn: Plan, observation: Observation
    ) -> None:
        now, every = observation.now, observation.figures_every
        # what is told here was recorded by an earlier write, and goes off the record with this one
        status = without(drawn.status, await self.teller.tell(rollout))
        if worth_writing(rollout.status, status, now, every):
            status = status.model_copy(update={"figures_at": instant(now)})
            await self._write(key, rollout, status)
            self._log(rollout, drawn)
            self.metrics.planned(rollout, drawn)
        if key not in self.table:
            return  # it went meanwhile: nothing of it is shown any more
        opened = status.incident.opened_at if status.incident else None
        self.metrics.show(key, status, epoch(opened) if opened else None)
        self._come_back(key, rollout, drawn, now)

    def _log(self, rollout: ControllerRollout, drawn: Plan) -> None:
        """Log what is new; figures alone are not."""
        before, after = rollout.status, drawn.status
        same = (before.stage, before.message, before.slo) == (after.stage, after.message, after.slo)
        log = logs.of_rollout(rollout, self.log_format)
        log.log(DEBUG if same else INFO, "%s: %s", drawn.row, after.message)

    def _come_back(self, key: Key, rollout: ControllerRollout, drawn: Plan, now: float) -> None:
        if drawn.due is None:
            return
        bench = self.benches.get(rollout.spec.analysis.prometheus)
        waits = drawn.due > now and drawn.row in WOKEN_BY_EVALUATION
        if bench is not None and waits:
            bench.rest(key, drawn.due)
        else:
            self.queue.add(key, drawn.due - now)

    async def _write(self, key: Key, rollout: ControllerRollout, status: Status) -> None:
        try:
            self.table.renew(await write_status(self.api, rollout, status))
        except NotFoundError:
            self.gone(key, rollout.metadata.uid)


def _let_go(rollout: ControllerRollout, drawn: Plan) -> bool:
    """Tell whether carrying out a plan ended a rollout: the finalizer that held it is off."""
    metadata = rollout.metadata
    held = metadata.deletion_timestamp is not None and {*metadata.finalizers} <= {FINALIZER}
    return held and RemoveFinalizer() in drawn.actions
