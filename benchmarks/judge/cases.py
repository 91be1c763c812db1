"""The cases of the benchmark: which rollouts are simulated, and what is asked of the judge."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
from benchmarks.judge.world import (
    BURSTS,
    CALM,
    COLD,
    GAMMA,
    INCIDENT,
    RAMP,
    RARE,
    SURPRISE,
    UNSETTLED,
    Array,
    Noise,
)

from pecr_rollout.judge import Kind, SharedIncident

TRAFFIC = ((0.5, 4.5), (5.0, 45.0), (50.0, 450.0))  # canary and fleet, requests a second
BASES = (0.001, 0.01, 0.05)
WORSE = (1.5, 2.0, 3.0, 5.0, 20.0)
LIMITS = (0.05, 0.01)
SIGNALS = 5  # the error budget is always that of five


def forever(extra: float) -> Callable[[Array], Array]:
    return lambda seconds: np.full_like(seconds, extra)


def between(extra: float, start: float, end: float) -> Callable[[Array], Array]:
    return lambda seconds: np.where((seconds >= start) & (seconds < end), extra, 0.0)


@dataclass(frozen=True)
class Target:
    """What must be reached: one figure of a case, at least or at most.

    Attributes:
        figure: `fell`, `fell_early`, `promoted`, `minutes`, `minutes_early`.
        most: the largest value allowed, or None.
        least: the smallest value allowed, or None.
    """

    figure: str
    most: float | None = None
    least: float | None = None


@dataclass(frozen=True)
class Case:
    """One line of the table."""

    group: str
    name: str
    traffic: tuple[float, float]
    base: float
    limit: float
    noise: Noise = CALM
    kind: Kind = Kind.RELATIVE
    badness: Callable[[Array], Array] = field(default_factory=lambda: forever(0.0))
    good: bool = False
    shared: SharedIncident = SharedIncident.FALLBACK
    signals: int = 1  # simulated; all of them good but the first
    targets: tuple[Target, ...] = ()

    @property
    def key(self) -> str:
        """Give a name that no other case has; it seeds the case's random numbers."""
        shared = f"/{self.shared}" if self.kind is Kind.ABSOLUTE else ""
        return f"{self.group}/{self.name}/{self.base}/{self.limit}/{self.traffic}{shared}"


NO_FALSE_ALARM = Target("fell", most=0.005)
GOOD = "Good canaries"
BAD = "Bad canaries"
ZERO = "A base of (nearly) nothing, limit 1 percentage point"
ABSOLUTE = "Absolute limits, the fleet at 0.6 of them"
PASSING = "What passes"
BURSTY = "Bad canaries under bursts"
OTHER = "No target: printed for honesty"
FIVE = "Five signals"


def all_cases() -> list[Case]:
    """Give all cases, in the table's order."""
    makers = (_good, _bad, _zero, _absolute, _passing, _bursty, _other, _five)
    return [case for make in makers for case in make()]


def _relative(group: str, name: str, traffic: tuple[float, float], base: float, factor: float, *,
              noise: Noise = CALM, targets: tuple[Target, ...] = ()) -> Case:  # fmt: skip
    """Give a canary at `factor` times the base, with half of the base as limit."""
    return Case(group, name, traffic, base, base / 2, noise, good=factor == 1,
                badness=forever(base * (factor - 1)), targets=targets)  # fmt: skip


def _good() -> Iterator[Case]:
    for noise in (CALM, GAMMA, BURSTS, INCIDENT, RAMP, COLD):
        for base in BASES:
            for traffic in TRAFFIC:
                targets = [NO_FALSE_ALARM]
                if noise is CALM and base == 0.01 and traffic[0] >= 5:
                    targets.append(Target("promoted", least=0.99 if traffic[0] > 5 else 0.85))
                yield _relative(GOOD, noise.name, traffic, base, 1, noise=noise,
                                targets=tuple(targets))  # fmt: skip


def _bad() -> Iterator[Case]:
    for factor in WORSE:
        for base in BASES:
            for traffic in TRAFFIC:
                name = f"{factor:g} times the base" + (" (at the limit)" if factor == 1.5 else "")
                targets = _bad_targets(factor, base, traffic)
                yield _relative(BAD, name, traffic, base, factor, targets=targets)


