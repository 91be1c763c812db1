"""The collector: all rollouts of one Prometheus, read together, tick by tick."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from pecr_rollout.judge.evidence import Counts, Evaluation
from pecr_rollout.telemetry.client import Prometheus
from pecr_rollout.telemetry.errors import PrometheusUnavailable
from pecr_rollout.telemetry.frames import read_instant, read_range
from pecr_rollout.telemetry.grid import Grid
from pecr_rollout.telemetry.planning import Batch, Chain, Job, instants, ranges
from pecr_rollout.telemetry.questions import Asked
from pecr_rollout.telemetry.subjects import Subject
from pecr_rollout.telemetry.track import Scope, Track

SIDE_BY_SIDE: Final = 2
"""Queries at a time: one is read while the server works on the other. Answers are large."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """A rollout that is due.

    Attributes:
        key: names the rollout, for example its uid.
        asked: its questions.
        canary: the cohort.
        baseline: the rest of the fleet; None where there is none.
        interval: seconds between two evaluations.
        since: the start of its window, on the server's clock.
        until: evaluate up to the last tick at or before this time; `horizon()` or earlier.
        last: the tick of the last evaluation that the caller has; None for all since `since`.
    """

    key: str
    asked: tuple[Asked, ...]
    canary: Subject
    baseline: Subject | None
    interval: float
    since: float
    until: float
    last: float | None = None

    @property
    def scope(self) -> Scope:
        """Give what its counters depend on."""
        return Scope(self.asked, self.canary, self.baseline, self.interval, self.since)


@dataclass(frozen=True, slots=True)
class Collected:
    """What was read for a rollout.

    Attributes:
        evaluations: by question, one for each tick after `Due.last`, in order of time. They are
            what Prometheus holds: the same after a restart.
        unavailable: why Prometheus gave no answer now. The ticks that are missing come with the
            next answer; until then nothing is known.
    """

    evaluations: Mapping[str, tuple[Evaluation, ...]] = field(default_factory=dict)
    unavailable: PrometheusUnavailable | None = None


@dataclass(frozen=True, slots=True)
class History:
    """What a fleet counted before.

    Attributes:
        counts: per tick, by question; ticks with a gap are left out.
        unavailable: why not all of it could be read; what was read says nothing then.
    """

    counts: Mapping[str, tuple[Counts, ...]] = field(default_factory=dict)
    unavailable: PrometheusUnavailable | None = None


class Collector:
    """Reads the counts of all rollouts that share a Prometheus.

    Rollouts that are at the same tick share one query, those that have ticks to make up share
    range queries. Only the last raw counters of each pod are kept.
    """

    def __init__(self, prometheus: Prometheus, *, phase: float = 0.0) -> None:
        """Begin with nothing known.

        Args:
            prometheus: where to read.
            phase: seconds from the multiples of an interval to the ticks.
        """
        self._prometheus = prometheus
        self._phase = phase
        self._tracks: dict[str, Track] = {}
        self._turn = asyncio.Lock()  # ticks are taken in order, however late an answer is

    def next_tick(self, interval: float, now: float) -> float:
        """Give when, on the server's clock, the tick after `now` can be asked for."""
        delay = self._prometheus.server.delay
        grid = Grid(interval, self._phase)
        return grid.tick(grid.last(now - delay) + 1) + delay

    async def horizon(self) -> float:
        """Give the server's time up to which all scrapes are stored: what may be evaluated now.

        Raises:
            PrometheusUnavailable: the server's time is not known yet, and it gives no answer.
        """
        return await self._prometheus.now() - self._prometheus.server.delay

    def forget(self, key: str) -> None:
        """Drop what is kept of a rollout that is no longer judged."""
        self._tracks.pop(key, None)

    async def collect(self, due: Sequence[Due]) -> dict[str, Collected]:
        """Read what is missing of each rollout up to its last tick.

        Never raises for Prometheus: what could not be read is said for each rollout. After a
        restart the evaluations of a whole window are many; ask for some rollouts at a time then.
        """
        async with self._turn:
            jobs = [job for entry in due if (job := self._job(entry)) is not None]
            troubles = await self._read(jobs)
        return {entry.key: self._collected(entry, troubles) for entry in due}

    async def histories(
        self, due: Sequence[Due], subject: Callable[[Due], Subject], span: float
    ) -> dict[str, History]:
        """Count the fleet's requests per tick before each window began.

        Args:
            due: the rollouts.
            subject: gives the fleet of one, best as `deployments`.
            span: seconds to look back.
        """
        tracks: dict[str, Track] = {}
        jobs = []
        for entry in due:
            since = max(entry.since - span, 0.0)
            asked = tuple(one.alone for one in entry.asked)
            scope = Scope(asked, subject(entry), None, entry.interval, since)
            track = tracks[entry.key] = Track(scope, self._phase)
            last = track.grid.first(entry.since)
            if last >= track.next_tick:
                jobs.append(Job(entry.key, track, track.next_tick, last))
        troubles = await self._read(jobs)
        return {key: History(_counts(track), troubles.get(key)) for key, track in tracks.items()}

    async def history(
        self, due: Sequence[Due], subject: Callable[[Due], Subject], span: float
    ) -> dict[str, Mapping[str, tuple[Counts, ...]]]:
        """Give the same where all of them are needed.

        Raises:
            PrometheusUnavailable: one of them could not be read.
        """
        found = await self.histories(due, subject, span)
        for one in found.values():
            if one.unavailable is not None:
                raise one.unavailable
        return {key: one.counts for key, one in found.items()}

    def _job(self, due: Due) -> Job | None:
        """Give the ticks that are to be read for a rollout, if any."""
        track = self._tracks.get(due.key)
        if track is None or track.scope != due.scope or not track.follows(due.last):
            track = self._tracks[due.key] = Track(due.scope, self._phase, until=due.until)
        last = track.grid.last(due.until)
        return Job(due.key, track, track.next_tick, last) if last >= track.next_tick else None

    async def _read(self, jobs: Sequence[Job]) -> dict[str, PrometheusUnavailable]:
        """Read all jobs; give what went wrong, by rollout."""
        troubles: dict[str, PrometheusUnavailable] = {}
        side_by_side = asyncio.Semaphore(SIDE_BY_SIDE)

        async def read(chain: Chain) -> None:
            async with side_by_side:
                troubles.update(await self._read_chain(chain))

        async with asyncio.TaskGroup() as group:
            for chain in instants(job for job in jobs if job.ticks == 1):
                group.create_task(read(chain))
            for chain in ranges(job for job in jobs if job.ticks > 1):
                group.create_task(read(chain))
        return troubles

    async def _read_chain(self, chain: Chain) -> dict[str, PrometheusUnavailable]:
        """Read batches in their order, leaving out what an earlier one could not be read of."""
        troubles: dict[str, PrometheusUnavailable] = {}
        for batch in chain:
            ready = batch.ready()
            if ready is None:
                continue
            try:
                await self._take(ready)
            except PrometheusUnavailable as error:
                troubles |= dict.fromkeys((job.key for job in ready.jobs), error)
        return troubles

    async def _take(self, batch: Batch) -> None:
        """Read one batch, and take its ticks in order."""
        server = self._prometheus.server
        query = batch.query(server)
        start, end, step = batch.start / 1000, batch.end / 1000, batch.step / 1000
        if batch.start == batch.end:
            instant = partial(read_instant, server, batch.start)
            frames = await self._prometheus.instant(query, start, instant)
        else:
            several = partial(read_range, server)
            frames = await self._prometheus.range(query, start, end, step, several)
        for _ in batch.take(frames, server.stale_after):
            await asyncio.sleep(0)

    def _collected(self, due: Due, troubles: Mapping[str, PrometheusUnavailable]) -> Collected:
        track = self._tracks.get(due.key)
        made = track.made(due.last) if track is not None else {}
        return Collected(made, troubles.get(due.key))


def _counts(track: Track) -> dict[str, tuple[Counts, ...]]:
    """Give what a history counted, by question; ticks with a gap say nothing."""
    made = track.made(None)
    return {
        name: tuple(entry.canary for entry in evaluations if entry.canary is not None)
        for name, evaluations in made.items()
    }
