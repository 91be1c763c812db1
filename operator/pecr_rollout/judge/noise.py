"""How noisy the fleet is: its rate, and how much more its counts vary than by chance."""

from collections import deque
from collections.abc import Iterable
from math import sqrt

from pecr_rollout.judge.evidence import Counts

HISTORY = 240  # ticks that are remembered: 2 h at 30 s
CALIBRATED = HISTORY // 2  # with fewer, bursts that last minutes may not have been seen
BLOCKS = (1, 2, 4, 8, 12, 24)  # ticks; noise of several lengths, since bursts last
_BLOCKS_NEEDED = 6  # for an estimate at a length
DOUBT = 3.0  # an estimate from n pairs of blocks is raised by this over the root of n


class Noise:
    """The fleet's latest ticks, and what they say of the next ones."""

    __slots__ = ("_bad", "_blocks", "_seen", "_sum_bad", "_sum_total", "_total")

    def __init__(self, history: Iterable[Counts] = ()) -> None:
        self._bad: deque[float] = deque(maxlen=HISTORY)
        self._total: deque[float] = deque(maxlen=HISTORY)
        self._seen = 0
        self._sum_bad = self._sum_total = 0.0
        self._blocks = [_Blocks(size) for size in BLOCKS]
        for counts in history:
            self.add(counts)

    def add(self, counts: Counts | None) -> None:
        """Remember one tick of the fleet; what is no count, or holds no request, says nothing."""
        if counts is None or not counts.finite or counts.total <= 0:
            return
        bad = min(counts.bad, counts.total)
        self._bad.append(bad)
        self._total.append(counts.total)
        self._sum_bad += bad
        self._sum_total += counts.total
        self._seen += 1
        for blocks in self._blocks:
            if self._seen % blocks.size == 0:
                blocks.close(self._sum_bad, self._sum_total)

    @property
    def calibrated(self) -> bool:
        """Tell whether there is an hour of history (at 30 s)."""
        return len(self._total) >= CALIBRATED

    @property
    def requests(self) -> float:
        """Give the fleet's requests per tick."""
        return sum(self._total) / len(self._total) if self._total else 0.0

    @property
    def rate(self) -> float:
        """Give the fleet's bad share, a little drawn to one half: never 0, never 1."""
        return (sum(self._bad) + 0.5) / (sum(self._total) + 1.0)

    def excess(self) -> float:
        """Give the largest CV² · B over all block lengths B, in ticks; 0 is chance alone.

        A cohort that expects m bad requests per tick has a variance of B·m in a block by chance,
        and CV² · (B·m)² on top where its rate varies with CV² over blocks of B: the variance is
        1 + CV² · B · m times that of chance.
        """
        rate = self.rate
        return max(blocks.size * blocks.excess(rate) for blocks in self._blocks)


class _Blocks:
    """Neighbouring blocks of ticks, of one length."""

    __slots__ = ("_chances", "_last", "_scales", "_squares", "_start", "size")

    def __init__(self, size: int) -> None:
        pairs = HISTORY // size - 1
        self.size = size
        self._start = (0.0, 0.0)
        self._last: tuple[float, float] | None = None
        self._squares: deque[float] = deque(maxlen=pairs)
        self._chances: deque[float] = deque(maxlen=pairs)
        self._scales: deque[float] = deque(maxlen=pairs)

    def close(self, bad: float, total: float) -> None:
        """End a block, with requests in it, and compare it with the one before.

        Args:
            bad: all bad requests until now.
            total: all requests until now.
        """
        block = bad - self._start[0], total - self._start[1]
        if self._last is not None:
            self._compare(*self._last, *block)
        self._last, self._start = block, (bad, total)

    def _compare(self, bad1: float, total1: float, bad2: float, total2: float) -> None:
        """Note by how much two neighbours differ."""
        ratio = total2 / total1
        self._squares.append((bad2 - bad1 * ratio) ** 2)
        self._chances.append(total2 * (1 + ratio))
        self._scales.append(total2 * total2)

    def excess(self, rate: float) -> float:
        """Give the CV² of the rate beyond chance, from differences of neighbours: a drift cancels.

        A method of moments: neighbours of n1 and n2 requests with r = n1/n2 differ by chance alone
        with variance p(1-p)·n1·(1+r); what is more is 2·CV²·(p·n1)².
        """
        if len(self._squares) < _BLOCKS_NEEDED - 1:
            return 0.0
        surplus = sum(self._squares) - rate * (1 - rate) * sum(self._chances)
        doubt = 1 + DOUBT / sqrt(len(self._squares))
        return max(0.0, doubt * surplus / (2 * rate * rate * sum(self._scales)))
