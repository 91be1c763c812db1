"""What holds whatever is fed."""

from dataclasses import replace
from math import isfinite

from hypothesis import given, settings
from hypothesis import strategies as st

from judge import feeds
from pecr_rollout.judge import (
    Counts,
    Evaluation,
    Fixed,
    Kind,
    Question,
    Recorded,
    Settings,
    SharedIncident,
    SignalJudge,
    State,
    judge,
)

QUESTIONS = st.builds(
    Question,
    st.just("signal"),
    st.sampled_from(Kind),
    st.sampled_from([0.0, 0.005, 0.05, 0.5, 1.0]),
    st.sampled_from(
        [Question("", Kind.RELATIVE, 0).reference, Fixed(0.3), Recorded(Counts(3, 90))]
    ),
)
SETTINGS = st.builds(
    Settings,
    signals=st.integers(1, 8),
    early_trip=st.booleans(),
    min_requests=st.sampled_from([1.0, 100.0]),
    shared_incident=st.sampled_from(SharedIncident),
    fallback_step=st.integers(0, 3),
)


@settings(max_examples=40, deadline=None)
@given(QUESTIONS, SETTINGS, feeds.feeds())
def test_every_verdict_is_well_formed(question, rules, seen):
    signal = SignalJudge(question, rules)
    for evaluation in seen:
        before = signal.verdict()
        signal.add(evaluation)
        after = signal.verdict()
        assert (after.reason is None) == (after.state is not State.UNKNOWN)
        assert isfinite(after.breach.reached)
        assert isfinite(after.within.reached)
        assert after.sentence.startswith("signal: ")
        assert after.sentence.endswith(".")
        assert after.noise >= 1
        if after.state is State.BREACHED:
            assert after.breach.met
            assert after.since is not None
            assert after.early or after.at - after.since >= rules.sustained_for
        if after.state is State.WITHIN:
            assert after.within.met
            assert after.since is None
        if after.reason is not None and after.canary == before.canary:
            # an unknown tick never starts a row, and never moves its start
            assert after.since in (before.since, None)


@settings(max_examples=25, deadline=None)
@given(feeds.feeds(), st.data())
def test_a_worse_canary_is_never_judged_better(seen, data):
    """More bad requests at the last tick: no more evidence for within, no less for a breach."""
    last = seen[-1]
    if last.canary is None or not last.canary.finite:
        return
    extra = data.draw(st.integers(1, 100))
    worse = replace(last, canary=replace(last.canary, bad=last.canary.bad + extra))
    usual = judge(feeds.RELATIVE, feeds.DEFAULT, (), seen)
    worsened = judge(feeds.RELATIVE, feeds.DEFAULT, (), [*seen[:-1], worse])
    assert worsened.breach.reached >= usual.breach.reached * (1 - 1e-9)
    assert worsened.within.reached <= usual.within.reached * (1 + 1e-9)
    if usual.state is State.BREACHED:
        assert worsened.state is State.BREACHED
    if worsened.state is State.WITHIN:
        assert usual.state is State.WITHIN


@settings(max_examples=25, deadline=None)
@given(feeds.feeds())
def test_counts_beyond_the_total_are_the_total(seen):
    clipped = [
        replace(one, canary=one.canary.clipped(), baseline=one.baseline.clipped())
        if one.canary is not None and one.canary.finite
        else one
        for one in seen
    ]
    assert judge(feeds.RELATIVE, feeds.DEFAULT, (), seen) == judge(
        feeds.RELATIVE, feeds.DEFAULT, (), clipped
    )


@settings(max_examples=25, deadline=None)
@given(feeds.feeds(), st.integers(1, 100))
def test_only_the_number_of_ticks_counts_not_their_length(seen, faster):
    """A tenth of the interval with a tenth of the times is the same rule."""
    quick = replace(feeds.DEFAULT, tick=30 / faster, sustained_for=300 / faster, hold=600 / faster)
    moved = [
        Evaluation(feeds.START + (one.at - feeds.START) / faster, one.canary, one.baseline, one.gap)
        for one in seen
    ]
    slow = judge(feeds.RELATIVE, feeds.DEFAULT, (), seen)
    fast = judge(feeds.RELATIVE, quick, (), moved)
    assert (slow.state, slow.reason, slow.breach, slow.within) == (
        fast.state,
        fast.reason,
        fast.breach,
        fast.within,
    )
    assert (slow.since is None) == (fast.since is None)
