"""What is said of deterministic traffic, and when."""

import math

import pytest

from judge import feeds
from pecr_rollout.judge import (
    Counts,
    Evaluation,
    Fixed,
    Judgement,
    Kind,
    Question,
    Reason,
    Recorded,
    Settings,
    SharedIncident,
    SignalJudge,
    State,
    judge,
)

MINUTE = 60.0


def run(question, settings, seen, before=()):
    """Give the verdict after each evaluation."""
    signal = SignalJudge(question, settings, before)
    verdicts = []
    for evaluation in seen:
        signal.add(evaluation)
        verdicts.append(signal.verdict())
    return verdicts


def first(verdicts, state):
    return next((verdict for verdict in verdicts if verdict.state is state), None)


def test_a_bad_canary_falls_when_the_sustained_window_ends():
    verdicts = run(feeds.RELATIVE, feeds.DEFAULT, feeds.evaluations(30, 0.1), feeds.history())
    found = first(verdicts, State.BREACHED)
    assert found.since == feeds.START + 1 * MINUTE  # the first full window of one minute
    assert found.at == found.since + 5 * MINUTE
    assert found.breach.met
    assert not found.early
    assert found.calibrated


def test_a_good_canary_is_within_at_the_end_of_its_hold():
    question = Question("error_rate", Kind.RELATIVE, 0.05)
    verdicts = run(question, feeds.DEFAULT, feeds.evaluations(60, 0.01), feeds.history())
    assert first(verdicts, State.WITHIN).at == feeds.START + 10 * MINUTE
    assert first(verdicts, State.BREACHED) is None


@pytest.mark.parametrize(("canary", "fleet"), [(5, 45), (25, 25), (50, 50)])
@pytest.mark.parametrize("ticks_before", [0, 10])
def test_the_demo_scale_falls_as_soon_as_the_rule_allows(canary, fleet, ticks_before):
    question = Question("budget_violation_rate", Kind.RELATIVE, 0.1)
    seen = feeds.evaluations(
        40, 0.47, settings=feeds.FAST, canary=canary, fleet=fleet, fleet_rate=0.0
    )
    before = feeds.history(ticks_before, 0.0, fleet)
    found = first(run(question, feeds.FAST, seen, before), State.BREACHED)
    enough = max(2, math.ceil(20 / canary))  # ticks until minRequests are in the window
    assert found.at - feeds.START == enough + 5


@pytest.mark.parametrize("fleet", [25, 225])
def test_the_demo_scale_is_within_after_its_hold(fleet):
    question = Question("budget_violation_rate", Kind.RELATIVE, 0.1)
    seen = feeds.evaluations(20, 0.0, settings=feeds.FAST, canary=25, fleet=fleet, fleet_rate=0.0)
    found = first(run(question, feeds.FAST, seen), State.WITHIN)
    assert found.at - feeds.START == 8
    assert not found.calibrated
    assert "Uncalibrated" in found.sentence


@pytest.mark.parametrize("reason", list(Reason))
def test_a_gap_is_unknown_for_its_reason(reason):
    seen = [*feeds.evaluations(5, 0.0), feeds.gap(5, reason)]
    found = judge(feeds.RELATIVE, feeds.DEFAULT, (), seen)
    assert (found.state, found.reason) == (State.UNKNOWN, reason)


@pytest.mark.parametrize(
    ("canary", "fleet", "reason"),
    [
        (None, Counts(0, 10), Reason.NO_SERIES),
        (Counts(0, 10), None, Reason.NO_SERIES),
        (Counts(0, 0), Counts(0, 10), Reason.NO_TRAFFIC),
        (Counts(0, 10), Counts(0, 0), Reason.NO_TRAFFIC),
        (Counts(math.nan, 10), Counts(0, 10), Reason.NON_FINITE),
        (Counts(0, math.inf), Counts(0, 10), Reason.NON_FINITE),
        (Counts(0, 10), Counts(-1, 10), Reason.NON_FINITE),
        (Counts(0, 10, math.nan), Counts(0, 10), Reason.NON_FINITE),
        (Counts(0, 500), Counts(0, 10), Reason.SETTLING),
    ],
)
def test_what_is_no_evidence(canary, fleet, reason):
    found = judge(feeds.RELATIVE, feeds.DEFAULT, (), [Evaluation(feeds.START, canary, fleet)])
    assert (found.state, found.reason) == (State.UNKNOWN, reason)


