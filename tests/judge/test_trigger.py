"""The contract's rule: at every known check from `since` to now."""

import pytest

from judge import feeds
from pecr_rollout.judge import Counts
from pecr_rollout.judge.evidence import Reason
from pecr_rollout.judge.trigger import Finding, Tick, Trigger

BORDER = 0.03


def feed(trigger, script):
    """Feed one tick a letter: `b` bad, `.` good, `?` unknown; give `since` after each."""
    sinces = []
    for number, letter in enumerate(script, start=1):
        at = number * 30.0
        if letter == "?":
            trigger.miss(at, Reason.STALE)
        else:
            bad = 60.0 if letter == "b" else 0.0
            trigger.add(Tick(at, Counts(bad, 600), Counts(0, 5400)), BORDER)
        sinces.append(trigger.since)
    return sinces


def made():
    return Trigger(feeds.RELATIVE, feeds.DEFAULT)


@pytest.mark.parametrize(
    ("script", "since"),
    [
        ("bbbb", 60),  # a window of two ticks comes first
        ("bb..b", 150),  # two good ticks fill the window, and the row starts again
        ("bbbb????b", 60),  # four unknown ticks neither extend nor break the row
        ("bbbb?????b", 300),  # five break it
        ("bbbb?b?b?b", 60),  # only unknown ticks in a row count
        ("....", None),
        ("bb??", 60),  # still there, and not longer
    ],
)
def test_since(script, since):
    assert feed(made(), script)[-1] == since


def test_ticks_that_never_came_break_the_row_as_unknown_ones_do():
    trigger = made()
    feed(trigger, "bbbb")
    trigger.add(Tick(120 + 30 * 6, Counts(60, 600), Counts(0, 5400)), BORDER)
    assert trigger.since == 300


def test_the_window_is_the_shortest_with_enough_requests():
    for requests, ticks in ((600, 2), (51, 2), (34, 3), (11, 10), (1, 10)):
        trigger = Trigger(feeds.RELATIVE, feeds.DEFAULT)
        for number in range(1, 21):
            trigger.add(Tick(number * 30.0, Counts(0, requests), Counts(0, 999)), BORDER)
        assert trigger.window.ticks == ticks
        assert trigger.window.canary.total == requests * ticks


def test_a_low_limit_needs_more_requests_to_show_a_bad_one():
    trigger = made()
    for number in range(1, 21):
        trigger.add(Tick(number * 30.0, Counts(0, 100), Counts(0, 900)), 0.006)
    assert trigger.window.ticks == 5  # three bad requests are expected in 500


def test_a_spike_of_a_minute_is_not_sustained():
    trigger = made()
    sinces = feed(trigger, "....bb......")
    assert sinces[-1] is None
    assert trigger.finding is Finding.KEPT
