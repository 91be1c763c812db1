"""Figures of a case, with their confidence intervals."""

from collections import Counter
from dataclasses import dataclass, field
from math import inf, sqrt

from benchmarks.judge.cases import Case, Target
from benchmarks.judge.world import TICK

Z = 1.96


@dataclass
class Tally:
    """What one rule did in the runs of one case.

    Attributes:
        runs: simulated ones.
        promoted: those promoted before any fallback.
        falls: fallbacks by the tick they came at, counted from 0.
    """

    runs: int = 0
    promoted: int = 0
    falls: Counter[int] = field(default_factory=Counter)

    @property
    def fell(self) -> int:
        """Give the number of fallbacks."""
        return self.falls.total()

    def add(self, breach: int | None, within: int | None) -> None:
        """Count a run: ticks of the fallback and of the promotion before it."""
        self.runs += 1
        if breach is not None:
            self.falls[breach] += 1
        if within is not None and (breach is None or within < breach):
            self.promoted += 1

    def merge(self, other: "Tally") -> None:
        """Add another part of the same case."""
        self.runs += other.runs
        self.promoted += other.promoted
        self.falls += other.falls

    def _minutes(self, rank: float) -> float:
        """Give the time of the fallback of this rank, in minutes."""
        for tick, count in sorted(self.falls.items()):
            rank -= count
            if rank < 0:
                return (tick + 1) * TICK / 60
        return (max(self.falls) + 1) * TICK / 60

    @property
    def median(self) -> float | None:
        """Give the median time of those that fell, in minutes."""
        return self._minutes(self.fell // 2) if self.fell else None

    @property
    def median_interval(self) -> tuple[float, float] | None:
        """Give its 95 % interval, from the ranks' binomial distribution."""
        if not self.fell:
            return None
        half = Z * sqrt(self.fell) / 2
        return self._minutes(max(0, self.fell / 2 - half)), self._minutes(self.fell / 2 + half)


@dataclass
class Result:
    """All rules on one case; `early` is ours with `earlyTrip`."""

    case: Case
    tallies: dict[str, Tally] = field(default_factory=dict)

    def tally(self, rule: str) -> Tally:
        """Give the tally of a rule."""
        return self.tallies.setdefault(rule, Tally())


def wilson(hits: int, runs: int) -> tuple[float, float]:
    """Give Wilson's 95 % interval of a share."""
    rate, z2 = hits / runs, Z * Z
    centre = (rate + z2 / 2 / runs) / (1 + z2 / runs)
    half = Z / (1 + z2 / runs) * sqrt(rate * (1 - rate) / runs + z2 / 4 / runs / runs)
    low = max(0.0, centre - half) if hits else 0.0
    return low, min(1.0, centre + half) if hits < runs else 1.0


def value(result: Result, figure: str) -> float | None:
    """Give the figure that a target is about; shares from 0 to 1, times in minutes."""
    ours, early = result.tally("ours"), result.tally("early")
    match figure:
        case "fell":
            return ours.fell / ours.runs
        case "fell_early":
            return early.fell / early.runs
        case "promoted":
            return ours.promoted / ours.runs
        case "minutes":
            return ours.median
        case _:
            return early.median


def interval(result: Result, figure: str) -> tuple[float, float]:
    """Give the 95 % interval of the same; a median of no time at all is anything."""
    ours, early = result.tally("ours"), result.tally("early")
    match figure:
        case "fell":
            return wilson(ours.fell, ours.runs)
        case "fell_early":
            return wilson(early.fell, early.runs)
        case "promoted":
            return wilson(ours.promoted, ours.runs)
        case "minutes":
            return ours.median_interval or (0.0, inf)
        case _:
            return early.median_interval or (0.0, inf)


def met(result: Result, target: Target) -> bool:
    """Tell whether a target is reached by the figure as measured."""
    found = value(result, target.figure)
    if found is None:
        return False
    return (target.most is None or found <= target.most) and (
        target.least is None or found >= target.least
    )
