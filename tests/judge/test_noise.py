"""The fleet's noise is found where it is, and not where it is not."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pecr_rollout.judge import Counts
from pecr_rollout.judge.noise import BLOCKS, HISTORY, Noise


def excess(rates, total=1350, seed=1):
    rng = np.random.default_rng(seed)
    found = [
        Noise(Counts(float(x), total) for x in rng.binomial(total, rates)).excess()
        for _ in range(40)
    ]
    return float(np.mean(found))


def test_chance_alone_is_hardly_any():
    assert excess(np.full(HISTORY, 0.01)) < 0.08


def test_a_drift_is_not_noise():
    assert excess(np.linspace(0.005, 0.02, HISTORY)) < 0.5  # it would be 20 from plain variances


def test_noise_of_one_tick():
    rng = np.random.default_rng(2)
    assert excess(0.01 * rng.gamma(1, 1, HISTORY)) == pytest.approx(1.5, abs=1.0)


def test_noise_that_lasts_counts_for_more():
    rng = np.random.default_rng(3)
    assert excess(0.01 * np.repeat(rng.gamma(1, 1, HISTORY // 6), 6)) > 4


def _by_hand(bad, total):
    """Give the largest CV² · B as the formula says it, block by block from the first tick."""
    p = (sum(bad[-HISTORY:]) + 0.5) / (sum(total[-HISTORY:]) + 1)
    worst = 0.0
    for size in BLOCKS:
        count = len(bad) // size
        x = np.array([sum(bad[i * size : (i + 1) * size]) for i in range(count)])
        n = np.array([sum(total[i * size : (i + 1) * size]) for i in range(count)])
        x, n = x[-(HISTORY // size) :], n[-(HISTORY // size) :]
        if len(x) < 6:
            continue
        r = n[1:] / n[:-1]
        surplus = ((x[1:] - x[:-1] * r) ** 2 - p * (1 - p) * n[1:] * (1 + r)).sum()
        cv2 = surplus / (2 * (p * n[1:]) ** 2).sum() * (1 + 3 / np.sqrt(len(r)))
        worst = max(worst, size * cv2)
    return worst


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 50), st.integers(50, 500)), max_size=300))
def test_running_blocks_are_the_formula(ticks):
    noise = Noise(Counts(float(x), float(n)) for x, n in ticks)
    bad, total = [x for x, _ in ticks], [n for _, n in ticks]
    assert noise.excess() == pytest.approx(_by_hand(bad, total), rel=1e-6, abs=1e-9)


def test_nonsense_is_not_remembered():
    noise = Noise([Counts(float("nan"), 1), Counts(1, 0), Counts(-1, 5), Counts(9, 3)])
    assert noise.rate == (3 + 0.5) / (3 + 1)
    assert not noise.calibrated


def test_an_hour_is_calibrated_and_only_two_are_remembered():
    noise = Noise([Counts(1, 10)] * 119)
    assert not noise.calibrated
    noise.add(Counts(1, 10))
    assert noise.calibrated
    for _ in range(HISTORY):
        noise.add(Counts(0, 10))
    assert noise.rate == 0.5 / (10 * HISTORY + 1)
    assert noise.requests == 10
