"""What the judge says: a verdict a signal, a judgement of all, and what to expect of one."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from pecr_rollout.judge.evidence import Counts, Kind, Reason

__all__ = ["Bound", "Effect", "Gist", "Judgement", "Kind", "Reason", "SignalVerdict", "State"]


class State(StrEnum):
    """The three verdicts. Values stand in status and reports."""

    WITHIN = "Within"  # positive evidence that the limit is kept
    BREACHED = "Breached"  # broken throughout `sustained_for`, on evidence that cannot be chance
    UNKNOWN = "Unknown"  # neither; the reason says why


@dataclass(frozen=True, slots=True)
class Bound:
    """Evidence reached and evidence needed, as betting odds: 100 is 100 to 1 against chance."""

    reached: float
    needed: float

    @property
    def met(self) -> bool:
        """Tell whether there is enough."""
        return self.reached >= self.needed


class Gist(NamedTuple):
    """What is decided by of a verdict; while it stays, only figures change. See `SignalVerdict`."""

    state: State
    reason: Reason | None
    since: float | None
    early: bool
    safest: bool


@dataclass(frozen=True, slots=True)
class SignalVerdict:
    """What one signal says at one tick.

    Attributes:
        name: of the question.
        kind: of its limit.
        limit: a share of requests; over the baseline's rate for a relative question.
        state: the verdict.
        reason: why it is `Unknown`; None otherwise.
        at: the tick, seconds since the epoch; None before the first.
        since: the first tick of the unbroken row of breaches; None without one.
        window: length of the trigger's window, in seconds.
        canary: its counts over that window.
        baseline: its counts over that window; the recorded ones where there are such.
        canary_total: the counts since the judging began.
        baseline_total: the same of the baseline.
        baseline_rate: what the canary is compared with, or shown beside; None where unknown.
        breach: evidence for a breach; what is needed is the early trip's bound once that was met.
        within: evidence that the limit is kept.
        calibrated: whether there was an hour of the fleet's history to learn its noise from.
        noise: the factor by which the fleet's counts vary more than by chance alone; 1 is chance.
        smallest_effect: the smallest rate of the canary that this traffic shows as a breach within
            `hold`; None where even 100 % would not show, or nothing is known of the traffic.
        early: a breach on overwhelming evidence, before `sustained_for` was over.
        safest: more than half of the requests fail: go straight to the safest mode.
        sentence: all of it in words that a person can check by hand.
    """

    name: str
    kind: Kind
    limit: float
    state: State
    reason: Reason | None
    at: float | None
    since: float | None
    window: float
    canary: Counts
    baseline: Counts | None
    canary_total: Counts
    baseline_total: Counts | None
    baseline_rate: float | None
    breach: Bound
    within: Bound
    calibrated: bool
    noise: float
    smallest_effect: float | None
    early: bool
    safest: bool
    sentence: str

    @property
    def canary_rate(self) -> float | None:
        """Give the canary's rate over the trigger's window."""
        return self.canary.rate


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdicts of all signals of a rollout at one tick."""

    signals: tuple[SignalVerdict, ...]

    @property
    def state(self) -> State:
        """Give `Breached` if any is, `Within` only if all are and there is one, else `Unknown`."""
        states = {signal.state for signal in self.signals}
        if State.BREACHED in states:
            return State.BREACHED
        return State.WITHIN if states == {State.WITHIN} else State.UNKNOWN

    @property
    def breaches(self) -> tuple[SignalVerdict, ...]:
        """Give the signals in breach."""
        return tuple(signal for signal in self.signals if signal.state is State.BREACHED)

    @property
    def unknown(self) -> tuple[SignalVerdict, ...]:
        """Give the signals that say nothing yet."""
        return tuple(signal for signal in self.signals if signal.state is State.UNKNOWN)

    @property
    def straight_to_safest(self) -> bool:
        """Tell whether to skip the steps in between: more than half of the requests fail."""
        return any(signal.safest for signal in self.breaches)


@dataclass(frozen=True, slots=True)
class Effect:
    """What can be expected of a judgement.

    Attributes:
        rate: the smallest rate of the canary that will most likely show as a breach within `hold`;
            None where even 100 % would not.
        within_after: seconds after which a canary as good as the fleet will most likely be
            `Within`, at least `hold`; None where it never will be.
        enough_requests: whether the trigger's longest window holds `min_requests`.
        decides: whether both verdicts can be reached: a breach within `hold`, and `Within` ever.
        sentence: the same in words.
    """

    rate: float | None
    within_after: float | None
    enough_requests: bool
    decides: bool
    sentence: str
