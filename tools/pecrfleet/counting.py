"""From rates to whole numbers: exact in the long run, or drawn at random from a seed."""

import math
import random
from collections.abc import Hashable, Mapping
from typing import Any, TypeVar

K = TypeVar("K", bound=Hashable)
_LARGE = 50.0


class Apportioner:
    """Turns expected numbers into counts; what is cut off is carried over to the next call."""

    def __init__(self, *, noise: bool = False, seed: str = "") -> None:
        self._owed: dict[str, float] = {}
        self._rests: dict[str, dict[Any, float]] = {}
        # Traffic for tests, not secrets.
        self._random = random.Random(seed) if noise else None  # noqa: S311

    def amount(self, name: str, expected: float) -> int:
        """How many there are of something of which `expected` are expected."""
        if self._random is not None:
            return _poisson(expected, self._random)
        owed = self._owed.get(name, 0.0) + expected
        # A hair above, so that ten times 0.1 is one.
        count = math.floor(owed + 1e-9)
        self._owed[name] = owed - count
        return count

    def split(self, name: str, total: int, shares: Mapping[K, float]) -> dict[K, int]:
        """Divide `total` by shares (of their sum); the parts add up to it."""
        whole = sum(shares.values())
        if total <= 0 or whole <= 0:
            return {}
        if self._random is not None:
            return self._drawn(total, shares)
        rests = self._rests.get(name, {})
        if rests.keys() != shares.keys():
            rests = dict.fromkeys(shares, 0.0)
        owed = {key: rests[key] + total * share / whole for key, share in shares.items()}
        counts = {key: max(math.floor(value + 1e-9), 0) for key, value in owed.items()}
        missing = total - sum(counts.values())
        # The rests add up to nothing, so few are missing; one too many comes of a rest below zero.
        step = 1 if missing > 0 else -1
        usable = [key for key in owed if step > 0 or counts[key] > 0]
        usable.sort(key=lambda key: step * (counts[key] - owed[key]))
        for key in usable[: abs(missing)]:
            counts[key] += step
        self._rests[name] = {key: value - counts[key] for key, value in owed.items()}
        return counts

    def _drawn(self, total: int, shares: Mapping[K, float]) -> dict[K, int]:
        assert self._random is not None  # noqa: S101
        counts = dict.fromkeys(shares, 0)
        for key in self._random.choices(list(shares), list(shares.values()), k=total):
            counts[key] += 1
        return counts


def _poisson(expected: float, source: random.Random) -> int:
    if expected <= 0:
        return 0
    if expected > _LARGE:
        return max(0, round(source.gauss(expected, math.sqrt(expected))))
    limit, count, product = math.exp(-expected), 0, source.random()
    while product > limit:
        product *= source.random()
        count += 1
    return count
