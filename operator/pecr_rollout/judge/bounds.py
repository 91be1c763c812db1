"""Bounds on a rate from counts."""

from collections.abc import Callable
from functools import lru_cache
from math import inf, log, sqrt

_HALVINGS = 60  # of an interval of width 1: beyond a float's precision


def wilson_lower(bad: float, total: float, z: float) -> float:
    """Give the lower end of Wilson's score interval (Wilson 1927) at `z` standard deviations.

    Without requests it is 0.
    """
    if total <= 0:
        return 0.0
    rate = bad / total
    z2 = z * z
    centre = rate + z2 / (2 * total)
    spread = z * sqrt(rate * (1 - rate) / total + z2 / (4 * total * total))
    return max(0.0, (centre - spread) / (1 + z2 / total))


@lru_cache(maxsize=1024)  # of a recorded baseline the same is asked for again and again
def chernoff_upper(bad: float, total: float, alpha: float) -> float:
    """Give a rate that the true one exceeds with probability `alpha` at most, whatever it is.

    Chernoff's bound turned round: the largest q with total · KL(bad/total, q) ≤ log(1/alpha). A
    little wider than Clopper and Pearson's, and without an incomplete beta function.
    """
    if total <= 0:
        return 1.0
    rate, most = bad / total, log(1 / alpha)
    return _border(lambda q: total * _divergence(rate, q) <= most, rate, 1.0)


def chernoff_lower(bad: float, total: float, alpha: float) -> float:
    """Give a rate that the true one falls short of with probability `alpha` at most."""
    return 1.0 - chernoff_upper(total - bad, total, alpha)


def _divergence(p: float, q: float) -> float:
    """Give Kullback and Leibler's divergence of two coins, in nats."""
    if (q <= 0 < p) or (p < 1 <= q):
        return inf
    heads = p * log(p / q) if p > 0 else 0.0
    tails = (1 - p) * log((1 - p) / (1 - q)) if p < 1 else 0.0
    return heads + tails


def _border(inside: Callable[[float], bool], low: float, high: float) -> float:
    """Halve the interval until its ends meet; `low` is inside and `high` is not, or is the end."""
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if inside(middle):
            low = middle
        else:
            high = middle
    return high
