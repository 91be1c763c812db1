"""Waiting for a condition, never for a time."""

import time
from collections.abc import Callable
from typing import TypeVar

PATIENCE = 60.0
"""Seconds until something that should happen is given up; generous, since cores are shared."""
LOOK_EVERY = 0.1

T = TypeVar("T")


class NotSeen(AssertionError):  # noqa: N818 - it is what a test failed at
    """A condition did not come true in time."""


def wait_until(
    look: Callable[[], T], within: float = PATIENCE, explain: Callable[[], str] = lambda: ""
) -> T:
    """Look until what is seen is true; gives what was seen."""
    deadline = time.monotonic() + within
    while not (found := look()):
        if time.monotonic() > deadline:
            raise NotSeen(f"not within {within:g} s: {explain()}")
        time.sleep(LOOK_EVERY)
    return found


def settle_on(check: Callable[[], None], within: float = PATIENCE) -> None:
    """Repeat a check until it passes; at the end its own failure is told."""
    deadline = time.monotonic() + within
    while True:
        try:
            check()
        except AssertionError:
            if time.monotonic() > deadline:
                raise
            time.sleep(LOOK_EVERY)
        else:
            return
