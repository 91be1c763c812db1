"""The bets of one signal, tick by tick."""

from pecr_rollout.judge.betting import Draw, breach_wealth, fresh_money, within_wealth
from pecr_rollout.judge.borders import Borders, beside_fleet, borders, holds_shared, odds_for_breach
from pecr_rollout.judge.evidence import Counts, Question, Settings
from pecr_rollout.judge.noise import Noise

_EARLY_SEGMENTS = (0, 1, 2)  # without history the first ticks are all that is known of the fleet
_NONE = Counts(0.0, 0.0)


class Account:
    """Evidence for a breach and for `Within`, with borders renewed at each segment's start."""

    __slots__ = (
        "_breach", "_noise", "_question", "_segment", "_segment_ticks", "_settings", "_shared",
        "_ticks", "_within", "baseline", "borders", "canary",
    )  # fmt: skip

    def __init__(self, question: Question, settings: Settings, noise: Noise) -> None:
        self._question = question
        self._settings = settings
        self._noise = noise
        needed = odds_for_breach(question, settings)
        self._breach = breach_wealth(needed)
        self._shared = breach_wealth(needed) if holds_shared(question, settings) else None
        self._within = within_wealth()
        self._ticks = 0
        self._segment = 0
        self._segment_ticks = settings.sustained_ticks
        self.canary = _NONE
        self.baseline: Counts | None = None
        self.borders: Borders = borders(question, settings, noise, 0.0, 0.0)

    @property
    def ticks(self) -> int:
        """Give how many ticks were bet on."""
        return self._ticks

    @property
    def breach_odds(self) -> float:
        """Give the odds against "no breach": with `Hold`, against each of two excuses."""
        if self._shared is None:
            return self._breach.odds
        return min(self._breach.odds, self._shared.odds)

    @property
    def within_odds(self) -> float:
        """Give the odds against "at the limit or beyond"."""
        return self._within.odds

    def add(self, canary: Counts, baseline: Counts | None) -> None:
        """Bet on one tick; both cohorts have requests in it.

        Sizes are known before the bet, outcomes only count after it: so the borders may use the
        tick's totals, and never its bad ones.
        """
        self.canary += canary
        if baseline is not None:
            self.baseline = baseline if self.baseline is None else self.baseline + baseline
        if self._ticks in _EARLY_SEGMENTS or self._ticks % self._segment_ticks == 0:
            self._new_segment()
        self._play(canary, baseline or _NONE)
        self._ticks += 1
        self._noise.add(baseline)

    def _new_segment(self) -> None:
        both = self.canary.total + (self.baseline.total if self.baseline else 0.0)
        per_tick = self.canary.total / (self._ticks + 1)
        share = self.canary.total / both
        self.borders = borders(self._question, self._settings, self._noise, per_tick, share)
        for wealth in (self._breach, self._shared):
            if wealth is not None:
                wealth.put_in(fresh_money(self._segment))
        self._segment += 1

    def _play(self, canary: Counts, baseline: Counts) -> None:
        """Bet with all that is unsure speaking against us, whichever side we bet on."""
        blamed = Draw(canary.bad, canary.total, baseline.bad + baseline.unsure, baseline.total)
        cleared = Draw(canary.bad + canary.unsure, canary.total, baseline.bad, baseline.total)
        now = self.borders
        self._breach.play(now.breach, blamed, now.noise)
        self._within.play(now.within, cleared, now.noise)
        if self._shared is not None and now.shared is not None:
            self._shared.play(now.shared, blamed, now.shared_noise)


def needs_fleet(question: Question, settings: Settings) -> bool:
    """Tell whether nothing can be said without the rest of the fleet's requests."""
    return beside_fleet(question) or holds_shared(question, settings)
