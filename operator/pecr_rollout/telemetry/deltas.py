"""By how much the counters of a cohort grew between two ticks.

Deltas of raw counters, pod by pod: no extrapolation and no ratio, so that the same samples always
give the same counts.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from pecr_rollout.judge.evidence import Reason
from pecr_rollout.telemetry.counters import Family, Pod, Reading, Values

FORGET_AFTER: Final = 120
"""Ticks after which a pod that vanished is forgotten."""


@dataclass(slots=True)
class Growth:
    """What a cohort's counters grew by since the tick before.

    Attributes:
        counts: by family and label, over all its pods.
        pods: pods with a fresh sample.
        counted: those of them whose growth is known.
        stale: whether there are pods whose newest sample is too old.
        broken: families in which some value was no number.
    """

    counts: Values = field(default_factory=dict)
    pods: int = 0
    counted: int = 0
    stale: bool = False
    broken: frozenset[str] = frozenset()
    _totals: dict[str, float] = field(default_factory=dict)

    def add(self, grown: Values) -> None:
        """Add the growth of one pod."""
        self.counted += 1
        for family, some in grown.items():
            counts = self.counts.get(family)
            if counts is None:
                self.counts[family] = dict(some)
                continue
            for label, value in some.items():
                counts[label] = counts.get(label, 0.0) + value

    def of(self, family: Family) -> Mapping[str, float]:
        """Give a family's growth by label."""
        return self.counts.get(family) or {}

    def total(self, family: Family) -> float:
        """Give a family's growth over all labels."""
        total = self._totals.get(family)
        if total is None:
            total = self._totals[family] = sum(self.of(family).values())
        return total

    def gap(self, families: frozenset[Family]) -> Reason | None:
        """Say why nothing can be counted from these families; None where it can."""
        if self.pods == 0:
            return Reason.STALE if self.stale else Reason.NO_SERIES
        if self.broken and not self.broken.isdisjoint(families):
            return Reason.NON_FINITE
        return None if self.counted else Reason.NO_SERIES


@dataclass(slots=True)
class _Known:
    """A pod's last counters, and for how many ticks it has not been seen."""

    values: Values
    missing: int = 0


class Cohort:
    """The last counters of the pods of a cohort or a fleet."""

    __slots__ = ("_pods",)

    def __init__(self) -> None:
        self._pods: dict[Pod, _Known] = {}

    @property
    def size(self) -> int:
        """Give the number of pods that are remembered."""
        return len(self._pods)

    @property
    def present(self) -> bool:
        """Tell whether some pod had a fresh sample at the last tick."""
        return any(known.missing == 0 for known in self._pods.values())

    def grow(self, readings: Mapping[Pod, Reading], oldest: float, *, continuous: bool) -> Growth:
        """Take the next tick.

        Args:
            readings: of the cohort's pods, with the needed counters only.
            oldest: the time before which a newest sample is stale.
            continuous: whether pods of the rollout were seen at the tick before; only then is a
                pod that is new one that was born since, and not one found late.
        """
        growth = Growth()
        born_since = continuous and bool(self._pods)
        for known in self._pods.values():
            known.missing += 1
        for pod, reading in readings.items():
            if reading.seen is None:
                continue
            if reading.seen < oldest:
                growth.stale = True
            else:
                self._take(pod, reading, growth, born_since=born_since)
        self._forget()
        return growth

    def _take(self, pod: Pod, reading: Reading, growth: Growth, *, born_since: bool) -> None:
        growth.pods += 1
        growth.broken |= reading.broken
        known = self._pods.get(pod)
        if known is not None:
            growth.add(_grown(known.values, reading))
        elif born_since:
            growth.add(reading.values)
        # Of a family with a value that is no number the last good ones stay, to be made up for.
        last = known.values if known is not None else {}
        kept = {family: last[family] for family in reading.broken if family in last}
        self._pods[pod] = _Known({**reading.values, **kept} if kept else reading.values)

    def _forget(self) -> None:
        gone = [pod for pod, known in self._pods.items() if known.missing > FORGET_AFTER]
        for pod in gone:
            del self._pods[pod]


_NONE: Final[Mapping[str, float]] = {}


def _grown(before: Values, reading: Reading) -> Values:
    """Give a pod's growth; a counter that fell or is gone tells that the process is a new one."""
    now = reading.values
    for family, counters in before.items():
        if family in reading.broken:
            continue
        seen = now.get(family, _NONE)
        for label, value in counters.items():
            if seen.get(label, -1.0) < value:
                return now
    return {
        family: {
            label: value - before.get(family, _NONE).get(label, 0.0)
            for label, value in counters.items()
        }
        for family, counters in now.items()
    }
