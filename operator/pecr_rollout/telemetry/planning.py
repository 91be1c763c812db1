"""Which ticks of which rollouts are read by one query."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from pecr_rollout.telemetry import promql
from pecr_rollout.telemetry.counters import Frame, Pod, Reading, together
from pecr_rollout.telemetry.frames import Frames
from pecr_rollout.telemetry.server import PrometheusServer
from pecr_rollout.telemetry.track import Readings, Track

ROLLOUTS: Final = 500
"""Most rollouts in one query."""
PODS: Final = 2500
"""Most pods in one query, as far as they are known: an answer is large in memory."""
POD_TICKS: Final = 10_000
"""Most pods times ticks in one range query."""
SLICE: Final = 60
"""Most ticks in one range query."""
_PAUSE_AFTER: Final = 100  # rollouts; some milliseconds
_FEWEST_PODS: Final = 2  # a canary's and a fleet's, while none was seen yet


@dataclass(frozen=True, slots=True)
class Job:
    """The ticks that are to be read for one rollout, by number."""

    key: str
    track: Track
    first: int
    last: int

    @property
    def ticks(self) -> int:
        """Give their number."""
        return self.last - self.first + 1

    def cut(self, start: int, end: int) -> "Job":
        """Give the ticks of it from one time to another, in milliseconds."""
        skipped = max(start - self.start, 0) // self.step
        left_out = max(self.end - end, 0) // self.step
        return replace(self, first=self.first + skipped, last=self.last - left_out)

    @property
    def start(self) -> int:
        """Give the first one's time, in milliseconds."""
        return round(self.track.grid.tick(self.first) * 1000)

    @property
    def end(self) -> int:
        """Give the last one's time, in milliseconds."""
        return round(self.track.grid.tick(self.last) * 1000)

    @property
    def step(self) -> int:
        """Give the interval in milliseconds."""
        return round(self.track.scope.interval * 1000)

    @property
    def pods(self) -> int:
        """Give how many pods are expected."""
        return max(self.track.pods, _FEWEST_PODS)

    @property
    def alone(self) -> bool:
        """Tell whether it needs a query of its own: matchers may overlap, or be refused."""
        return any(subject.matchers for subject in self.track.scope.subjects.values())


class Batch:
    """Jobs that are read by one query."""

    def __init__(self, jobs: Sequence[Job]) -> None:
        self.jobs = jobs
        self.start = min(job.start for job in jobs)
        self.end = max(job.end for job in jobs)
        self.step = jobs[0].step
        self._needed = together(job.track.scope.needed for job in jobs)

    def ready(self) -> "Batch | None":
        """Give the same without the jobs that an earlier slice could not be read of."""
        jobs = [job for job in self.jobs if job.track.next_tick == job.first]
        return self if len(jobs) == len(self.jobs) else Batch(jobs) if jobs else None

    def query(self, server: PrometheusServer) -> str:
        """Write the query."""
        scopes = [job.track.scope for job in self.jobs]
        if self.jobs[0].alone:
            return promql.raw_by_matchers(server, list(scopes[0].subjects.items()), self._needed)
        subjects = [subject for scope in scopes for subject in scope.subjects.values()]
        return promql.raw(server, subjects, self._needed)

    def take(self, frames: Frames, stale_after: float) -> Iterator[None]:
        """Give each rollout its pods, tick by tick; pauses now and then, to let others work."""
        routes = _Routes(self.jobs)
        mine = [(job.track, job.start, job.end, self._filter(job)) for job in self.jobs]
        for at in range(self.start, self.end + 1, self.step):
            sorted_out = routes.sort(frames.get(at, {}))
            for place, (track, start, end, kept) in enumerate(mine):
                if place % _PAUSE_AFTER == 0:
                    yield
                if start <= at <= end:
                    canary, baseline = sorted_out[place, "canary"], sorted_out[place, "baseline"]
                    track.take(kept(canary), kept(baseline), stale_after)

    def _filter(self, job: Job) -> Callable[[Readings], Readings]:
        """Give what drops the counters that were read for other rollouts only."""
        needed = job.track.scope.needed
        if needed == self._needed:
            return lambda readings: readings
        wanted = needed.wanted()
        return lambda readings: {pod: wanted.of(reading) for pod, reading in readings.items()}


