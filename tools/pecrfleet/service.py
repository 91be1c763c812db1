"""One started container's counters: what its requests so far have left in them."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pecrfleet.counting import Apportioner
from pecrfleet.latency import latency_shares

DURATION_BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
QUEUE_BOUNDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)
RUN = "/v1/run"
_CAPABILITIES = "/v1/capabilities"
_CAPABILITIES_SECONDS = 0.007


@dataclass
class Histogram:
    """Counts for each bucket alone, the last one without a bound."""

    bounds: tuple[float, ...]
    counts: list[int] = field(default_factory=list)
    total: float = 0.0

    def __post_init__(self) -> None:
        self.counts = [0] * (len(self.bounds) + 1)

    def observe(self, seconds: float, times: int) -> None:
        """So many observations of that value."""
        self.counts[bisect_left(self.bounds, seconds)] += times
        self.total += seconds * times


class Service:
    """The counters, born as the real service's are: some at 0, the others at their first event."""

    def __init__(self, *, noise: bool = False, seed: str = "") -> None:
        self.requests: Counter[tuple[str, str, str]] = Counter()
        self.durations: dict[tuple[str, str, str], Histogram] = {}
        self.terminal_modes: Counter[str] = Counter()
        self.stop_reasons: Counter[str] = Counter()
        self.violations = 0
        self.loop_iterations = 0
        self.queue_wait = Histogram(QUEUE_BOUNDS)
        self.inflight = 0.0
        self._numbers = Apportioner(noise=noise, seed=seed)

    def capabilities(self, expected: float) -> None:
        """Requests that no rollout is judged by."""
        count = self._numbers.amount("capabilities", expected)
        if count:
            self._answered("GET", _CAPABILITIES, 200, {_CAPABILITIES_SECONDS: 1.0}, count)

    def run(self, expected: float, effect: Mapping[str, Any]) -> None:
        """Requests to `/v1/run`, as the effect says that they go."""
        self.inflight = effect["inflight_ops"] if expected > 0 else 0.0
        requests = self._numbers.amount("run", expected)
        if not requests:
            return
        rate = min(max(effect["error_rate"], 0.0), 1.0)
        parts = self._numbers.split("errors", requests, {"error": rate, "ok": 1.0 - rate})
        if failed := parts.get("error", 0):
            shares = latency_shares(effect["error_latency"])
            self._answered("POST", RUN, effect["error_status"], shares, failed)
        if answered := parts.get("ok", 0):
            self._answered("POST", RUN, 200, latency_shares(effect["latency"]), answered)
            self._outcomes(answered, effect)

    def _outcomes(self, answered: int, effect: Mapping[str, Any]) -> None:
        # A 5xx has no terminal mode, so all of this is about the answered ones.
        numbers = self._numbers
        modes = numbers.split("modes", answered, effect["terminal_modes"])
        self.terminal_modes.update({mode: n for mode, n in modes.items() if n})
        for reason, rate in effect["stop_reasons"].items():
            if count := numbers.amount(f"stop:{reason}", answered * rate):
                self.stop_reasons[reason] += count
        self.violations += numbers.amount("violations", answered * effect["violation_rate"])
        self.loop_iterations += numbers.amount("loops", answered * effect["loop_iterations"])
        waits = numbers.split("queue", answered, latency_shares(effect["queue_wait"]))
        for seconds, count in waits.items():
            self.queue_wait.observe(seconds, count)

    def _answered(
        self, method: str, route: str, status: int, shares: Mapping[float, float], count: int
    ) -> None:
        self.requests[method, route, str(status)] += count
        outcome = "success" if 200 <= status < 400 else "error"
        key = (method, outcome, route)
        histogram = self.durations.setdefault(key, Histogram(DURATION_BOUNDS))
        for seconds, times in self._numbers.split(f"latency:{key}", count, shares).items():
            histogram.observe(seconds, times)
