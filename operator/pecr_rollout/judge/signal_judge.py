"""One signal's judge: evaluations in, a verdict out, at any time."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from pecr_rollout.judge.account import Account, needs_fleet
from pecr_rollout.judge.betting import Draw
from pecr_rollout.judge.borders import (
    odds_for_breach,
    odds_for_early,
    odds_for_within,
)
from pecr_rollout.judge.bounds import wilson_lower
from pecr_rollout.judge.evidence import (
    Counts,
    Evaluation,
    Fixed,
    Kind,
    Question,
    Reason,
    Recorded,
    Settings,
    add_up,
)
from pecr_rollout.judge.noise import Noise
from pecr_rollout.judge.preview import least_rate
from pecr_rollout.judge.trigger import Finding, Tick, Trigger
from pecr_rollout.judge.verdict import Bound, Gist, SignalVerdict, State
from pecr_rollout.judge.wording import verdict_sentence

_HALF_FAIL_TICKS = 2
_HALF_FAIL_REQUESTS = 20
_HALF_FAIL_Z = 3.09  # 99.9 %, one-sided


class SignalJudge:
    """Judges one signal over one stretch of time; a new stretch needs a new judge.

    The same evaluations give the same verdict, whether added as they come or all at once after a
    restart: nothing is kept that does not follow from them.
    """

    __slots__ = (
        "_account",
        "_at",
        "_latest",
        "_noise",
        "_question",
        "_settings",
        "_start",
        "_trigger",
    )

    def __init__(
        self, question: Question, settings: Settings, history: Iterable[Counts] = ()
    ) -> None:
        """Begin.

        Args:
            question: what is asked.
            settings: how it is judged.
            history: the fleet's counts per tick before the first evaluation, up to 2 h at 30 s.
        """
        self._question = question
        self._settings = settings
        self._noise = Noise(history)
        self._account = Account(question, settings, self._noise)
        self._trigger = Trigger(question, settings)
        self._latest: tuple[Counts, ...] = ()
        self._at: float | None = None
        self._start: float | None = None

    def add(self, evaluation: Evaluation) -> None:
        """Take the next evaluation.

        Raises:
            ValueError: it is not later than the one before.
        """
        if self._at is not None and evaluation.at <= self._at:
            raise ValueError(f"evaluation at {evaluation.at} is not later than {self._at}")
        self._at = evaluation.at
        if self._start is None and evaluation.gap is not Reason.SETTLING:
            self._start = evaluation.at - self._settings.tick
        tick = _known(evaluation, needs_fleet(self._question, self._settings))
        if isinstance(tick, Reason):
            self._trigger.miss(evaluation.at, tick)
            return
        self._account.add(tick.canary, tick.baseline)
        self._trigger.add(tick, self._account.borders.breach.canary)
        self._latest = (*self._latest, tick.canary)[-_HALF_FAIL_TICKS:]

    def verdict(self) -> SignalVerdict:
        """Say what follows from all evaluations until now."""
        state, reason, since, early, safest = self.gist()
        verdict = SignalVerdict(
            name=self._question.name,
            kind=self._question.kind,
            limit=self._question.limit,
            state=state,
            reason=reason,
            at=self._at,
            since=since,
            window=self._trigger.window.ticks * self._settings.tick,
            canary=self._trigger.window.canary,
            baseline=self._baseline_counts(self._trigger.window.baseline),
            canary_total=self._account.canary,
            baseline_total=self._baseline_counts(self._account.baseline),
            baseline_rate=self._baseline_rate(),
            breach=self._breach_bound(early=early),
            within=Bound(self._account.within_odds, odds_for_within(self._question)),
            calibrated=self._noise.calibrated,
            noise=self._account.borders.noise,
            smallest_effect=self._smallest_effect(),
            early=early,
            safest=safest,
            sentence="",
        )
        return replace(verdict, sentence=verdict_sentence(verdict, self._settings))

    def gist(self) -> Gist:
        """Say what is decided by, and no more: most evaluations change nothing of it."""
        state, early = self.standing()
        reason = None if state is not State.UNKNOWN else self._trigger.reason or Reason.UNDECIDED
        return Gist(state, reason, self._trigger.since, early, early and self._half_fail())

    def standing(self) -> tuple[State, bool]:
        """Give the verdict's state alone, and whether it is an early trip."""
        match self._trigger.finding:
            case Finding.BROKEN if self._sustained() and self._breach_bound(early=False).met:
                return State.BREACHED, False
            case Finding.BROKEN if self._settings.early_trip and self._breach_bound(early=True).met:
                return State.BREACHED, True
            case Finding.KEPT if self._held() and self._within_met():
                return State.WITHIN, False
            case _:
                return State.UNKNOWN, False

    def _sustained(self) -> bool:
        return _passed(self._trigger.since, self._at, self._settings.sustained_for, self._settings)

    def _held(self) -> bool:
        return _passed(self._start, self._at, self._settings.hold, self._settings)

    def _within_met(self) -> bool:
        return self._account.within_odds >= odds_for_within(self._question)

    def _breach_bound(self, *, early: bool) -> Bound:
        needed = odds_for_early if early else odds_for_breach
        return Bound(self._account.breach_odds, needed(self._question, self._settings))

    def _half_fail(self) -> bool:
        """Tell whether more than half of the latest requests surely fail; slow ones do not fail."""
        latest = add_up(self._latest)
        return (
            self._question.kind is Kind.RELATIVE
            and latest.total >= _HALF_FAIL_REQUESTS
            and wilson_lower(latest.bad, latest.total, _HALF_FAIL_Z) > 0.5
        )

    def _baseline_counts(self, concurrent: Counts | None) -> Counts | None:
        match self._question.reference:
            case Recorded(counts):
                return counts
            case Fixed():
                return None
            case _:
                return concurrent

    def _baseline_rate(self) -> float | None:
        if isinstance(self._question.reference, Fixed):
            return self._question.reference.rate
        counts = self._baseline_counts(self._trigger.window.baseline)
        return None if counts is None else counts.rate

    def _smallest_effect(self) -> float | None:
        account = self._account
        if account.ticks == 0:
            return None
        fleet = account.baseline or Counts(0.0, 0.0)
        per_tick = 1 / account.ticks
        draw = Draw(
            0.0,
            account.canary.total * per_tick,
            fleet.bad * per_tick,
            fleet.total * per_tick,
        )
        return least_rate(self._question, self._settings, account.borders, draw)