def _bad_targets(factor: float, base: float, traffic: tuple[float, float]) -> tuple[Target, ...]:
    if base != 0.01:
        return ()
    targets = []
    if factor == 1.5:
        targets += [Target("promoted", most=0.02)]
    if factor == 3:
        targets += [Target("promoted", most=0.002)]
    if factor == 3 and traffic[0] == 5:
        targets += [Target("fell", least=0.99), Target("minutes", most=6.5)]
    if factor == 5 and traffic[0] == 0.5:
        targets += [Target("fell", least=0.95)]
    if factor == 5 and traffic[0] == 5:
        targets += [Target("minutes_early", most=2.0)]
    return tuple(targets)


def _zero() -> Iterator[Case]:
    for base in (0.0, 0.0001):
        for traffic in TRAFFIC:
            yield Case(ZERO, "good", traffic, base, 0.01, good=True, targets=(NO_FALSE_ALARM,))
    for base in (0.0, 0.0001):
        for traffic in TRAFFIC:
            targets: tuple[Target, ...] = ()
            if base == 0 and traffic[0] == 5:
                targets = (Target("fell", least=0.99), Target("minutes", most=6.5))
            yield Case(ZERO, "canary at 3 %", traffic, base, 0.01,
                       badness=forever(0.03 - base), targets=targets)  # fmt: skip


def _absolute() -> Iterator[Case]:
    for limit in LIMITS:
        for traffic in TRAFFIC:
            for noise in (CALM, GAMMA, BURSTS, RAMP, COLD):
                yield _latency(noise.name, traffic, limit, noise)
            for shared in SharedIncident:
                name = f"shared incident, {shared}"
                yield _latency(name, traffic, limit, INCIDENT, shared=shared)
            for shared in SharedIncident:
                name = f"canary at 3 times the limit, {shared}"
                yield _latency(name, traffic, limit, CALM, shared=shared, rate=3 * limit)


def _latency(name: str, traffic: tuple[float, float], limit: float, noise: Noise, *,
             shared: SharedIncident = SharedIncident.FALLBACK,
             rate: float | None = None) -> Case:  # fmt: skip
    base = 0.6 * limit
    letter = noise is INCIDENT and shared is SharedIncident.FALLBACK
    good = rate is None and not letter
    return Case(ABSOLUTE, name, traffic, base, limit, noise, Kind.ABSOLUTE,
                forever(0.0 if rate is None else rate - base), good, shared,
                targets=(NO_FALSE_ALARM,) if good else ())  # fmt: skip


def _passing() -> Iterator[Case]:
    for factor in (3.0, 5.0):
        for traffic in TRAFFIC:
            yield Case(PASSING, f"{factor:g} times for the first 4 min", traffic, 0.01, 0.005,
                       badness=between(0.01 * (factor - 1), 0, 240), good=True,
                       targets=(Target("fell", most=0.03),))  # fmt: skip
    for rate in (0.5, 1.0):
        for traffic in TRAFFIC:
            yield Case(PASSING, f"{rate:.0%} bad for 30 s in minute 10", traffic, 0.01, 0.005,
                       badness=between(rate, 600, 630), good=True,
                       targets=(Target("fell", most=0.01),))  # fmt: skip


def _bursty() -> Iterator[Case]:
    for noise in (GAMMA, BURSTS):
        for factor in (3.0, 5.0, 20.0):
            for traffic in TRAFFIC:
                yield _relative(BURSTY, f"{factor:g} times, {noise.name}", traffic, 0.01, factor,
                                noise=noise)  # fmt: skip


def _other() -> Iterator[Case]:
    for noise in (RARE, SURPRISE, UNSETTLED):
        for traffic in TRAFFIC:
            yield _relative(OTHER, noise.name, traffic, 0.01, 1, noise=noise)
    for traffic in TRAFFIC:
        yield Case(OTHER, "turns 5 times as bad at minute 12", traffic, 0.01, 0.005,
                   badness=between(0.04, 720, 1e9))  # fmt: skip


def _five() -> Iterator[Case]:
    for traffic in TRAFFIC[1:]:
        yield Case(FIVE, "all good", traffic, 0.01, 0.005, good=True, signals=SIGNALS,
                   targets=(NO_FALSE_ALARM,))  # fmt: skip
        yield Case(FIVE, "one at 3 times the base", traffic, 0.01, 0.005, badness=forever(0.02),
                   signals=SIGNALS)  # fmt: skip
