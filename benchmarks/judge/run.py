"""Runs the cases in parallel, each from its own seed."""

import os
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed

import numpy as np
from benchmarks.judge.cases import Case, all_cases
from benchmarks.judge.figures import Result
from benchmarks.judge.ours import draw, judge_runs
from benchmarks.judge.rivals import HOLD, RULES, fall
from benchmarks.judge.world import TICKS

CHUNK = 500  # runs a task
UNSEEN = 100
"""The first chunk of the table: the rule's constants were chosen on the chunks before it."""


def run_chunk(case: Case, chunk: int, runs: int) -> Result:
    """Simulate and judge some runs of a case; the same chunk gives the same figures anywhere."""
    rng = np.random.default_rng([zlib.crc32(case.key.encode()), chunk])
    signals = draw(case, rng, runs)
    result = Result(case)
    for outcome in judge_runs(case, signals):
        result.tally("ours").add(outcome.breach, outcome.within)
        result.tally("early").add(outcome.early, outcome.within)
    for name, rule in RULES.items():
        for tick in fall(rule, case, signals).tolist():
            breach = tick if tick < TICKS else None
            result.tally(name).add(breach, HOLD)
    return result


def run_cases(
    cases: list[Case], runs: int, workers: int, tell: Callable[[Result], None]
) -> list[Result]:
    """Run all cases; `tell` hears of each that is done."""
    indices = {case.key: index for index, case in enumerate(all_cases())}
    results = {case.key: Result(case) for case in cases}
    with ProcessPoolExecutor(workers) as pool:
        futures = [
            pool.submit(_task, indices[case.key], chunk, size)
            for case in cases
            for chunk, size in enumerate(_sizes(runs), UNSEEN)
        ]
        for future in as_completed(futures):
            index, tallies = future.result()
            result = results[all_cases()[index].key]
            for rule, tally in tallies.items():
                result.tally(rule).merge(tally)
            if result.tally("ours").runs >= runs:
                tell(result)
    return list(results.values())


def _task(index: int, chunk: int, size: int) -> tuple[int, dict]:
    """Run one chunk in a worker; cases hold functions, so they travel as their index."""
    return index, run_chunk(all_cases()[index], chunk, size).tallies


def _sizes(runs: int) -> Iterator[int]:
    while runs > 0:
        yield min(CHUNK, runs)
        runs -= CHUNK


def default_workers() -> int:
    """Give the number of cores that this process may use."""
    return len(os.sched_getaffinity(0))
