"""Raw counters of pods, as read at one tick."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from math import inf, isfinite, isnan
from typing import Final, NamedTuple

from pecr_rollout.contract.signals import BUDGET_VIOLATIONS, REQUEST_DURATION, REQUESTS
from pecr_rollout.contract.signals import STOP_REASONS as STOP_REASONS_SIGNAL
from pecr_rollout.contract.signals import TERMINAL as TERMINAL_SIGNAL
from pecr_rollout.telemetry.server import PrometheusServer


class Family(StrEnum):
    """Counters that are born, read and broken together."""

    LATENCY = "latency"  # requests up to a bound, by `le`
    REQUESTS = "requests"  # by `status`
    TERMINAL = "terminal"  # answers, by `terminal_mode`
    VIOLATIONS = "violations"
    STOPS = "stops"  # by `reason`


class Source(NamedTuple):
    """Where a family is read from."""

    metric: str
    label: str


SOURCES: Final[Mapping[Family, Source]] = {
    Family.LATENCY: Source(REQUEST_DURATION.metric + "_bucket", "le"),
    Family.REQUESTS: Source(REQUESTS.metric, "status"),
    Family.TERMINAL: Source(TERMINAL_SIGNAL.metric, "terminal_mode"),
    Family.VIOLATIONS: Source(BUDGET_VIOLATIONS.metric, ""),
    Family.STOPS: Source(STOP_REASONS_SIGNAL.metric, "reason"),
}
_BY_METRIC: Final = {source.metric: (family, source.label) for family, source in SOURCES.items()}

MARK: Final = "pecr_mark"
"""The label that our queries add: `SEEN` on the time of a pod's newest sample."""
COHORT: Final = "pecr_cohort"
"""The label that our queries add where cohorts are told by matchers."""
SEEN: Final = "seen"

Values = dict[str, dict[str, float]]
"""Counters by family and label: `{"latency": {"2.5": 44.0}, "requests": {"200": 44.0}}`."""


@lru_cache(maxsize=64)
def bound_label(bound: float) -> str:
    """Give the label of the counter of requests up to a bound, in seconds."""
    return repr(float(bound))


def bound_of(label: str) -> float | None:
    """Read the bound of a bucket: Prometheus 3 has 1.0, 2 has 1, and a pod may write anything."""
    try:
        bound = float(label)
    except ValueError:
        return None
    return None if isnan(bound) else bound


ALL_REQUESTS: Final = bound_label(inf)


class Counter(NamedTuple):
    """A counter of a pod; the family `SEEN` is the time of its newest sample."""

    family: str
    label: str = ""


class Pod(NamedTuple):
    """A pod as Prometheus knows it; the cohort only where it is told by matchers."""

    namespace: str
    name: str
    cohort: str = ""


@dataclass(slots=True)
class Reading:
    """The counters of one pod at one tick.

    Attributes:
        seen: time of its newest sample; None where that series is missing.
        values: counters that are numbers.
        broken: families in which a value was none.
    """

    seen: float | None = None
    values: Values = field(default_factory=dict)
    broken: frozenset[str] = frozenset()

    def put(self, counter: "Counter", value: float) -> None:
        """Take one value; of two of the same counter the larger is the newer one."""
        family, label = counter
        if family == SEEN:
            if isfinite(value):
                self.seen = value if self.seen is None else max(value, self.seen)
        elif isfinite(value) and value >= 0:
            values = self.values.setdefault(family, {})
            values[label] = max(values.get(label, value), value)
        else:
            self.broken |= {family}


Frame = dict[Pod, Reading]
"""All pods at one tick."""


class Labels:
    """Reads the labels of our queries' series; each distinct one is worked out once."""

    __slots__ = ("_known", "_namespace", "_pod")

    def __init__(self, server: PrometheusServer) -> None:
        self._namespace = server.namespace_label
        self._pod = server.pod_label
        self._known: dict[tuple[str, str], Counter | None] = {}

    def pod(self, labels: Mapping[str, str]) -> Pod:
        """Give the pod of a series; the scrape target stands in where pods have no name."""
        name = labels.get(self._pod) or labels.get("instance", "")
        return Pod(labels.get(self._namespace, ""), name, labels.get(COHORT, ""))

    def counter(self, labels: Mapping[str, str]) -> Counter | None:
        """Give the counter of a series; None if it is none of ours."""
        metric = labels.get("__name__")
        if metric is None:
            return _SEEN if labels.get(MARK) == SEEN else None
        family = _BY_METRIC.get(metric)
        if family is None:
            return None
        known = (metric, labels.get(family[1], "") if family[1] else "")
        if known not in self._known:
            self._known[known] = _counter(family[0], known[1])
        return self._known[known]


_SEEN: Final = Counter(SEEN)


def _counter(family: Family, label: str) -> Counter | None:
    if family is not Family.LATENCY:
        return Counter(family.value, label)
    bound = bound_of(label)
    return None if bound is None else Counter(family.value, bound_label(bound))


class Needed(NamedTuple):
    """What has to be read.

    Attributes:
        families: all that are asked for.
        bounds: of the latency histogram, in seconds, the infinite one included.
    """

    families: frozenset[Family]
    bounds: frozenset[float] = frozenset()

    def __or__(self, other: object) -> "Needed":
        """Give what serves both."""
        if not isinstance(other, Needed):
            return NotImplemented
        return Needed(self.families | other.families, self.bounds | other.bounds)

    def wanted(self) -> "Wanted":
        """Give what to keep of a reading."""
        bounds = (bound_label(bound) for bound in self.bounds)
        return Wanted(frozenset(family.value for family in self.families), frozenset(bounds))


class Wanted(NamedTuple):
    """Which counters to keep of those that were read for all rollouts together.

    Attributes:
        families: by name.
        bounds: of the latency histogram, as labels.
    """

    families: frozenset[str]
    bounds: frozenset[str]

    def of(self, reading: Reading) -> Reading:
        """Give the wanted counters only."""
        values = {name: some for name, some in reading.values.items() if name in self.families}
        latency = values.get(Family.LATENCY)
        if latency is not None:
            kept = {label: value for label, value in latency.items() if label in self.bounds}
            values[Family.LATENCY] = kept
        return Reading(reading.seen, values, reading.broken)


def together(needs: Iterable[Needed]) -> Needed:
    """Give what serves all."""
    union = Needed(frozenset())
    for needed in needs:
        union |= needed
    return union
