"""What is counted for each question, from the growth of a cohort's counters."""

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from math import inf
from typing import ClassVar, Protocol

from pecr_rollout.contract.signals import LATENCY_BOUNDS
from pecr_rollout.judge.evidence import Counts
from pecr_rollout.telemetry.counters import ALL_REQUESTS, Family, Needed, bound_label
from pecr_rollout.telemetry.deltas import Growth


class Measure(Protocol):
    """One way to count bad requests.

    Attributes:
        families: what has to be read for it.
    """

    families: ClassVar[frozenset[Family]]

    def count(self, grown: Growth) -> Counts | None:
        """Count; None where a series is missing that must be there beside the others."""
        ...


@lru_cache(maxsize=64)
def brackets(bound: float) -> tuple[float, float]:
    """Give the two bucket bounds around a latency, which are the same where it is one itself."""
    above = bisect_left(LATENCY_BOUNDS, bound)
    upper = LATENCY_BOUNDS[above] if above < len(LATENCY_BOUNDS) else inf
    if upper == bound:
        return bound, bound
    return (LATENCY_BOUNDS[above - 1] if above else 0.0), upper


@dataclass(frozen=True, slots=True)
class SlowerThan:
    """Requests that took longer than a bound, in seconds."""

    families: ClassVar[frozenset[Family]] = frozenset({Family.LATENCY})
    bound: float

    def count(self, grown: Growth) -> Counts | None:
        """Count: slower than the bound above is surely bad, between the two it is unsure."""
        upto = grown.of(Family.LATENCY)
        total = upto.get(ALL_REQUESTS, 0.0)
        lower, upper = brackets(self.bound)
        below = upto.get(bound_label(lower)) if lower > 0 else 0.0
        above = upto.get(bound_label(upper))
        if below is None or above is None:
            return None if upto else Counts(0.0, 0.0)
        return Counts(max(total - above, 0.0), total, max(above - below, 0.0))


@dataclass(frozen=True, slots=True)
class Violations:
    """Budget violations per answer; one request can add two, which the judge clips."""

    families: ClassVar[frozenset[Family]] = frozenset({Family.TERMINAL, Family.VIOLATIONS})

    def count(self, grown: Growth) -> Counts:
        """Count."""
        return Counts(grown.total(Family.VIOLATIONS), grown.total(Family.TERMINAL))


@dataclass(frozen=True, slots=True)
class TerminalMode:
    """Answers that end in a mode."""

    families: ClassVar[frozenset[Family]] = frozenset({Family.TERMINAL})
    mode: str

    def count(self, grown: Growth) -> Counts:
        """Count."""
        bad = grown.of(Family.TERMINAL).get(self.mode, 0.0)
        return Counts(bad, grown.total(Family.TERMINAL))


@dataclass(frozen=True, slots=True)
class Errors:
    """Requests that were answered by a 5xx."""

    families: ClassVar[frozenset[Family]] = frozenset({Family.REQUESTS})

    def count(self, grown: Growth) -> Counts:
        """Count."""
        statuses = grown.of(Family.REQUESTS).items()
        bad = sum(value for status, value in statuses if status.startswith("5"))
        return Counts(bad, grown.total(Family.REQUESTS))


@dataclass(frozen=True, slots=True)
class StopReasons:
    """Stop reasons that a name with `*` fits, per answer."""

    families: ClassVar[frozenset[Family]] = frozenset({Family.TERMINAL, Family.STOPS})
    glob: str

    def count(self, grown: Growth) -> Counts:
        """Count."""
        reasons = grown.of(Family.STOPS).items()
        bad = sum(value for reason, value in reasons if _fits(self.glob, reason))
        return Counts(bad, grown.total(Family.TERMINAL))


def needed_by(measures: Iterable[Measure]) -> Needed:
    """Give what has to be read for all of them."""
    families: set[Family] = set()
    bounds: set[float] = set()
    for measure in measures:
        families |= measure.families
        if isinstance(measure, SlowerThan):
            bounds |= {bound for bound in brackets(measure.bound) if bound > 0} | {inf}
    return Needed(frozenset(families), frozenset(bounds))


@lru_cache(maxsize=4096)
def _fits(glob: str, reason: str) -> bool:
    """Tell whether a name fits; never slower than linear per star, whatever the name."""
    first, *rest = glob.lower().split("*")
    text = reason.lower()
    if not rest:
        return text == first
    *middle, last = rest
    if not (text.startswith(first) and text.endswith(last)):
        return False
    at, end = len(first), len(text) - len(last)
    for part in middle:
        found = text.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return at <= end
