"""The judge on simulated counts."""

from dataclasses import dataclass

import numpy as np
from benchmarks.judge import fast
from benchmarks.judge.cases import Case
from benchmarks.judge.world import HISTORY, TICK, TICKS, Counted, simulate

from pecr_rollout.judge import Counts, Evaluation, Question, Settings, SignalJudge, State

AUDITED = 10  # of each chunk of runs are judged by the real code as well


@dataclass(frozen=True)
class Outcome:
    """Ticks of the first breach, the first breach or early trip, and of `Within` before them."""

    breach: int | None
    early: int | None
    within: int | None


def judge_runs(case: Case, signals: list[Counted]) -> list[Outcome]:
    """Judge all runs of a case: the fast way, the first few and all odd ones by the real code.

    Raises:
        RuntimeError: the two ways differ.
    """
    codes = [fast.codes(case, counted) for counted in signals]
    outcomes = [outcome([code[run].tolist() for code in codes]) for run in range(len(codes[0]))]
    odd = np.any([(counted.canary_total == 0).any(axis=1) for counted in signals], axis=0)
    for run in range(min(AUDITED, len(outcomes))):
        if not odd[run] and judge_run(case, signals, run) != outcomes[run]:
            raise RuntimeError(f"{case.key}, run {run}: the fast judge is not the real one")
    for run in np.flatnonzero(odd).tolist():
        outcomes[run] = judge_run(case, signals, run)
    return outcomes


def judge_run(case: Case, signals: list[Counted], run: int) -> Outcome:
    """Judge one run of a case by the real code."""
    feeds = [_Feed(case, fast.settings_of(case), counted, run) for counted in signals]
    return outcome([[feed.step(tick) for tick in range(TICKS)] for feed in feeds])


def outcome(codes: list[list[int]]) -> Outcome:
    """Give what becomes of a rollout whose signals say these codes; it falls with the first."""
    early = within = None
    for tick, states in enumerate(zip(*codes, strict=True)):
        if early is None and max(states) >= fast.EARLY:
            early = tick
        if max(states) == fast.BREACHED:
            return Outcome(tick, early, within)
        if within is None and min(states) == max(states) == fast.WITHIN:
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

    def step(self, tick: int) -> int:
        at = (tick + 1) * TICK
        self._judge.add(Evaluation(at, Counts(*self._canary[tick]), Counts(*self._fleet[tick])))
        state, early = self._judge.standing()
        if state is State.BREACHED:
            return fast.EARLY if early else fast.BREACHED
        return fast.WITHIN if state is State.WITHIN else fast.UNKNOWN


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
