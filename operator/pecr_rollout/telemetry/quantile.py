"""Quantiles of a histogram, as Prometheus estimates them; shown to people, never judged."""

from collections.abc import Mapping
from itertools import accumulate
from math import inf, isfinite


def quantile(share: float, buckets: Mapping[float, float]) -> float | None:
    """Give what `histogram_quantile` gives.

    Args:
        share: from 0 to 1.
        buckets: cumulative counts by upper bound, the infinite one included.

    Returns:
        The quantile; None without observations, or without the infinite bucket.
    """
    bounds = sorted(bound for bound, count in buckets.items() if isfinite(count))
    if len(bounds) < 2 or bounds[-1] != inf:
        return None
    counts = list(accumulate((buckets[bound] for bound in bounds), max))
    if counts[-1] <= 0:
        return None
    rank = share * counts[-1]
    place = next(i for i, count in enumerate(counts) if count >= rank)
    if place == len(bounds) - 1:
        return bounds[-2]
    start, before = (bounds[place - 1], counts[place - 1]) if place else (0.0, 0.0)
    inside = counts[place] - before
    return start + (bounds[place] - start) * ((rank - before) / inside if inside else 1.0)
