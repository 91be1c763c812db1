from math import inf, nan

from hypothesis import given
from hypothesis import strategies as st

from pecr_rollout.judge.evidence import Reason
from pecr_rollout.telemetry.counters import Counter, Family, Pod, Reading
from pecr_rollout.telemetry.deltas import FORGET_AFTER, Cohort

A, B = Pod("shop", "rs-a"), Pod("shop", "rs-b")
ANSWERS = frozenset({Family.TERMINAL})


def reading(seen=100.0, **values):
    found = Reading(seen)
    for name, value in values.items():
        found.put(Counter(*name.split("__")), float(value))
    return found


def grow(cohort, readings, *, continuous=True, oldest=0.0):
    return cohort.grow(readings, oldest, continuous=continuous)


def test_the_first_tick_counts_nothing():
    growth = grow(Cohort(), {A: reading(violations__=7)}, continuous=False)
    assert growth.counts == {}
    assert growth.gap(ANSWERS) is Reason.NO_SERIES


def test_a_counter_grows():
    cohort = Cohort()
    grow(cohort, {A: reading(violations__=7)})
    assert grow(cohort, {A: reading(violations__=9)}).counts == {"violations": {"": 2.0}}


def test_a_series_that_is_born_counts_from_zero():
    cohort = Cohort()
    grow(cohort, {A: reading(violations__=0)})
    growth = grow(cohort, {A: reading(violations__=0, terminal__SUPPORTED=5)})
    assert growth.counts["terminal"] == {"SUPPORTED": 5.0}


def test_a_restart_counts_all_counters_from_zero():
    cohort = Cohort()
    grow(cohort, {A: reading(violations__=3, terminal__SUPPORTED=5)})
    growth = grow(cohort, {A: reading(violations__=0, terminal__SUPPORTED=8)})
    assert growth.counts == {"violations": {"": 0.0}, "terminal": {"SUPPORTED": 8.0}}


def test_a_series_that_is_gone_tells_of_a_restart():
    cohort = Cohort()
    grow(cohort, {A: reading(violations__=0, terminal__SUPPORTED=5)})
    assert grow(cohort, {A: reading(violations__=4)}).counts == {"violations": {"": 4.0}}


def test_a_pod_that_is_born_counts_from_zero():
    cohort = Cohort()
    grow(cohort, {A: reading(violations__=1)})
    growth = grow(cohort, {A: reading(violations__=1), B: reading(violations__=4)})
    assert growth.counts == {"violations": {"": 4.0}}


def test_a_pod_that_is_found_late_counts_from_where_it_is():
    cohort = Cohort()
    grow(cohort, {A: reading(violations__=1)})
    grow(cohort, {})
    growth = grow(
        cohort, {A: reading(violations__=3), B: reading(violations__=900)}, continuous=False
    )
    assert growth.counts == {"violations": {"": 2.0}}


def test_a_cohort_seen_for_the_first_time_is_no_birth():
    growth = grow(Cohort(), {A: reading(violations__=900)}, continuous=True)
    assert growth.counts == {}


def test_a_pod_that_vanished_contributes_nothing_and_continues_when_it_is_back():
    cohort = Cohort()
    grow(cohort, {A: reading(violations__=1), B: reading(violations__=1)})
    assert grow(cohort, {A: reading(violations__=2)}).counts == {"violations": {"": 1.0}}
    growth = grow(cohort, {A: reading(violations__=2), B: reading(violations__=6)})
    assert growth.counts == {"violations": {"": 5.0}}


def test_nothing_seen_is_no_series_and_old_samples_are_stale():
    cohort = Cohort()
    assert grow(cohort, {}).gap(ANSWERS) is Reason.NO_SERIES
    assert grow(cohort, {A: reading(seen=10.0)}, oldest=20.0).gap(ANSWERS) is Reason.STALE


def test_one_fresh_pod_is_enough():
    cohort = Cohort()
    grow(cohort, {A: reading(violations__=1), B: reading(violations__=1)})
    readings = {A: reading(violations__=3), B: reading(seen=1.0, violations__=1)}
    growth = grow(cohort, readings, oldest=50.0)
    assert growth.gap(ANSWERS) is None
    assert growth.counts == {"violations": {"": 2.0}}


def broken(value):
    found = reading(violations__=1)
    found.put(Counter("terminal", "SUPPORTED"), value)
    return found


def test_what_is_no_number_breaks_its_family_alone_and_is_made_up_later():
    for value in (nan, inf, -1.0):
        cohort = Cohort()
        grow(cohort, {A: reading(violations__=1, terminal__SUPPORTED=5)})
        growth = grow(cohort, {A: broken(value)})
        assert growth.gap(ANSWERS) is Reason.NON_FINITE
        assert growth.gap(frozenset({Family.VIOLATIONS})) is None
        growth = grow(cohort, {A: reading(violations__=1, terminal__SUPPORTED=8)})
        assert growth.counts["terminal"] == {"SUPPORTED": 3.0}


def test_of_two_series_of_one_counter_the_larger_counts():
    found = Reading()
    for value in (5.0, 9.0, 7.0):
        found.put(Counter("violations"), value)
    assert found.values == {"violations": {"": 9.0}}


def test_memory_is_bounded_while_pods_come_and_go():
    cohort = Cohort()
    for number in range(1000):
        grow(cohort, {Pod("shop", f"rs-{number}"): reading(violations__=1)})
    assert cohort.size <= FORGET_AFTER + 1


STEPS = st.lists(
    st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 5)), max_size=4), max_size=12
)


@given(STEPS, st.randoms(use_true_random=False))
def test_what_grew_is_what_was_counted(steps, random):
    """Without restarts the sum of all deltas is the last value less the first, in any order."""
    cohort, value, counted, first = Cohort(), {"a": 0, "b": 0}, 0.0, None
    for step in [[], *steps]:
        for name, more in step:
            value[name] += more
        items = [(Pod("shop", name), reading(violations__=v)) for name, v in value.items()]
        random.shuffle(items)
        growth = grow(cohort, dict(items), continuous=first is not None)
        counted += growth.counts.get("violations", {}).get("", 0.0)
        first = sum(value.values()) if first is None else first
    assert counted == sum(value.values()) - first


LIVES = st.lists(
    st.one_of(
        st.tuples(st.just("serve"), st.integers(0, 50)),
        st.tuples(st.just("restart"), st.just(0)),
        st.tuples(st.just("hide"), st.just(0)),
        st.tuples(st.just("nan"), st.just(0)),
    ),
    max_size=30,
)


@given(LIVES)
def test_never_more_is_counted_than_was_served_and_never_less_than_nothing(lives):
    cohort, value, served, counted = Cohort(), 0.0, 0.0, 0.0
    grow(cohort, {A: reading(violations__=0)}, continuous=False)
    for what, number in lives:
        if what == "serve":
            value, served = value + number, served + number
        elif what == "restart":
            value = 0.0
        found = reading()
        found.put(Counter("violations"), nan if what == "nan" else value)
        growth = grow(cohort, {} if what == "hide" else {A: found})
        for counts in growth.counts.values():
            assert all(count >= 0 for count in counts.values())
            counted += sum(counts.values())
    assert counted <= served
