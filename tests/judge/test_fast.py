"""The benchmark's fast way says what the real code says, at each tick of each run."""

from dataclasses import replace

import numpy as np
import pytest
from benchmarks.judge import fast
from benchmarks.judge.cases import Case, between, forever
from benchmarks.judge.ours import draw, judge_run, outcome
from benchmarks.judge.world import BURSTS, CALM, GAMMA, INCIDENT, TICKS

from pecr_rollout.judge import Kind, SharedIncident

CASE = Case("test", "test", (5.0, 45.0), 0.01, 0.005, CALM)
CASES = {
    "good": CASE,
    "bad": replace(CASE, badness=forever(0.02)),
    "passing": replace(CASE, badness=between(0.5, 300, 480)),
    "little traffic": replace(CASE, traffic=(0.5, 4.5), badness=forever(0.03)),
    "bursts": replace(CASE, noise=BURSTS),
    "many bursts": replace(CASE, noise=GAMMA, base=0.05, limit=0.025, traffic=(50.0, 450.0)),
    "letter": replace(CASE, kind=Kind.ABSOLUTE, base=0.03, limit=0.05, noise=INCIDENT),
    "hold": replace(
        CASE, kind=Kind.ABSOLUTE, base=0.03, limit=0.05, noise=INCIDENT, shared=SharedIncident.HOLD
    ),
    "hold, bad": replace(
        CASE, kind=Kind.ABSOLUTE, base=0.03, limit=0.05, shared=SharedIncident.HOLD,
        badness=between(0.1, 100, 700),
    ),
    "no base": replace(CASE, base=0.0, limit=0.01, badness=forever(0.02)),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_the_fast_way_is_the_real_one(name):
    case = CASES[name]
    rng = np.random.default_rng(7)
    signals = draw(case, rng, 30)
    codes = fast.codes(case, signals[0])
    for run in range(30):
        assert judge_run(case, signals, run) == outcome([codes[run].tolist()])
    assert codes.shape == (30, TICKS)


def test_numbers_at_random():
    """Rates, sizes and limits of any kind, so that no branch is left out."""
    rng = np.random.default_rng(8)
    for _ in range(40):
        base, limit = rng.uniform(0, 0.2), rng.uniform(0.001, 0.2)
        case = Case(
            "test", "test", tuple(rng.uniform(0.3, 60, 2)), base, limit,
            [CALM, GAMMA, BURSTS, INCIDENT][rng.integers(4)],
            [Kind.RELATIVE, Kind.ABSOLUTE][rng.integers(2)],
            between(rng.uniform(0, 0.4), rng.uniform(0, 600), rng.uniform(600, 2000)),
            shared=list(SharedIncident)[rng.integers(2)],
        )  # fmt: skip
        signals = draw(case, rng, 3)
        if (signals[0].canary_total == 0).any():
            continue
        codes = fast.codes(case, signals[0])
        for run in range(3):
            assert judge_run(case, signals, run) == outcome([codes[run].tolist()])
