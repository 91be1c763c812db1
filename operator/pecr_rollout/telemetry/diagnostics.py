"""Figures for people: latency quantiles, stop reasons, operations in flight, queue wait.

They come from Prometheus's own functions, by ReplicaSet, and no verdict depends on them.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from math import isfinite
from typing import Final, NamedTuple, TypeVar

from pecr_rollout.telemetry import promql
from pecr_rollout.telemetry.client import Prometheus, Sample
from pecr_rollout.telemetry.counters import COHORT, MARK, bound_of
from pecr_rollout.telemetry.planning import ROLLOUTS
from pecr_rollout.telemetry.promql import REPLICA_SET
from pecr_rollout.telemetry.quantile import quantile
from pecr_rollout.telemetry.subjects import Subject

P95: Final = 0.95
P99: Final = 0.99

_Label = TypeVar("_Label", float, str)


class Watched(NamedTuple):
    """A rollout whose figures are asked for."""

    key: str
    canary: Subject
    baseline: Subject | None


@dataclass(frozen=True, slots=True)
class Figures:
    """What people look at, of one cohort over some minutes.

    Attributes:
        requests: to POST /v1/run, as Prometheus estimates them.
        p95_ms: of their latency; None without requests.
        p99_ms: of their latency; None without requests.
        queue_wait_p95_ms: of operator calls; None without calls.
        inflight: operator calls under way now.
        stop_reasons: how often, by reason.
    """

    requests: float = 0.0
    p95_ms: float | None = None
    p99_ms: float | None = None
    queue_wait_p95_ms: float | None = None
    inflight: float | None = None
    stop_reasons: Mapping[str, float] = field(default_factory=dict)


Both = tuple[Figures, Figures | None]
"""A canary's figures, and those of the rest of the fleet where there is one."""


async def figures(
    prometheus: Prometheus, watched: Iterable[Watched], at: float, window: float
) -> dict[str, Both]:
    """Read the figures of some rollouts over the seconds before a time.

    Raises:
        PrometheusUnavailable: there is no answer that can be used.
    """
    found: dict[str, Both] = {}
    entries = sorted(watched, key=lambda entry: (entry.canary.namespace, entry.key))
    waiting = (entry for entry in entries if not _matched(entry))
    while chunk := list(islice(waiting, ROLLOUTS)):
        subjects = [subject for entry in chunk for subject in entry[1:] if subject is not None]
        query = promql.figures(prometheus.server, subjects, window)
        groups = await prometheus.instant(query, at, partial(_by_group, prometheus))
        found |= {entry.key: _both(entry, groups) for entry in chunk}
    for entry in filter(_matched, entries):
        found[entry.key] = await _of_matchers(prometheus, entry, at, window)
    return found


def _matched(entry: Watched) -> bool:
    return bool(entry.canary.matchers)


async def _of_matchers(prometheus: Prometheus, entry: Watched, at: float, window: float) -> Both:
    fleet = [("baseline", entry.baseline)] if entry.baseline is not None else []
    cohorts = [("canary", entry.canary), *fleet]
    query = promql.figures_by_matchers(prometheus.server, cohorts, window)
    groups = await prometheus.instant(query, at, partial(_by_group, prometheus))
    baseline = _figures([groups["", "baseline"]]) if fleet else None
    return _figures([groups["", "canary"]]), baseline


class _Group:
    """The figures of one ReplicaSet, or of one cohort."""

    def __init__(self) -> None:
        self.latency: dict[float, float] = {}
        self.queue: dict[float, float] = {}
        self.stops: dict[str, float] = {}
        self.inflight: float | None = None

    def put(self, labels: Mapping[str, str], value: float) -> None:
        """Take one series."""
        if not isfinite(value):
            return
        match labels.get(MARK):
            case "latency":
                _put_bucket(self.latency, labels, value)
            case "queue":
                _put_bucket(self.queue, labels, value)
            case "stops":
                self.stops[labels.get("reason", "")] = value
            case "inflight":
                self.inflight = value


def _put_bucket(buckets: dict[float, float], labels: Mapping[str, str], value: float) -> None:
    bound = bound_of(labels.get("le", ""))
    if bound is not None:
        buckets[bound] = value


_Groups = Mapping[tuple[str, str], _Group]
"""By namespace and ReplicaSet, or by cohort with no namespace."""


def _by_group(prometheus: Prometheus, samples: Iterable[Sample]) -> _Groups:
    groups: dict[tuple[str, str], _Group] = defaultdict(_Group)
    namespace = prometheus.server.namespace_label
    for labels, _, value in samples:
        name = labels.get(COHORT)
        place = ("", name) if name else (labels.get(namespace, ""), labels.get(REPLICA_SET, ""))
        groups[place].put(labels, value)
    return groups


def _both(entry: Watched, groups: _Groups) -> Both:
    baseline = None if entry.baseline is None else _figures(_pick(entry.baseline, groups))
    return _figures(_pick(entry.canary, groups)), baseline


def _pick(subject: Subject, groups: _Groups) -> list[_Group]:
    places = ((subject.namespace, name) for name in subject.replica_sets)
    return [groups[place] for place in places if place in groups]


def _figures(groups: Sequence[_Group]) -> Figures:
    latency = _sum(group.latency for group in groups)
    inflight = [group.inflight for group in groups if group.inflight is not None]
    return Figures(
        requests=latency.get(float("inf"), 0.0),
        p95_ms=_milliseconds(quantile(P95, latency)),
        p99_ms=_milliseconds(quantile(P99, latency)),
        queue_wait_p95_ms=_milliseconds(quantile(P95, _sum(group.queue for group in groups))),
        inflight=sum(inflight) if inflight else None,
        stop_reasons={name: n for name, n in _sum(g.stops for g in groups).items() if n > 0},
    )


def _sum(parts: Iterable[Mapping[_Label, float]]) -> dict[_Label, float]:
    total: dict[_Label, float] = defaultdict(float)
    for part in parts:
        for label, value in part.items():
            total[label] += value
    return dict(total)


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else seconds * 1000
