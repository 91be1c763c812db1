"""What judging costs, in processor time of one core: the best of some tries, since cores vary."""

from time import process_time

import pytest

from judge import feeds
from pecr_rollout.judge import Kind, Question, SignalJudge, judge

QUESTIONS = [Question(f"signal_{index}", Kind.RELATIVE, 0.02) for index in range(5)]
BEFORE = feeds.history()
SEEN = feeds.evaluations(60, 0.012)


def adding():
    """Give the mean time to add an evaluation to five signals and ask for their verdicts."""
    judges = [SignalJudge(question, feeds.DEFAULT, BEFORE) for question in QUESTIONS]
    start = process_time()
    for evaluation in SEEN:
        for signal in judges:
            signal.add(evaluation)
            signal.verdict()
    return (process_time() - start) / len(SEEN)


def rebuilding():
    """Give the time to judge 30 minutes of five signals, with two hours of history."""
    start = process_time()
    for question in QUESTIONS:
        judge(question, feeds.DEFAULT, BEFORE, SEEN)
    return process_time() - start


@pytest.mark.parametrize(("work", "most"), [(adding, 0.001), (rebuilding, 0.030)])
def test_cost(work, most):
    assert min(work() for _ in range(10)) <= most
