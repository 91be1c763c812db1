import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pecr_rollout.judge.evidence import Counts
from pecr_rollout.telemetry.deltas import Growth
from pecr_rollout.telemetry.measures import (
    Errors,
    SlowerThan,
    StopReasons,
    TerminalMode,
    Violations,
    _fits,
    brackets,
    needed_by,
)

LATENCY = Growth({"latency": {"0.5": 42.0, "1.0": 44.0, "2.5": 47.0, "inf": 50.0}})


def test_slower_than_a_bucket_bound_is_exact():
    assert SlowerThan(1.0).count(LATENCY) == Counts(6.0, 50.0)


def test_between_two_bounds_some_are_unsure():
    assert SlowerThan(1.2).count(LATENCY) == Counts(3.0, 50.0, 3.0)


def test_a_missing_bucket_is_no_count():
    assert SlowerThan(0.2).count(LATENCY) is None


def test_no_series_yet_is_no_request():
    assert SlowerThan(1.2).count(Growth()) == Counts(0.0, 0.0)


def test_below_the_first_bound_only_the_upper_is_needed():
    assert brackets(0.001) == (0.0, 0.005)
    assert needed_by([SlowerThan(0.001)]).bounds == {0.005, float("inf")}


def test_errors_are_5xx():
    grown = Growth({"requests": {"200": 90.0, "404": 5.0, "502": 3.0, "503": 2.0}})
    assert Errors().count(grown) == Counts(5.0, 100.0)


def test_violations_are_counted_per_answer_and_may_exceed_them():
    grown = Growth({"violations": {"": 2.0}, "terminal": {"SUPPORTED": 1.0}})
    assert Violations().count(grown) == Counts(2.0, 1.0)


def test_a_mode_is_a_share_of_all_answers():
    grown = Growth({"terminal": {"SUPPORTED": 24.0, "SOURCE_UNAVAILABLE": 6.0}})
    assert TerminalMode("SOURCE_UNAVAILABLE").count(grown) == Counts(6.0, 30.0)


def test_stop_reasons_are_counted_per_answer():
    stops = {"bridge_timeout": 2.0, "Bridge_Lost": 1.0, "plan_complete": 9.0}
    grown = Growth({"stops": stops, "terminal": {"SUPPORTED": 10.0}})
    assert StopReasons("bridge_*").count(grown) == Counts(3.0, 10.0)


@pytest.mark.parametrize(
    ("glob", "reason", "fits"),
    [
        ("bridge_*", "bridge_", True),
        ("bridge_*", "bridge", False),
        ("*", "", True),
        ("*_max_*", "budget_max_calls", True),
        ("a*a", "a", False),
        ("a*a", "aa", True),
        ("plan_complete", "PLAN_COMPLETE", True),
        ("a?c", "abc", False),
        ("[ab]", "a", False),
        ("a*b*c", "abxc", True),
        ("a*b*c", "acb", False),
    ],
)
def test_globs_know_only_the_star(glob, reason, fits):
    assert _fits(glob, reason) is fits


@given(st.text("ab*", max_size=8), st.text("ab", max_size=10))
def test_globs_fit_as_regular_expressions_would(glob, text):
    expected = re.fullmatch(glob.replace("*", ".*"), text) is not None
    assert _fits(glob, text) is expected


def test_a_glob_of_stars_is_no_denial_of_service():
    began = time.process_time()
    assert not _fits("*a" * 31 + "*b", "a" * 10_000)
    assert time.process_time() - began < 0.5
