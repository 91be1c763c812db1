"""The benchmark in short: a fixed seed, fewer runs, the figures that matter most.

With so few runs a target counts as missed when its whole confidence interval misses it.
"""

import pytest
from benchmarks.judge.cases import Case, all_cases
from benchmarks.judge.figures import Result, interval
from benchmarks.judge.run import run_chunk

RUNS = 400
KEYS = [
    r"Good canaries/independent/0.01/0.005/(5.0, 45.0)",
    r"Good canaries/bursts of 3 min/0.01/0.005/(50.0, 450.0)",
    r"Good canaries/shared incident/0.01/0.005/(50.0, 450.0)",
    r"Good canaries/slow start/0.01/0.005/(5.0, 45.0)",
    r"Bad canaries/1.5 times the base (at the limit)/0.01/0.005/(50.0, 450.0)",
    r"Bad canaries/3 times the base/0.01/0.005/(5.0, 45.0)",
    r"Bad canaries/5 times the base/0.01/0.005/(0.5, 4.5)",
    r"Bad canaries/5 times the base/0.01/0.005/(5.0, 45.0)",
    r"What passes/100% bad for 30 s in minute 10/0.01/0.005/(5.0, 45.0)",
    r"What passes/3 times for the first 4 min/0.01/0.005/(5.0, 45.0)",
]
CASES = {case.key: case for case in all_cases()}


def test_no_two_cases_share_a_seed():
    assert len(CASES) == len(all_cases())


def missed(result: Result) -> list[str]:
    found = []
    for target in result.case.targets:
        low, high = interval(result, target.figure)
        if (target.most is not None and low > target.most) or (
            target.least is not None and high < target.least
        ):
            found.append(f"{target.figure}: {low} to {high}")
    return found


@pytest.mark.parametrize("key", KEYS)
def test_targets(key):
    case: Case = CASES[key]
    result = run_chunk(case, 0, RUNS)
    assert case.targets
    assert missed(result) == []


def test_a_chunk_is_the_same_anywhere():
    case = CASES[KEYS[0]]
    assert run_chunk(case, 3, 20).tallies == run_chunk(case, 3, 20).tallies
    assert run_chunk(case, 3, 20).tallies != run_chunk(case, 4, 20).tallies
