"""How noisy the fleet is: its rate, and how much more its counts vary than by chance."""

from array import array
from collections.abc import Iterable, Sequence
from itertools import pairwise
from math import sqrt

from pecr_rollout.judge.evidence import Counts

HISTORY = 240  # ticks that are remembered: 2 h at 30 s
CALIBRATED = HISTORY // 2  # with fewer, bursts that last minutes may not have been seen
BLOCKS = (1, 2, 4, 8, 12, 24)  # ticks; noise of several lengths, since bursts last
_KEPT = HISTORY + max(BLOCKS) + 1  # a block that is not complete must not cost a complete one
_BLOCKS_NEEDED = 6  # for an estimate at a length
DOUBT = 3.0  # an estimate from n pairs of blocks is raised by this over the root of n


class Noise:
    """The fleet's latest ticks, and what they say of the next ones.

    Kept are running totals: a block of any length is the difference of two. Numbers in an array
    are a quarter of what they are as objects, and there is one of these for every signal.
    """

    __slots__ = ("_bad", "_excess", "_seen", "_total")

    def __init__(self, history: Iterable[Counts] = ()) -> None:
        self._bad = array("d", [0.0])
        self._total = array("d", [0.0])
        self._seen = 0
        self._excess: float | None = None  # until the next tick
        for counts in history:
            self.add(counts)

    def add(self, counts: Counts | None) -> None:
        """Remember one tick of the fleet; what is no count, or holds no request, says nothing."""
        if counts is None or not counts.finite or counts.total <= 0:
            return
        self._bad.append(self._bad[-1] + min(counts.bad, counts.total))
        self._total.append(self._total[-1] + counts.total)
        if len(self._total) > _KEPT:
            del self._bad[0], self._total[0]
        self._seen += 1
        self._excess = None

    @property
    def _ticks(self) -> int:
        return min(self._seen, HISTORY)

    @property
    def calibrated(self) -> bool:
        """Tell whether there is an hour of history (at 30 s)."""
        return self._ticks >= CALIBRATED

    @property
    def requests(self) -> float:
        """Give the fleet's requests per tick."""
        return self._latest(self._total) / self._ticks if self._ticks else 0.0

    @property
    def rate(self) -> float:
        """Give the fleet's bad share, a little drawn to one half: never 0, never 1."""
        return (self._latest(self._bad) + 0.5) / (self._latest(self._total) + 1.0)

    def _latest(self, running: Sequence[float]) -> float:
        return running[-1] - running[-1 - self._ticks]

    def excess(self) -> float:
        """Give the largest CV² · B over all block lengths B, in ticks; 0 is chance alone.

        A cohort that expects m bad requests per tick has a variance of B·m in a block by chance,
        and CV² · (B·m)² on top where its rate varies with CV² over blocks of B: the variance is
        1 + CV² · B · m times that of chance.
        """
        if self._excess is None:
            rate = self.rate
            self._excess = max(size * _excess(rate, *self._blocks(size)) for size in BLOCKS)
        return self._excess

    def _blocks(self, size: int) -> tuple[list[float], list[float]]:
        """Give the bad requests and all requests of the latest complete blocks of a length."""
        end = len(self._total) - 1 - self._seen % size
        begin = end - min(end, HISTORY) // size * size
        bad, total = self._bad[begin : end + 1 : size], self._total[begin : end + 1 : size]
        return [b - a for a, b in pairwise(bad)], [b - a for a, b in pairwise(total)]


def _excess(rate: float, bad: Sequence[float], total: Sequence[float]) -> float:
    """Give the CV² of the rate beyond chance, from differences of neighbours: a drift cancels.

    A method of moments: neighbours of n1 and n2 requests with r = n1/n2 differ by chance alone
    with variance p(1-p)·n1·(1+r); what is more is 2·CV²·(p·n1)².
    """
    if len(total) < _BLOCKS_NEEDED:
        return 0.0
    squares = chances = scales = 0.0
    for (bad1, total1), (bad2, total2) in pairwise(zip(bad, total, strict=True)):
        ratio = total2 / total1
        squares += (bad2 - bad1 * ratio) ** 2
        chances += total2 * (1 + ratio)
        scales += total2 * total2
    surplus = squares - rate * (1 - rate) * chances
    doubt = 1 + DOUBT / sqrt(len(total) - 1)
    return max(0.0, doubt * surplus / (2 * rate * rate * scales))
