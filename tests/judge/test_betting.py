"""The bet is fair: with exact sums over all outcomes, for whatever rates the claim allows."""

from itertools import product
from math import exp, log

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom

from pecr_rollout.judge.betting import (
    BREACH_BETS,
    WITHIN_BETS,
    Border,
    Draw,
    breach_wealth,
    fresh_money,
    gains,
    within_wealth,
)

RATES = st.floats(0.001, 0.6)


def expected_factors(bets, border, canary, pc, fleet, pb):
    """Give the expected factor of each bet, summed over all outcomes."""
    sums = [0.0] * len(bets)
    for xc, xb in product(range(canary + 1), range(fleet + 1)):
        chance = binom.pmf(xc, canary, pc) * binom.pmf(xb, fleet, pb)
        for index, nats in enumerate(gains(bets, border, Draw(xc, canary, xb, fleet))):
            sums[index] += chance * exp(nats)
    return sums


@pytest.mark.parametrize(("canary", "fleet"), [(3, 12), (6, 6), (8, 2)])
@pytest.mark.parametrize("supposed", [0.01, 0.1, 0.5])
@pytest.mark.parametrize("true", [0.0, 0.05, 0.4])
def test_no_bet_gains_while_the_claim_holds(canary, fleet, supposed, true):
    limit = 0.1
    border = Border(supposed + limit, supposed)
    breach = expected_factors(BREACH_BETS, border, canary, true + limit, fleet, true)
    within = expected_factors(WITHIN_BETS, border, canary, true + limit, fleet, true)
    assert max(breach + within) <= 1 + 1e-9


@pytest.mark.parametrize("limit", [0.01, 0.2])
def test_an_absolute_bet_is_exactly_fair_at_its_limit(limit):
    factors = expected_factors(BREACH_BETS, Border(limit), 9, limit, 0, 0.5)
    assert factors == pytest.approx([1.0] * len(BREACH_BETS))


@given(RATES, RATES, st.integers(1, 300), st.integers(1, 3000), st.data())
def test_each_bad_request_of_the_canary_adds_to_the_evidence(rate, limit, canary, fleet, data):
    bad = data.draw(st.integers(0, canary - 1))
    theirs = data.draw(st.integers(0, fleet))
    border = Border(min(1.0, rate + limit), rate)
    less = gains(BREACH_BETS, border, Draw(bad, canary, theirs, fleet))
    more = gains(BREACH_BETS, border, Draw(bad + 1, canary, theirs, fleet))
    assert all(b >= a for a, b in zip(less, more, strict=True))
    kept = gains(WITHIN_BETS, border, Draw(bad, canary, theirs, fleet))
    lost = gains(WITHIN_BETS, border, Draw(bad + 1, canary, theirs, fleet))
    assert all(b <= a for a, b in zip(kept, lost, strict=True))


@given(RATES, st.integers(1, 300), st.integers(1, 3000), st.data())
def test_each_bad_request_of_the_baseline_takes_from_it(rate, canary, fleet, data):
    bad = data.draw(st.integers(0, fleet - 1))
    border = Border(rate + 0.05, rate)
    less = gains(BREACH_BETS, border, Draw(canary, canary, bad, fleet))
    more = gains(BREACH_BETS, border, Draw(canary, canary, bad + 1, fleet))
    assert all(b <= a for a, b in zip(less, more, strict=True))


def test_the_fresh_money_of_all_segments_is_one():
    assert sum(fresh_money(segment) for segment in range(100_000)) == pytest.approx(1, abs=1e-4)


def test_no_spike_alone_convinces():
    for needed in (20, 100, 5000):
        wealth = breach_wealth(needed)
        wealth.put_in(1.0)
        wealth.play(Border(0.02, 0.01), Draw(10_000, 10_000, 0, 90_000), 1.0)
        assert wealth.odds <= needed / 2


def test_noise_makes_evidence_worth_less():
    quiet, noisy = within_wealth(), within_wealth()
    quiet.play(Border(0.05), Draw(0, 200), 1.0)
    noisy.play(Border(0.05), Draw(0, 200), 2.0)
    assert 1 < noisy.odds < quiet.odds


def test_money_stays_finite_however_long_it_grows():
    wealth = breach_wealth(100)
    wealth.put_in(1.0)
    for _ in range(1000):
        wealth.play(Border(0.01), Draw(1000, 1000), 1.0)
    assert log(wealth.odds) < 300
