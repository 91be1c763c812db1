"""What is promised before the start is kept."""

import numpy as np
import pytest

from judge import feeds
from pecr_rollout.judge import (
    Counts,
    Evaluation,
    Fixed,
    Kind,
    Question,
    Settings,
    SignalJudge,
    State,
    smallest_effect,
)

HALF = Question("error_rate", Kind.RELATIVE, 0.005)


def simulate(question, rate, canary_rps, runs=60):
    """Give the share of runs that a canary of this rate falls in within its hold."""
    rng = np.random.default_rng(4)
    fell = 0
    for _ in range(runs):
        signal = SignalJudge(question, feeds.DEFAULT, feeds.history(240, 0.01, 1350))
        for tick in range(20):
            canary = round(canary_rps * 30)
            signal.add(
                Evaluation(
                    30.0 * (tick + 1),
                    Counts(float(rng.binomial(canary, rate)), canary),
                    Counts(float(rng.binomial(1350, 0.01)), 1350),
                )
            )
            if signal.standing()[0] is State.BREACHED:
                fell += 1
                break
    return fell / runs


def test_the_smallest_effect_is_found_most_often_and_half_of_it_is_not():
    effect = smallest_effect(HALF, feeds.DEFAULT, 5, 45, 0.01)
    assert effect.decides
    assert simulate(HALF, effect.rate, 5) > 0.75
    assert simulate(HALF, 0.01 + (effect.rate - 0.01) / 2, 5) < 0.5


def test_more_traffic_shows_smaller_effects_sooner():
    effects = [smallest_effect(HALF, feeds.DEFAULT, rps, 9 * rps, 0.01) for rps in (1, 5, 50, 500)]
    rates = [effect.rate for effect in effects]
    assert rates == sorted(rates, reverse=True)
    assert effects[-1].within_after == feeds.DEFAULT.hold


@pytest.mark.parametrize("rps", [0.0, 0.1, 0.3])
def test_too_few_requests_are_said_at_once(rps):
    effect = smallest_effect(HALF, feeds.DEFAULT, rps, 45, 0.01)
    assert not effect.decides
    assert not effect.enough_requests
    assert "cannot be decided" in effect.sentence


def test_a_limit_of_nothing_can_never_be_kept():
    nothing = Question("error_rate", Kind.RELATIVE, 0.0)
    effect = smallest_effect(nothing, feeds.DEFAULT, 50, 450, 0.01)
    assert not effect.decides
    assert effect.within_after is None
    assert "raise the limit" in effect.sentence


def test_noise_makes_effects_larger():
    rng = np.random.default_rng(5)
    noisy = [Counts(float(x), 1350.0) for x in rng.binomial(1350, 0.01 * rng.gamma(1, 1, 240))]
    calm = smallest_effect(HALF, feeds.DEFAULT, 5, 45, 0.01)
    effect = smallest_effect(HALF, feeds.DEFAULT, 5, 45, 0.01, history=noisy)
    assert effect.rate > calm.rate


def test_without_a_fleet_a_concurrent_question_cannot_be_decided():
    assert not smallest_effect(HALF, feeds.DEFAULT, 5, 0, 0.01).decides
    alone = Question("error_rate", Kind.RELATIVE, 0.02, Fixed(0.01))
    assert smallest_effect(alone, feeds.DEFAULT, 5, 0, 0.01).decides


def test_five_seconds_are_enough_for_no_small_effect():
    effect = smallest_effect(HALF, Settings(signals=5, sustained_for=30, hold=30), 50, 450, 0.01)
    assert effect.rate is None