_Place = tuple[int, str]
"""Number of a job, and the name of a cohort."""


class _Routes:
    """Which pod belongs to whom."""

    def __init__(self, jobs: Sequence[Job]) -> None:
        self._alone = jobs[0].alone
        self._replica_sets: dict[tuple[str, str], list[_Place]] = defaultdict(list)
        self._deployments: dict[tuple[str, str], list[_Place]] = defaultdict(list)
        self._known: dict[Pod, list[_Place]] = {}
        for number, job in enumerate(jobs):
            for cohort, subject in job.track.scope.subjects.items():
                for name in subject.replica_sets:
                    self._replica_sets[subject.namespace, name].append((number, cohort))
                for name in subject.deployments:
                    self._deployments[subject.namespace, name].append((number, cohort))

    def sort(self, frame: Frame) -> dict[_Place, dict[Pod, Reading]]:
        """Give the readings of each cohort."""
        readings: dict[_Place, dict[Pod, Reading]] = defaultdict(dict)
        for pod, reading in frame.items():
            for place in self._of(pod):
                readings[place][pod] = reading
        return readings

    def _of(self, pod: Pod) -> list[_Place]:
        if pod not in self._known:
            self._known[pod] = [(0, pod.cohort)] if self._alone else self._by_name(pod)
        return self._known[pod]

    def _by_name(self, pod: Pod) -> list[_Place]:
        replica_set = pod.name.rpartition("-")[0]
        deployment = replica_set.rpartition("-")[0]
        return [
            *self._replica_sets.get((pod.namespace, replica_set), ()),
            *self._deployments.get((pod.namespace, deployment), ()),
        ]


Chain = list[Batch]
"""Batches that must be read one after the other; chains can be read side by side."""


def instants(jobs: Iterable[Job]) -> Iterator[Chain]:
    """Give batches of jobs that all wait for the same single tick."""
    groups: dict[object, list[Job]] = defaultdict(list)
    for job in jobs:
        groups[job.key if job.alone else job.start].append(job)
    for group in groups.values():
        for chunk in _chunks(group, PODS, ticks=1):
            yield [Batch(chunk)]


def ranges(jobs: Iterable[Job]) -> Iterator[Chain]:
    """Give batches of jobs whose ticks lie so close that one range serves them all.

    Those of a batch are of one order of length and of one stretch of that order, so that at most
    thrice as many ticks are read as are needed.
    """
    groups: dict[object, list[Job]] = defaultdict(list)
    for job in jobs:
        order = job.ticks.bit_length()
        place = (job.step, job.start % job.step, order, job.first >> order)
        groups[job.key if job.alone else place].append(job)
    for group in groups.values():
        start, end = min(job.start for job in group), max(job.end for job in group)
        ticks = (end - start) // group[0].step + 1
        for chunk in _chunks(group, POD_TICKS, min(ticks, SLICE)):
            yield list(_slices(chunk))


def _slices(jobs: Sequence[Job]) -> Iterator[Batch]:
    """Cut jobs in time, so that an answer stays small however many pods a fleet has."""
    first, last = min(job.start for job in jobs), max(job.end for job in jobs)
    step = jobs[0].step
    for start in range(first, last + 1, SLICE * step):
        end = start + (SLICE - 1) * step
        yield Batch([job.cut(start, end) for job in jobs if job.start <= end and job.end >= start])


def _chunks(jobs: Sequence[Job], limit: int, ticks: int) -> Iterator[Sequence[Job]]:
    """Cut a group, in the order of its namespaces, which should stand in few queries each."""
    chunk: list[Job] = []
    size = 0
    for job in sorted(jobs, key=lambda job: (job.track.scope.canary.namespace, job.key)):
        more = job.pods * ticks
        if chunk and (size + more > limit or len(chunk) == ROLLOUTS):
            yield chunk
            chunk, size = [], 0
        chunk.append(job)
        size += more
    if chunk:
        yield chunk
