"""The Prometheus server's clock, seen from here."""

import threading
import time
from collections.abc import Callable
from typing import Final, NamedTuple

_DRIFT: Final = 200e-6  # two ordinary clocks part by less, in seconds per second


class Told(NamedTuple):
    """What an answer tells of the server's clock.

    Attributes:
        least, most: the server's time was between these while it answered.
        sent, received: when, on our monotonic clock.
    """

    least: float
    most: float
    sent: float
    received: float


class ServerClock:
    """Tells the server's time from what it said, whatever this machine's wall clock shows.

    Each answer bounds the offset between the server's clock and our monotonic one; the bounds are
    cut with those before, and widen slowly. A `Date` header bounds it to a second, `time()` to the
    time of the round trip.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._low = self._high = self._at = 0.0
        self._known = False

    @property
    def uncertainty(self) -> float:
        """Give by how many seconds it may be wrong; infinite before the first answer."""
        with self._lock:
            if not self._known:
                return float("inf")
            return (self._high - self._low) / 2 + _DRIFT * (self._monotonic() - self._at)

    def now(self) -> float:
        """Give the server's time, in seconds since the epoch.

        Raises:
            LookupError: no answer was seen yet.
        """
        with self._lock:
            if not self._known:
                raise LookupError("no answer of Prometheus was seen yet")
            return self._monotonic() + (self._low + self._high) / 2

    def believe(self, told: Told) -> None:
        """Take an answer for true, whatever was known before."""
        with self._lock:
            self._low, self._high = told.least - told.received, told.most - told.sent
            self._at, self._known = told.received, True

    def refine(self, told: Told) -> bool:
        """Take an answer if it fits what is known; otherwise a clock was set, or is another's."""
        with self._lock:
            slack = _DRIFT * max(told.received - self._at, 0.0)
            low = max(told.least - told.received, self._low - slack)
            high = min(told.most - told.sent, self._high + slack)
            if not self._known or low > high:
                return False
            self._low, self._high, self._at = low, high, told.received
            return True
