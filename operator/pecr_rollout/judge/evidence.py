"""What the judge is given: counts per evaluation, the question asked of them, the settings."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from math import inf
from typing import Self


class Reason(StrEnum):
    """Why there is no verdict. Values stand in status and reports."""

    NO_SERIES = "NoSeries"  # Prometheus knows no series for these pods
    NO_TRAFFIC = "NoTraffic"  # the series are there, and no request was counted
    STALE = "Stale"  # the newest sample is older than one evaluation
    TOO_FEW_REQUESTS = "TooFewRequests"  # fewer than `min_requests` in the longest window
    UNDECIDED = "Undecided"  # counted, and neither bound is reached
    COARSE = "Coarse"  # the limit lies between two bucket bounds, and so does the truth
    NON_FINITE = "NonFinite"  # NaN, an infinity or a negative count
    PROMETHEUS_UNAVAILABLE = "PrometheusUnavailable"  # no answer, or an error
    SETTLING = "Settling"  # pods were restarted; the windows hold old pods, or cold ones


class Kind(StrEnum):
    """What a limit is compared with."""

    RELATIVE = "Relative"  # the canary's rate less the baseline's; a bad request is a failed one
    ABSOLUTE = "Absolute"  # the canary's rate alone: latency; a bad request is a slow one


class SharedIncident(StrEnum):
    """What to do when an absolute limit is broken by the whole fleet."""

    FALLBACK = "Fallback"  # the contract's letter: the limit is broken, whoever broke it
    HOLD = "Hold"  # only if the canary is also worse than the fleet, by half the limit


@dataclass(frozen=True, slots=True)
class Counts:
    """Requests counted over some time: deltas of raw counters, never ratios.

    Attributes:
        bad: surely bad ones. For latency: slower than the next bucket bound at or above the limit.
        total: all of them.
        unsure: between the two bucket bounds around a limit that is no bound; else 0.
    """

    bad: float
    total: float
    unsure: float = 0.0

    @property
    def rate(self) -> float | None:
        """Give the share that is surely bad, or None without requests."""
        return self.bad / self.total if self.total > 0 else None

    @property
    def finite(self) -> bool:
        """Tell whether all three are numbers that a counter can have grown by."""
        return 0 <= self.bad < inf and 0 <= self.total < inf and 0 <= self.unsure < inf

    def clipped(self) -> Self:
        """Give the same with at most `total` bad: one request can add two budget violations."""
        bad = min(self.bad, self.total)
        unsure = min(self.unsure, self.total - bad)
        if bad == self.bad and unsure == self.unsure:
            return self
        return type(self)(bad, self.total, unsure)

    def __add__(self, other: "Counts") -> "Counts":
        """Add counts of adjacent times."""
        return Counts(self.bad + other.bad, self.total + other.total, self.unsure + other.unsure)


def add_up(counts: Iterable[Counts]) -> Counts:
    """Add counts of adjacent times; none at all are no requests."""
    bad = total = unsure = 0.0
    for part in counts:
        bad += part.bad
        total += part.total
        unsure += part.unsure
    return Counts(bad, total, unsure)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """One signal at one tick.

    Attributes:
        at: Prometheus's time on the fixed grid, in seconds since the epoch.
        canary: what the canary's counters grew by since the tick before; None with a gap.
        baseline: the same of the rest of the fleet; None where there is no rest.
        gap: why there is no evidence at this tick; None where there is.
    """

    at: float
    canary: Counts | None = None
    baseline: Counts | None = None
    gap: Reason | None = None


@dataclass(frozen=True, slots=True)
class Concurrent:
    """The baseline is the rest of the fleet at the same time: `Evaluation.baseline`."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """The baseline is what the fleet counted before the change.

    Its own uncertainty counts against a breach and against `Within` alike; what drifted since
    cannot be told from the change.
    """

    counts: Counts


@dataclass(frozen=True, slots=True)
class Fixed:
    """The baseline is a rate that a person gave; it is taken as exact. A share from 0 to 1."""

    rate: float


Reference = Concurrent | Recorded | Fixed


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of one signal.

    Attributes:
        name: a trigger, with its label after a colon where it has one: `latency_p95`,
            `budget_violation_rate`, `terminal_mode:SOURCE_UNAVAILABLE`, `error_rate`,
            `stop_reason:bridge_*`.
        kind: whether the limit is over the baseline's rate or for the canary alone.
        limit: a share of requests, from 0 to 1: 0.05 for p95, `maxIncrease` for relative ones.
        reference: the baseline. An absolute question uses it for shared incidents only.
    """

    name: str
    kind: Kind
    limit: float
    reference: Reference = Concurrent()

    def __post_init__(self) -> None:
        if not 0 <= self.limit <= 1:
            raise ValueError(f"{self.name}: limit {self.limit} is not a share from 0 to 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How to judge; the same for all signals of a rollout.

    All times count evaluations in the end: a shorter tick with shorter times is the same rule.

    Attributes:
        tick: seconds between two evaluations (`analysis.interval`).
        sustained_for: seconds for which a trigger must hold without a break.
        hold: seconds of evidence before `Within` may be said; counted from the first tick that is
            not `Settling`.
        min_requests: of the canary, in the trigger's window; with fewer nothing is said.
        early_trip: whether overwhelming evidence need not wait for `sustained_for`.
        shared_incident: what an absolute limit broken by the whole fleet means.
        signals: how many questions the rollout asks; the error budget is split over them.
        fallback_step: how often this incident has been answered already; each step has half the
            error budget of the one before.
    """

    signals: int
    tick: float = 30.0
    sustained_for: float = 300.0
    hold: float = 600.0
    min_requests: float = 100.0
    early_trip: bool = False
    shared_incident: SharedIncident = SharedIncident.FALLBACK
    fallback_step: int = 0

    def __post_init__(self) -> None:
        if not (self.tick > 0 and self.sustained_for >= self.tick):
            raise ValueError("tick must be above 0 s and at most sustained_for")
        if self.signals < 1 or self.fallback_step < 0:
            raise ValueError("signals must be at least 1 and fallback_step at least 0")

    @property
    def sustained_ticks(self) -> int:
        """Give `sustained_for` in evaluations."""
        return max(1, round(self.sustained_for / self.tick))

    @property
    def window_ticks(self) -> int:
        """Give the trigger's shortest window: a fifth of `sustained_for`, at least 2 ticks."""
        return min(self.sustained_ticks, max(2, round(self.sustained_ticks / 5)))

    @property
    def tolerated_unknowns(self) -> int:
        """Give how many unknown ticks in a row do not yet break a sustained breach: 4 of 10."""
        return max(1, self.sustained_ticks * 4 // 10)
