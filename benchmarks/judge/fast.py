"""The same rule on many runs at once, in numpy: many times as fast as the real code.

It serves the benchmark alone, and is not trusted: tests/judge/test_fast.py compares it with the
real code, and the benchmark judges a part of each case by both and stops at any difference. It
knows no gaps; runs with a tick without requests go to the real code.
"""

from dataclasses import dataclass
from math import log

import numpy as np
from benchmarks.judge.cases import SIGNALS, Case
from benchmarks.judge.world import HISTORY, TICK, TICKS, Array, Counted
from numpy.typing import NDArray

from pecr_rollout.judge import Kind, Question, Settings, betting, borders, noise, trigger

Codes = NDArray[np.int8]
Flags = NDArray[np.bool_]
UNKNOWN, WITHIN, EARLY, BREACHED = range(4)
_SEGMENTS = (0, 1, 2)


@dataclass(frozen=True)
class Bets:
    """The borders of a segment, one of each a run."""

    canary: Array
    baseline: Array | None
    noise: Array


def excess(bad: Array, total: Array, rate: Array) -> Array:
    """Give `Noise.excess` of ticks (runs, ticks) that begin with the history's first."""
    ticks = bad.shape[1]
    worst = np.zeros(len(bad))
    for size in noise.BLOCKS:
        ends = np.arange(0, ticks + 1, size)
        x = np.diff(np.pad(bad, ((0, 0), (1, 0))).cumsum(axis=1)[:, ends], axis=1)
        n = np.diff(np.pad(total, ((0, 0), (1, 0))).cumsum(axis=1)[:, ends], axis=1)
        kept = HISTORY // size
        x, n = x[:, -kept:], n[:, -kept:]
        ratio = n[:, 1:] / n[:, :-1]
        squares = ((x[:, 1:] - x[:, :-1] * ratio) ** 2).sum(axis=1)
        chance = rate * (1 - rate) * (n[:, 1:] * (1 + ratio)).sum(axis=1)
        doubt = 1 + noise.DOUBT / np.sqrt(ratio.shape[1])
        cv2 = doubt * (squares - chance) / (2 * rate**2 * (n[:, 1:] ** 2).sum(axis=1))
        worst = np.maximum(worst, size * cv2)
    return worst


def gains(bets: tuple[float, ...], on: Bets, tick: tuple[Array, ...]) -> Array:
    """Give `betting.gains` over the noise: (runs, bets)."""
    xc, nc, xb, nb = tick
    most = betting.STAKE / on.canary
    odds = nc / nb
    if on.baseline is not None:
        most = np.minimum(most, betting.STAKE / odds)
    d = np.clip(np.array(bets), -most[:, None], most[:, None])
    rate = on.canary[:, None]
    nats = xc[:, None] * np.log1p((1 - rate) * d) + (nc - xc)[:, None] * np.log1p(-rate * d)
    if on.baseline is not None:
        s, rate = d * odds[:, None], on.baseline[:, None]
        nats += xb[:, None] * np.log1p(-(1 - rate) * s)
        nats += (nb - xb)[:, None] * np.log1p(rate * s)
    return nats / on.noise[:, None]


def settle(money: Array, nats: Array, needed: float) -> Array:
    """Give the money on a breach after a tick, as `Wealth.play` does."""
    first = betting.SPIKE * needed
    most = np.minimum(max(first, betting.BREACH_MOST), first * np.maximum(1.0, money))
    return np.minimum(1e100, money * np.exp(np.minimum(nats, np.log(most))))


class _Triggers:
    """`Trigger` for many runs: what each finds at each tick."""

    def __init__(self, case: Case, settings: Settings, counted: Counted) -> None:
        self._case, self._settings, self._counted = case, settings, counted
        runs = len(counted.canary_bad)
        self.since = np.full(runs, -1)
        self._last_known = np.full(runs, -1)

    def find(self, tick: int, border: Array) -> tuple[Flags, Flags]:
        """Give which runs have the limit broken, and which have it kept."""
        settings = self._settings
        xc, nc, xb, nb = self._windows(tick, border)
        known = (nc >= settings.min_requests) & (tick + 1 >= settings.window_ticks)
        canary, fleet = xc / np.maximum(nc, 1), xb / np.maximum(nb, 1)
        relative = self._case.kind is Kind.RELATIVE
        over = canary - fleet > self._case.limit if relative else canary > self._case.limit
        broken = over
        if borders.holds_shared(_question(self._case), settings):
            broken = over & (canary - fleet > self._case.limit / 2)
        self._note(tick, known, broken)
        return known & broken, known & ~over

    def _windows(self, tick: int, border: Array) -> tuple[Array, Array, Array, Array]:
        counted, settings = self._counted, self._settings
        enough = np.maximum(settings.min_requests, trigger.EVENTS / border)
        sums = [np.zeros(len(border)) for _ in range(4)]
        for age in range(1, min(settings.sustained_ticks, tick + 1) + 1):
            take = (age <= settings.window_ticks) | (sums[1] < enough)
            ours, theirs = tick + 1 - age, HISTORY + tick + 1 - age
            for index, column in enumerate((
                counted.canary_bad[:, ours], counted.canary_total[:, ours],
                counted.fleet_bad[:, theirs], counted.fleet_total[:, theirs],
            )):  # fmt: skip
                sums[index] = sums[index] + np.where(take, column, 0)
        return sums[0], sums[1], sums[2], sums[3]

    def _note(self, tick: int, known: Flags, broken: Flags) -> None:
        unknown = tick - self._last_known - known
        lost = (self.since >= 0) & (unknown > self._settings.tolerated_unknowns)
        self.since[lost] = -1
        self._last_known[known] = tick
        self.since[known & ~broken] = -1
        self.since[known & broken & (self.since < 0)] = tick