def test_nothing_added_is_unknown():
    found = judge(feeds.RELATIVE, feeds.DEFAULT, (), [])
    assert (found.state, found.reason, found.at) == (State.UNKNOWN, Reason.NO_SERIES, None)


def test_too_few_requests():
    seen = feeds.evaluations(30, 0.5, canary=9)
    found = judge(feeds.RELATIVE, feeds.DEFAULT, (), seen)
    assert (found.state, found.reason) == (State.UNKNOWN, Reason.TOO_FEW_REQUESTS)
    assert found.canary.total == 90
    assert "100 are needed" in found.sentence


def test_the_fleets_faults_do_not_stop_an_absolute_question():
    seen = [
        Evaluation(one.at, one.canary, Counts(math.nan, 1)) for one in feeds.evaluations(15, 0.5)
    ]
    assert judge(feeds.ABSOLUTE, feeds.DEFAULT, (), seen).state is State.BREACHED


def test_two_violations_of_one_request_count_once():
    seen = [
        Evaluation(one.at, Counts(300, 150), one.baseline) for one in feeds.evaluations(13, 0.0)
    ]
    found = judge(feeds.RELATIVE, feeds.DEFAULT, (), seen)
    assert found.canary_rate == 1.0
    assert found.state is State.BREACHED


def _coarse(bad, unsure, ticks=30):
    return [
        Evaluation(one.at, Counts(bad, 150, unsure), one.baseline)
        for one in feeds.evaluations(ticks, 0.0)
    ]


def test_between_two_buckets_it_is_coarse():
    found = judge(feeds.ABSOLUTE, feeds.DEFAULT, (), _coarse(2, 30))
    assert (found.state, found.reason) == (State.UNKNOWN, Reason.COARSE)
    assert "buckets" in found.sentence


def test_surely_over_falls_and_surely_under_is_within_coarse_or_not():
    assert judge(feeds.ABSOLUTE, feeds.DEFAULT, (), _coarse(30, 60)).state is State.BREACHED
    assert judge(feeds.ABSOLUTE, feeds.DEFAULT, (), _coarse(0, 2)).state is State.WITHIN


def test_a_shared_incident_is_the_canarys_fault_by_the_letter_only():
    seen = feeds.evaluations(30, 0.2, fleet_rate=0.2)
    hold = Settings(signals=5, shared_incident=SharedIncident.HOLD)
    assert judge(feeds.ABSOLUTE, feeds.DEFAULT, (), seen).state is State.BREACHED
    held = judge(feeds.ABSOLUTE, hold, (), seen)
    assert (held.state, held.reason) == (State.UNKNOWN, Reason.UNDECIDED)
    alone = feeds.evaluations(30, 0.2, fleet_rate=0.01)
    assert judge(feeds.ABSOLUTE, hold, feeds.history(), alone).state is State.BREACHED


def test_a_relative_question_does_not_blame_the_canary():
    seen = feeds.evaluations(60, 0.3, fleet_rate=0.3)
    verdicts = run(feeds.RELATIVE, feeds.DEFAULT, seen, feeds.history())
    assert first(verdicts, State.BREACHED) is None


def test_an_early_trip_is_off_by_default_and_waits_for_more_than_a_spike():
    early = Settings(signals=5, early_trip=True)
    seen = feeds.evaluations(30, 0.1)
    late = first(run(feeds.RELATIVE, feeds.DEFAULT, seen, feeds.history()), State.BREACHED)
    soon = first(run(feeds.RELATIVE, early, seen, feeds.history()), State.BREACHED)
    assert soon.early
    assert not soon.safest
    assert soon.at < late.at
    assert soon.breach.needed == 5000
    spike = feeds.evaluations(1, 1.0)
    assert judge(feeds.RELATIVE, early, feeds.history(), spike).state is State.UNKNOWN


