"""The fixed grid of times at which rollouts are evaluated, on the Prometheus server's clock."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil, floor


@dataclass(frozen=True, slots=True)
class Grid:
    """Multiples of an interval, plus a phase; whole milliseconds, as in Prometheus.

    Rollouts with one interval share their ticks, so that one query serves them all, and a rebuild
    after a restart asks for the same times as the evaluations before it.

    Attributes:
        interval: seconds between two ticks.
        phase: seconds from a multiple of the interval to its tick.
    """

    interval: float
    phase: float = 0.0

    def __post_init__(self) -> None:
        if round(self.interval * 1000) < 1:
            raise ValueError(f"an interval of {self.interval} s is under a millisecond")

    def tick(self, number: int) -> float:
        """Give the time of a tick."""
        return (number * round(self.interval * 1000) + round(self.phase * 1000)) / 1000

    def last(self, now: float) -> int:
        """Give the number of the last tick at or before a time."""
        return floor(self._position(now))

    def first(self, since: float) -> int:
        """Give the number of the first tick at or after a time."""
        return ceil(self._position(since))

    def between(self, first: int, last: int) -> Iterator[float]:
        """Give the times of the ticks from one number to another, both included."""
        return (self.tick(number) for number in range(first, last + 1))

    def _position(self, at: float) -> float:
        milliseconds = round(at * 1000) - round(self.phase * 1000)
        return milliseconds / round(self.interval * 1000)
