"""Bounds against scipy's."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta, binom, binomtest

from pecr_rollout.judge.bounds import chernoff_lower, chernoff_upper, wilson_lower


@pytest.mark.parametrize(("bad", "total"), [(0, 10), (3, 10), (10, 10), (60, 100), (1, 1000)])
def test_wilson_is_scipys(bad, total):
    theirs = binomtest(bad, total).proportion_ci(0.998, method="wilson").low
    assert wilson_lower(bad, total, 3.0902323) == pytest.approx(theirs, abs=1e-6)


@given(st.integers(1, 5000), st.floats(0, 1), st.sampled_from([0.05, 0.005, 0.0005]))
def test_chernoff_is_a_little_wider_than_clopper_and_pearson(total, share, alpha):
    bad = round(share * total)
    exact = beta.ppf(1 - alpha, bad + 1, total - bad) if bad < total else 1.0
    ours = chernoff_upper(bad, total, alpha)
    assert ours >= exact - 1e-9
    assert ours <= min(1.0, 3 * exact + 1e-9)
    assert chernoff_lower(total - bad, total, alpha) == pytest.approx(1 - ours, abs=1e-9)


@pytest.mark.parametrize("rate", [0.001, 0.01, 0.3])
def test_chernoff_is_exceeded_no_more_often_than_it_says(rate):
    total, alpha = 2000, 0.01
    missed = sum(
        binom.pmf(bad, total, rate)
        for bad in range(total)
        if binom.pmf(bad, total, rate) > 1e-12 and chernoff_upper(bad, total, alpha) < rate
    )
    assert missed <= alpha


def test_without_requests_nothing_is_known():
    assert wilson_lower(0, 0, 3) == 0
    assert (chernoff_lower(0, 0, 0.05), chernoff_upper(0, 0, 0.05)) == (0, 1)
