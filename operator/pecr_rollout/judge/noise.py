"""How noisy the fleet is: its rate, and how much more its counts vary than by chance."""

from array import array
from collections.abc import Iterable, Sequence
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

    __slots__ = ("_bad", "_lengths", "_seen", "_total")

    def __init__(self, history: Iterable[Counts] = ()) -> None:
        self._bad = array("d", [0.0])
        self._total = array("d", [0.0])
        self._seen = 0
        self._lengths = [_Length(size) for size in BLOCKS]
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
        for length in self._lengths:
            if self._seen % length.size == 0:
                length.add(self._bad, self._total)

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
        rate = self.rate
        return max(length.size * length.excess(rate) for length in self._lengths)


class _Length:
    """The latest complete blocks of one length: sums over their pairs of neighbours.

    A pair is added when its second block is complete, and taken away when its first is too old.
    """

    __slots__ = ("blocks", "chances", "scales", "size", "squares")

    def __init__(self, size: int) -> None:
        self.size = size
        self.blocks = 0
        self.squares = self.chances = self.scales = 0.0

    def add(self, bad: Sequence[float], total: Sequence[float]) -> None:
        """Add the block that ends the running totals."""
        self.blocks += 1
        most = HISTORY // self.size
        if self.blocks % most == 0:  # anew, so that no rounding adds up
            self.squares = self.chances = self.scales = 0.0
            for ago in range(most - 1):
                self._count(bad, total, ago, 1)
        elif self.blocks > 1:
            self._count(bad, total, 0, 1)
            if self.blocks > most:
                self._count(bad, total, most - 1, -1)

    def _count(self, bad: Sequence[float], total: Sequence[float], ago: int, sign: int) -> None:
        """Add or take away the pair of neighbours whose second one is `ago` blocks old."""
        end = len(total) - 1 - ago * self.size
        middle, begin = end - self.size, end - 2 * self.size
        total1, total2 = total[middle] - total[begin], total[end] - total[middle]
        ratio = total2 / total1
        square = (bad[end] - bad[middle] - (bad[middle] - bad[begin]) * ratio) ** 2
        self.squares += sign * square
        self.chances += sign * total2 * (1 + ratio)
        self.scales += sign * total2 * total2

    def excess(self, rate: float) -> float:
        """Give the CV² of the rate beyond chance, from differences of neighbours: a drift cancels.

        A method of moments: neighbours of n1 and n2 requests with r = n1/n2 differ by chance alone
        with variance p(1-p)·n1·(1+r); what is more is 2·CV²·(p·n1)².
        """
        pairs = min(self.blocks, HISTORY // self.size) - 1
        if pairs + 1 < _BLOCKS_NEEDED:
            return 0.0
        surplus = self.squares - rate * (1 - rate) * self.chances
        doubt = 1 + DOUBT / sqrt(pairs)
        return max(0.0, doubt * surplus / (2 * rate * rate * self.scales))