def _passed(start: float | None, now: float | None, seconds: float, settings: Settings) -> bool:
    """Tell whether a time has passed, to a hundredth of a tick."""
    if start is None or now is None:
        return False
    return now - start >= seconds - settings.tick / 100


def _known(evaluation: Evaluation, fleet_needed: bool) -> Tick | Reason:
    """Give the counts as the judge may use them, or why there are none."""
    if evaluation.gap is not None:
        return evaluation.gap
    canary, fleet = evaluation.canary, evaluation.baseline
    if fleet is not None and not fleet_needed and not fleet.finite:
        fleet = None  # only shown, so its faults stop nothing
    if canary is None or (fleet is None and fleet_needed):
        return Reason.NO_SERIES
    if not canary.finite or (fleet is not None and not fleet.finite):
        return Reason.NON_FINITE
    if canary.total <= 0 or (fleet is not None and fleet_needed and fleet.total <= 0):
        return Reason.NO_TRAFFIC
    return Tick(evaluation.at, canary.clipped(), None if fleet is None else fleet.clipped())


def judge(
    question: Question,
    settings: Settings,
    history: Sequence[Counts],
    evaluations: Iterable[Evaluation],
) -> SignalVerdict:
    """Judge all evaluations at once: the fold of `SignalJudge`.

    Raises:
        ValueError: the evaluations are not in order of time.
    """
    signal = SignalJudge(question, settings, history)
    for evaluation in evaluations:
        signal.add(evaluation)
    return signal.verdict()
