"""How noisy the fleet is: its rate, and how much more its counts vary than by chance."""

from collections import deque
from collections.abc import Iterable

from pecr_rollout.judge.evidence import Counts

HISTORY = 240  # ticks that are remembered: 2 h at 30 s
CALIBRATED = HISTORY // 2  # with fewer, bursts that last minutes may not have been seen
BLOCKS = (1, 2, 4, 8, 12)  # ticks; noise of several lengths, since bursts last
_BLOCKS_NEEDED = 6  # for an estimate at a length


class Noise:
    """The fleet's latest ticks, and what they say of the next ones."""

    __slots__ = ("_bad", "_blocks", "_total")

    def __init__(self, history: Iterable[Counts] = ()) -> None:
        self._bad: deque[float] = deque(maxlen=HISTORY)
        self._total: deque[float] = deque(maxlen=HISTORY)
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
        for blocks in self._blocks:
            blocks.add(bad, counts.total)

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

    __slots__ = ("_bad", "_chances", "_last", "_missing", "_scales", "_squares", "_total", "size")

    def __init__(self, size: int) -> None:
        pairs = HISTORY // size - 1
        self.size = size
        self._bad = self._total = 0.0
        self._missing = size
        self._last: tuple[float, float] | None = None
        self._squares: deque[float] = deque(maxlen=pairs)
        self._chances: deque[float] = deque(maxlen=pairs)
        self._scales: deque[float] = deque(maxlen=pairs)

    def add(self, bad: float, total: float) -> None:
        """Add a tick with requests in it to the block; compare the block when it is full."""
        self._bad += bad
        self._total += total
        self._missing -= 1
        if self._missing:
            return
        if self._last is not None:
            self._compare(*self._last)
        self._last = self._bad, self._total
        self._bad = self._total = 0.0
        self._missing = self.size

    def _compare(self, bad: float, total: float) -> None:
        """Note by how much this block differs from the one before."""
        ratio = self._total / total
        self._squares.append((self._bad - bad * ratio) ** 2)
        self._chances.append(self._total * (1 + ratio))
        self._scales.append(self._total**2)

    def excess(self, rate: float) -> float:
        """Give the CV² of the rate beyond chance, from differences of neighbours: a drift cancels.

        A method of moments: neighbours of n1 and n2 requests with r = n1/n2 differ by chance alone
        with variance p(1-p)·n1·(1+r); what is more is 2·CV²·(p·n1)².
        """
        if len(self._squares) < _BLOCKS_NEEDED - 1:
            return 0.0
        surplus = sum(self._squares) - rate * (1 - rate) * sum(self._chances)
        return max(0.0, surplus / (2 * rate * rate * sum(self._scales)))
