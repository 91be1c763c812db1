"""Rules in use elsewhere, on the same counts. Each gives the tick of its fallback, or TICKS.

All look at the trigger's 1-minute rate; all promote after ten minutes without a fallback.
"""

from collections.abc import Callable

import numpy as np
from benchmarks.judge.cases import Case
from benchmarks.judge.world import HISTORY, TICKS, Counted
from numpy.typing import NDArray
from scipy.stats import mannwhitneyu

from pecr_rollout.judge import Kind

WINDOW = 2  # ticks: 1 min
SUSTAINED = 10  # ticks: 5 min
FLAGGER_FAILURES = 5
KAYENTA_EVERY = 10  # ticks: 5 min, from the tenth minute on
KAYENTA_ALPHA = 0.02  # the default confidence of 98 %
HOLD = 19  # index of the tick at ten minutes

Ticks = NDArray[np.int64]
Rule = Callable[[Case, Counted], Ticks]


def _rate(bad: np.ndarray, total: np.ndarray) -> np.ndarray:
    """Give the rate over the last minute; without requests it is 0."""
    x = bad + np.pad(bad, ((0, 0), (1, 0)))[:, :-1]
    n = total + np.pad(total, ((0, 0), (1, 0)))[:, :-1]
    return np.divide(x, n, out=np.zeros_like(x), where=n > 0)


def _first(hit: np.ndarray) -> Ticks:
    return np.where(hit.any(axis=1), hit.argmax(axis=1), hit.shape[1])


def _over_static(case: Case, counted: Counted) -> np.ndarray:
    static = case.limit if case.kind is Kind.ABSOLUTE else case.base + case.limit
    return _rate(counted.canary_bad, counted.canary_total) > static


def static_threshold(case: Case, counted: Counted) -> Ticks:
    """Fall at the first minute over a fixed rate."""
    return _first(_over_static(case, counted))


def flagger(case: Case, counted: Counted) -> Ticks:
    """Fall at the fifth failed check in all."""
    return _first(_over_static(case, counted).cumsum(axis=1) >= FLAGGER_FAILURES)


def sustained(case: Case, counted: Counted) -> Ticks:
    """Fall when over the limit, or over the fleet by it, at every check of five minutes."""
    over = _rate(counted.canary_bad, counted.canary_total)
    if case.kind is Kind.RELATIVE:
        over = over - _rate(counted.fleet_bad, counted.fleet_total)[:, HISTORY:]
    row = np.zeros(len(over), dtype=np.int64)
    hits = np.zeros(over.shape, dtype=bool)
    for tick in range(TICKS):
        row = np.where(over[:, tick] > case.limit, row + 1, 0)
        hits[:, tick] = row > SUSTAINED
    return _first(hits)


def mann_whitney(case: Case, counted: Counted) -> Ticks:
    """Fall when the canary's 30-second rates rank over the fleet's, and the means differ enough."""
    canary = _ticks_rate(counted.canary_bad, counted.canary_total)
    fleet = _ticks_rate(counted.fleet_bad, counted.fleet_total)[:, HISTORY:]
    hits = np.zeros(canary.shape, dtype=bool)
    for end in range(2 * KAYENTA_EVERY, TICKS + 1, KAYENTA_EVERY):
        ours, theirs = canary[:, :end], fleet[:, :end]
        p = mannwhitneyu(ours, theirs, axis=1, method="asymptotic").pvalue
        if case.kind is Kind.ABSOLUTE:
            enough = ours.mean(axis=1) > case.limit
        else:
            enough = ours.mean(axis=1) - theirs.mean(axis=1) > case.limit
        hits[:, end - 1] = (p < KAYENTA_ALPHA) & enough
    return _first(hits)


def _ticks_rate(bad: np.ndarray, total: np.ndarray) -> np.ndarray:
    return np.divide(bad, total, out=np.zeros_like(bad), where=total > 0)


RULES: dict[str, Rule] = {
    "static threshold": static_threshold,
    "cumulative count": flagger,
    "sustained": sustained,
    "Mann-Whitney": mann_whitney,
}


def fall(rule: Rule, case: Case, signals: list[Counted]) -> Ticks:
    """Give the first fall of any signal."""
    return np.min([rule(case, counted) for counted in signals], axis=0)
