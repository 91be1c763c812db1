"""The sentences hold the numbers to check them by."""

import pytest

from judge import feeds
from pecr_rollout.judge import Kind, Question, Reason, Settings, State, judge
from pecr_rollout.judge.wording import number, share, span


def said(question, rate, ticks=20, settings=feeds.DEFAULT):
    seen = feeds.evaluations(ticks, rate, settings=settings)
    return judge(question, settings, feeds.history(), seen)


def test_a_breach():
    verdict = said(feeds.RELATIVE, 0.1, 12)
    assert verdict.state is State.BREACHED
    assert verdict.sentence == (
        "error_rate: 10 % of the canary's requests (30 of 300 in 1 min) against 1 % of the "
        "baseline's (27 of 2700), limit 2 % more. Over the limit at every known check since "
        "13:47:40 UTC (5 min, 5 min needed); chance alone is ruled out with odds of "
        f"{number(verdict.breach.reached)} to 1, 100 needed."
    )


def test_an_early_trip_says_why_it_did_not_wait():
    verdict = said(feeds.RELATIVE, 0.9, 4, Settings(signals=5, early_trip=True))
    assert "not waited for 5 min" in verdict.sentence
    assert "more than half of the requests fail" in verdict.sentence


def test_within():
    verdict = said(feeds.ABSOLUTE, 0.01, 60)
    assert verdict.sentence.startswith(
        "latency_p95: 1 % of the canary's requests (3 of 300 in 1 min), limit 5 %. "
        "The limit is kept: odds of "
    )


def test_undecided_says_what_is_missing_and_what_would_show():
    verdict = said(Question("error_rate", Kind.RELATIVE, 0.005), 0.013)
    assert verdict.reason is Reason.UNDECIDED
    assert "100 needed" in verdict.sentence
    assert "20 needed" in verdict.sentence
    assert f"This traffic shows a canary at {share(verdict.smallest_effect)}" in verdict.sentence


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (5, "5 s"), (90, "1 min 30 s"), (7200, "2 h")]
)
def test_span(seconds, text):
    assert span(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [(3.0, "3"), (0.123456, "0.123"), (1234.5, "1234"), (5e9, "over a million")],
)
def test_number(count, text):
    assert number(count) == text


def test_share():
    assert (share(0.0123), share(None)) == ("1.23 %", "unknown")
