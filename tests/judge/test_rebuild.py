"""A judge that was killed and rebuilt says what one that never stopped says."""

import pytest
from hypothesis import given, settings

from judge import feeds
from pecr_rollout.judge import (
    Counts,
    Kind,
    Question,
    Recorded,
    Settings,
    SharedIncident,
    SignalJudge,
    judge,
)

QUESTIONS = [
    feeds.RELATIVE,
    feeds.ABSOLUTE,
    Question("budget_violation_rate", Kind.RELATIVE, 0.01, Recorded(Counts(30, 3000))),
]
SETTINGS = Settings(signals=5, early_trip=True, shared_incident=SharedIncident.HOLD)


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: question.name)
def test_rebuilt_at_every_tick_every_field_is_equal(question):
    before = feeds.history()
    seen = [*feeds.evaluations(20, 0.01), *feeds.evaluations(60, 0.06)[20:]]
    seen[5] = feeds.gap(5)
    never_stopped = SignalJudge(question, SETTINGS, before)
    for count, evaluation in enumerate(seen, start=1):
        never_stopped.add(evaluation)
        assert judge(question, SETTINGS, before, seen[:count]) == never_stopped.verdict()


@settings(max_examples=25, deadline=None)
@given(feeds.feeds())
def test_rebuilt_in_the_middle_and_carried_on(seen):
    never_stopped = SignalJudge(feeds.RELATIVE, SETTINGS)
    for evaluation in seen:
        never_stopped.add(evaluation)
        never_stopped.verdict()  # asking changes nothing
    restarted = SignalJudge(feeds.RELATIVE, SETTINGS)
    for evaluation in seen:
        restarted.add(evaluation)
    assert restarted.verdict() == never_stopped.verdict()


def test_time_does_not_go_back():
    signal = SignalJudge(feeds.RELATIVE, SETTINGS)
    first, second = feeds.evaluations(2, 0.0)
    signal.add(second)
    for late in (first, second):
        with pytest.raises(ValueError, match="not later"):
            signal.add(late)
