"""The real judge on simulated counts."""

from dataclasses import dataclass

import numpy as np
from benchmarks.judge.cases import SIGNALS, Case
from benchmarks.judge.world import HISTORY, TICK, TICKS, Counted, simulate

from pecr_rollout.judge import Counts, Evaluation, Question, Settings, SignalJudge, State


@dataclass(frozen=True)
class Outcome:
    """Ticks of the first breach, the first breach or early trip, and of `Within` before them."""

    breach: int | None
    early: int | None
    within: int | None


def judge_run(case: Case, signals: list[Counted], run: int) -> Outcome:
    """Judge one run of a case; a rollout with several signals falls with the first of them."""
    settings = Settings(signals=SIGNALS, tick=TICK, early_trip=True, shared_incident=case.shared)
    feeds = [_Feed(case, settings, counted, run) for counted in signals]
    early = within = None
    for tick in range(TICKS):
        states = [feed.step(tick) for feed in feeds]
        breached = [trip for state, trip in states if state is State.BREACHED]
        if breached and early is None:
            early = tick
        if not all(breached):  # some signal needs no early trip: earlyTrip off falls here as well
            return Outcome(tick, early, within)
        if within is None and all(state is State.WITHIN for state, _ in states):
            within = tick
    return Outcome(None, early, within)


class _Feed:
    """One signal's judge and its counts."""

    def __init__(self, case: Case, settings: Settings, counted: Counted, run: int) -> None:
        history = zip(
            counted.fleet_bad[run, :HISTORY].tolist(),
            counted.fleet_total[run, :HISTORY].tolist(),
            strict=True,
        )
        question = Question("signal", case.kind, case.limit)
        self._judge = SignalJudge(question, settings, [Counts(x, n) for x, n in history])
        self._canary = _pairs(counted.canary_bad[run], counted.canary_total[run])
        self._fleet = _pairs(counted.fleet_bad[run, HISTORY:], counted.fleet_total[run, HISTORY:])

    def step(self, tick: int) -> tuple[State, bool]:
        at = (tick + 1) * TICK
        self._judge.add(Evaluation(at, Counts(*self._canary[tick]), Counts(*self._fleet[tick])))
        return self._judge.standing()


def _pairs(bad: np.ndarray, total: np.ndarray) -> list[tuple[float, float]]:
    return list(zip(bad.tolist(), total.tolist(), strict=True))


def draw(case: Case, rng: np.random.Generator, runs: int) -> list[Counted]:
    """Draw some runs of all signals of a case: the first as the case says, the others good."""
    bad = [case.badness] + [Case("", "", (1, 1), 0, 0).badness] * (case.signals - 1)
    return [
        simulate(
            rng, runs, canary_rps=case.traffic[0], fleet_rps=case.traffic[1], base=case.base,
            noise=case.noise, badness=badness,
        )
        for badness in bad
    ]  # fmt: skip
