"""A simulated rollout: what a canary and the rest of its fleet count, tick by tick."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

TICK = 30.0  # seconds
HISTORY = 240  # ticks before the judging: 2 h
TICKS = 60  # ticks of judging: 30 min

Array = NDArray[np.float64]
Shape = tuple[int, int]
Draw = Callable[[np.random.Generator, Shape], Array]


@dataclass(frozen=True)
class Noise:
    """What rates do that nobody changed: factors over the base rate, 1 on average or nearly so.

    Attributes:
        name: for the table.
        own: drawn for each cohort by itself, over history and run: (runs, ticks).
        shared: drawn once for both cohorts.
        canary: on the canary's new pods alone, by seconds since the judging began.
        traffic: the number of requests, by seconds since the judging began.
        calm_before: whether the history shows none of it.
    """

    name: str
    own: Draw | None = None
    shared: Callable[[Array], Array] | None = None
    canary: Callable[[Array], Array] | None = None
    traffic: Callable[[Array], Array] | None = None
    calm_before: bool = False


def gamma(rng: np.random.Generator, shape: Shape) -> Array:
    """Draw a new factor each tick: gamma-distributed, CV 1."""
    return rng.gamma(1.0, 1.0, shape)


def lasting(minutes: float) -> Draw:
    """Draw factors of CV 1 that each last for some minutes on average."""

    def draw(rng: np.random.Generator, shape: Shape) -> Array:
        change = rng.random(shape) < TICK / 60 / minutes
        change[:, 0] = True
        fresh = rng.gamma(1.0, 1.0, shape)
        latest = np.maximum.accumulate(np.where(change, np.arange(shape[1]), 0), axis=1)
        return np.take_along_axis(fresh, latest, axis=1)

    return draw


def rare(factor: float, minutes: float, per_hour: float) -> Draw:
    """Draw rare bursts of one height and length, at random times."""

    def draw(rng: np.random.Generator, shape: Shape) -> Array:
        length = round(minutes * 60 / TICK)
        starts = rng.random(shape) < per_hour * TICK / 3600
        since = np.arange(shape[1]) - np.maximum.accumulate(
            np.where(starts, np.arange(shape[1]), -length), axis=1
        )
        return np.where(since < length, factor, 1.0)

    return draw


def incident(seconds: Array) -> Array:
    """Five times the rate for both cohorts, from minute 5 to 15."""
    return np.where((seconds >= 300) & (seconds < 900), 5.0, 1.0)


def ramp(seconds: Array) -> Array:
    """Rise as in a morning: from 0.65 two hours before to 1.1 at the end."""
    return 1 + 0.5 * np.sin(2 * np.pi * seconds / (16 * 3600))


def cold(settled: float) -> Callable[[Array], Array]:
    """Start four times as bad, fading with 1.5 min; judged from `settled` seconds on."""
    return lambda seconds: 1 + 3 * np.exp(-(seconds + settled) / 90)


CALM = Noise("independent")
GAMMA = Noise("bursts, each tick", own=gamma)
BURSTS = Noise("bursts of 3 min", own=lasting(3))
INCIDENT = Noise("shared incident", shared=incident)
RAMP = Noise("daily ramp", shared=ramp, traffic=ramp)
COLD = Noise("slow start", canary=cold(60))
UNSETTLED = Noise("slow start, not settled", canary=cold(0))
RARE = Noise("6x for 6 min, 1 an hour", own=rare(6, 6, 1))
SURPRISE = Noise("bursts of 3 min, calm before", own=lasting(3), calm_before=True)


@dataclass(frozen=True)
class Counted:
    """Requests and bad ones of some runs: (runs, ticks) each; the fleet's history comes first."""

    canary_total: Array
    canary_bad: Array
    fleet_total: Array
    fleet_bad: Array


def simulate(
    rng: np.random.Generator,
    runs: int,
    *,
    canary_rps: float,
    fleet_rps: float,
    base: float,
    noise: Noise,
    badness: Callable[[Array], Array],
) -> Counted:
    """Draw some runs: Poisson traffic, binomial bad requests."""
    seconds = (np.arange(HISTORY + TICKS) - HISTORY + 0.5) * TICK
    run = seconds[HISTORY:]
    traffic = noise.traffic(seconds) if noise.traffic else np.ones_like(seconds)
    together = noise.shared(seconds) if noise.shared else np.ones_like(seconds)
    shape = (runs, HISTORY + TICKS)
    fleet_rate = base * together * _own(rng, noise, shape)
    canary_rate = base * together[HISTORY:] * _own(rng, noise, shape)[:, HISTORY:]
    canary_rate = canary_rate * (noise.canary(run) if noise.canary else 1.0)
    canary_rate = canary_rate + badness(run)
    fleet_total = rng.poisson(fleet_rps * TICK * traffic, shape)
    canary_total = rng.poisson(canary_rps * TICK * traffic[HISTORY:], (runs, TICKS))
    return Counted(
        canary_total.astype(float),
        rng.binomial(canary_total, np.minimum(canary_rate, 1)).astype(float),
        fleet_total.astype(float),
        rng.binomial(fleet_total, np.minimum(fleet_rate, 1)).astype(float),
    )


def _own(rng: np.random.Generator, noise: Noise, shape: Shape) -> Array:
    if noise.own is None:
        return np.ones(shape)
    factors = noise.own(rng, shape)
    if noise.calm_before:
        factors[:, :HISTORY] = 1.0
    return factors
