"""Which request gets which fault: at every write once, or at random from a seed."""

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.faults import faults, points
from benchmarks.faults.proxy import Exchange, Fault, Plan, WatchFault

Table = Sequence[tuple[Fault | WatchFault, float]]

READ: Table = (
    (faults.too_many, 4),
    (faults.internal, 6),
    (faults.unavailable, 6),
    (faults.page, 2),
    (faults.cut_before, 8),
    (faults.slow, 6),
    (faults.never, 0.3),
    (faults.stale, 8),
)
WRITE: Table = (
    (faults.conflict, 8),
    (faults.invalid, 0.7),
    (faults.too_many, 4),
    (faults.internal, 6),
    (faults.unavailable, 6),
    (faults.page, 2),
    (faults.cut_before, 8),
    (faults.cut_after, 10),
    (faults.slow, 3),
    (faults.late, 1),
    (faults.never, 0.5),
)
LIST: Table = tuple((fault, weight) for fault, weight in READ if fault is not faults.page)
"""What kopf's own reads get: it takes a page for the end of the world, and ends."""
WATCH: Table = (
    (faults.watch_silent, 1),
    (faults.watch_replayed, 3),
    (faults.watch_reordered, 3),
    (faults.watch_gone, 3),
    (faults.watch_cut, 3),
)
BURST = 0.02
"""Share of faults that are followed by more of the kind."""
LONGEST_BURST = 25
BURSTING = (faults.unavailable, faults.cut_before)


def writes(exchange: Exchange) -> bool:
    """Tell whether it is a write."""
    return exchange.writes


def reads(exchange: Exchange) -> bool:
    """Tell whether it is a read of the operator's own, not of kopf's."""
    return exchange.method == "GET" and _ours(exchange)


class Points:
    """Names every write, or read, and makes one fault at each name, the first time it is seen.

    Attributes:
        fault: what is made; None only names them.
        at: which exchanges are named.
        lands: whether a write takes effect nevertheless.
        every: one in so many names is hit.
        seen: the names, in their order.
        hit: those at which the fault was made.
    """

    def __init__(
        self,
        fault: Fault | None,
        at: Callable[[Exchange], bool] = writes,
        *,
        lands: bool = True,
        every: int = 1,
    ) -> None:
        self.fault = fault
        self.at = at
        self.lands = lands
        self.every = every
        self.seen: Counter[str] = Counter()
        self.hit: dict[str, int] = {}
        self._stage = "start"

    def __call__(self, exchange: Exchange) -> Fault | None:
        """Give the fault of one exchange."""
        if exchange.watches:
            return None
        fault = self._at_first(exchange) if self.at(exchange) else None
        if exchange.writes and (fault is None or self.lands):
            self._stage = points.recorded(exchange) or self._stage
        return fault

    def _at_first(self, exchange: Exchange) -> Fault | None:
        name = f"{self._stage}: {points.name(exchange)}"
        fault = None if name in self.seen or len(self.seen) % self.every else self.fault
        self.seen[name] += 1
        if fault is not None:
            self.hit[name] = 1
        return fault


class OldLists(Points):
    """Answers late that a template was written, and lists ReplicaSets as they were before."""

    def __init__(self) -> None:
        super().__init__(faults.stale, _lists)

    def __call__(self, exchange: Exchange) -> Fault | None:
        """Give the fault of one exchange."""
        fault = super().__call__(exchange)
        rolls = exchange.method == "PATCH" and "/deployments/" in exchange.path
        return faults.lingering if rolls else fault


def _lists(exchange: Exchange) -> bool:
    return reads(exchange) and exchange.path.endswith("/replicasets")


class Random:
    """Makes faults at random, in bursts now and then.

    Attributes:
        rate: share of the requests that get a fault.
        fitting: gives the faults that fit an exchange, with their weights.
    """

    def __init__(self, seed: int, rate: float, fitting: Callable[[Exchange], Table]) -> None:
        self.rate = rate
        self.fitting = fitting
        self._random = random.Random(seed)
        self._burst: list[Fault] = []

    def __call__(self, exchange: Exchange) -> Fault | WatchFault | None:
        """Give the fault of one exchange."""
        if self._burst and not exchange.watches:
            return self._burst.pop()
        share = min(1.0, 3 * self.rate) if exchange.watches else self.rate  # a watch lasts
        if self._random.random() >= share:
            return None
        choices, weights = zip(*self.fitting(exchange), strict=True)
        fault = self._random.choices(choices, weights)[0]
        if fault in BURSTING and self._random.random() < BURST:
            self._burst = [fault] * self._random.randint(5, LONGEST_BURST)
        return fault


def of_api_server(exchange: Exchange) -> Table:
    """Give what an API server may do to an exchange."""
    if exchange.watches:
        return WATCH
    if exchange.method != "GET":
        return WRITE
    return READ if _ours(exchange) else LIST


def _ours(exchange: Exchange) -> bool:
    return exchange.request.headers.get("User-Agent") == "pecr-rollout"


def nothing(_: Exchange) -> None:
    """Make no fault."""


@dataclass(frozen=True)
class Plans:
    """What is done to one operator.

    Attributes:
        api: at its API server.
        prometheus: at its Prometheus.
        ahead: by how many seconds its wall clock is wrong.
    """

    api: Plan = nothing
    prometheus: Plan = nothing
    ahead: float = 0.0