def test_more_than_half_failing_goes_straight_to_the_safest_mode():
    early = Settings(signals=5, early_trip=True)
    found = first(
        run(feeds.RELATIVE, early, feeds.evaluations(9, 0.8), feeds.history()), State.BREACHED
    )
    assert found.safest
    assert Judgement((found,)).straight_to_safest
    slow = first(
        run(feeds.ABSOLUTE, early, feeds.evaluations(9, 0.8), feeds.history()), State.BREACHED
    )
    assert not slow.safest  # a slow request is no failed one


@pytest.mark.parametrize("step", range(4))
def test_each_fallback_step_needs_twice_the_odds(step):
    settings = Settings(signals=5, fallback_step=step)
    assert judge(feeds.RELATIVE, settings, (), []).breach.needed == 100 * 2**step


def test_a_fixed_baseline():
    question = Question("error_rate", Kind.RELATIVE, 0.02, Fixed(0.01))
    alone = [Evaluation(one.at, one.canary) for one in feeds.evaluations(30, 0.1)]
    assert judge(question, feeds.DEFAULT, (), alone).state is State.BREACHED
    good = [Evaluation(one.at, one.canary) for one in feeds.evaluations(60, 0.01)]
    assert judge(question, feeds.DEFAULT, (), good).state is State.WITHIN


@pytest.mark.parametrize(
    ("requests", "expected"), [(100_000, State.BREACHED), (300, State.UNKNOWN)]
)
def test_a_recorded_baseline_counts_for_what_it_is_worth(requests, expected):
    recorded = Recorded(Counts(0.01 * requests, requests))
    question = Question("error_rate", Kind.RELATIVE, 0.02, recorded)
    alone = [Evaluation(one.at, one.canary) for one in feeds.evaluations(20, 0.06)]
    found = judge(question, feeds.DEFAULT, (), alone)
    assert found.state is expected
    assert found.baseline == recorded.counts
    assert found.breach.needed == 200  # half of the error budget is the baseline's


@pytest.mark.parametrize(("requests", "expected"), [(100_000, State.WITHIN), (300, State.UNKNOWN)])
def test_a_recorded_baseline_that_is_short_cannot_show_within(requests, expected):
    seen = feeds.evaluations(60, 0.01, canary=1500)
    alone = [Evaluation(one.at, one.canary) for one in seen]
    recorded = Recorded(Counts(0.01 * requests, requests))
    question = Question("error_rate", Kind.RELATIVE, 0.005, recorded)
    assert judge(question, feeds.DEFAULT, (), alone).state is expected


def test_a_judgement_is_breached_by_one_and_within_by_all():
    within = judge(Question("a", Kind.RELATIVE, 0.1), feeds.DEFAULT, (), feeds.evaluations(30, 0.0))
    unknown = judge(feeds.RELATIVE, feeds.DEFAULT, (), [])
    breached = judge(feeds.RELATIVE, feeds.DEFAULT, (), feeds.evaluations(30, 0.2))
    assert Judgement(()).state is State.UNKNOWN
    assert Judgement((within, within)).state is State.WITHIN
    assert Judgement((within, unknown)).state is State.UNKNOWN
    assert Judgement((within, unknown)).unknown == (unknown,)
    assert Judgement((within, unknown, breached)).state is State.BREACHED
    assert Judgement((within, unknown, breached)).breaches == (breached,)


@pytest.mark.parametrize(
    "wrong",
    [
        {"tick": 0},
        {"tick": 60, "sustained_for": 30},
        {"signals": 0},
        {"fallback_step": -1},
    ],
)
def test_settings_that_cannot_be(wrong):
    with pytest.raises(ValueError, match="must be"):
        Settings(**({"signals": 1} | wrong))


def test_a_limit_is_a_share():
    with pytest.raises(ValueError, match="latency_p95: limit 5"):
        Question("latency_p95", Kind.ABSOLUTE, 5)