class _Accounts:
    """`Account` for many runs: the odds after each tick."""

    def __init__(self, case: Case, settings: Settings, counted: Counted) -> None:
        self._case, self._settings, self._counted = case, settings, counted
        runs = len(counted.canary_bad)
        question = _question(case)
        self._needed = borders.odds_for_breach(question, settings)
        self._holds = borders.holds_shared(question, settings)
        self._breach = np.zeros((runs, len(betting.BREACH_BETS)))
        self._shared = np.zeros((runs, len(betting.BREACH_BETS)))
        self._within = np.ones((runs, len(betting.WITHIN_BETS)))
        self._segment = 0
        self.bets = self._shared_bets = Bets(np.zeros(runs), None, np.ones(runs))

    def add(self, tick: int) -> None:
        if tick in _SEGMENTS or tick % self._settings.sustained_ticks == 0:
            self._renew(tick)
            fresh = betting.fresh_money(self._segment)
            self._breach, self._shared = self._breach + fresh, self._shared + fresh
            self._segment += 1
        counted = self._counted
        now = (
            counted.canary_bad[:, tick], counted.canary_total[:, tick],
            counted.fleet_bad[:, HISTORY + tick], counted.fleet_total[:, HISTORY + tick],
        )  # fmt: skip
        self._breach = settle(
            self._breach, gains(betting.BREACH_BETS, self.bets, now), self._needed
        )
        if self._holds:
            nats = gains(betting.BREACH_BETS, self._shared_bets, now)
            self._shared = settle(self._shared, nats, self._needed)
        nats = np.minimum(gains(betting.WITHIN_BETS, self.bets, now), log(1e100))
        self._within = np.minimum(1e100, self._within * np.exp(nats))

    def _renew(self, tick: int) -> None:
        counted, limit = self._counted, self._case.limit
        seen = HISTORY + tick
        bad, total = counted.fleet_bad[:, :seen], counted.fleet_total[:, :seen]
        rate = (bad[:, tick:].sum(axis=1) + 0.5) / (total[:, tick:].sum(axis=1) + 1.0)
        canary = counted.canary_total[:, : tick + 1].sum(axis=1)
        fleet = counted.fleet_total[:, HISTORY : seen + 1].sum(axis=1)
        found = excess(bad, total, rate)
        events = rate * canary / (tick + 1)
        beside = 1 + found * events * 2 * (1 - canary / (canary + fleet))
        if self._case.kind is Kind.RELATIVE:
            self.bets = Bets(rate + limit, rate, beside)
            return
        alone = 1 + found * np.minimum(rate, limit) * canary / (tick + 1)
        self.bets = Bets(np.full(len(rate), limit), None, alone)
        self._shared_bets = Bets(rate + limit / 2, rate, beside)

    @property
    def breach(self) -> Array:
        odds = self._breach.mean(axis=1)
        return np.minimum(odds, self._shared.mean(axis=1)) if self._holds else odds

    @property
    def within(self) -> Array:
        return self._within.mean(axis=1)


def codes(case: Case, counted: Counted) -> Codes:
    """Give what `SignalJudge.standing` says at each tick of each run, with `earlyTrip` on."""
    settings, question = settings_of(case), _question(case)
    accounts = _Accounts(case, settings, counted)
    triggers = _Triggers(case, settings, counted)
    needed = borders.odds_for_breach(question, settings)
    early = borders.odds_for_early(question, settings)
    result = np.full(counted.canary_bad.shape, UNKNOWN, dtype=np.int8)
    for tick in range(TICKS):
        accounts.add(tick)
        broken, kept = triggers.find(tick, accounts.bets.canary)
        held = (tick + 1) * TICK >= settings.hold
        within = kept & (accounts.within >= borders.odds_for_within(question)) & held
        sustained = tick - triggers.since >= settings.sustained_ticks
        result[within, tick] = WITHIN
        result[broken & (accounts.breach >= early), tick] = EARLY
        result[broken & sustained & (accounts.breach >= needed), tick] = BREACHED
    return result


def settings_of(case: Case) -> Settings:
    """Give the settings that all cases are judged by; `earlyTrip` is told apart in the codes."""
    return Settings(signals=SIGNALS, tick=TICK, early_trip=True, shared_incident=case.shared)


def _question(case: Case) -> Question:
    return Question("signal", case.kind, case.limit)
