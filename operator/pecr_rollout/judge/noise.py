"""How noisy the fleet is: its rate, and how much more its counts vary than by chance."""

from collections import deque
from collections.abc import Iterable, Sequence
from itertools import accumulate, pairwise

from pecr_rollout.judge.evidence import Counts

HISTORY = 240  # ticks that are remembered: 2 h at 30 s
CALIBRATED = HISTORY // 2  # with fewer, bursts that last minutes may not have been seen
BLOCKS = (1, 2, 4, 8, 12)  # ticks; noise of several lengths, since bursts last
_BLOCKS_NEEDED = 6  # for an estimate at a length


class Noise:
    """The fleet's latest ticks, and what they say of the next ones."""

    __slots__ = ("_ticks",)

    def __init__(self, history: Iterable[Counts] = ()) -> None:
        self._ticks: deque[tuple[float, float]] = deque(maxlen=HISTORY)
        for counts in history:
            self.add(counts)

    def add(self, counts: Counts | None) -> None:
        """Remember one tick of the fleet; what is no count, or holds no request, says nothing."""
        if counts is not None and counts.finite and counts.total > 0:
            self._ticks.append((min(counts.bad, counts.total), counts.total))

    @property
    def calibrated(self) -> bool:
        """Tell whether there is an hour of history (at 30 s)."""
        return len(self._ticks) >= CALIBRATED

    @property
    def requests(self) -> float:
        """Give the fleet's requests per tick."""
        return sum(total for _, total in self._ticks) / len(self._ticks) if self._ticks else 0.0

    @property
    def rate(self) -> float:
        """Give the fleet's bad share, a little drawn to one half: never 0, never 1."""
        bad, total = (
            (sum(column) for column in zip(*self._ticks, strict=True))
            if self._ticks
            else (0.0, 0.0)
        )
        return (bad + 0.5) / (total + 1.0)

    def factor(self, events: float) -> float:
        """Give the factor by which a cohort's variance exceeds chance; 1 is chance alone.

        A rate that varies with CV² over blocks of B ticks adds CV² · (B·events)² to the variance
        B·events of a block: the factor is 1 + CV² · B · events, the largest over all B.

        Args:
            events: bad requests per tick that are expected of that cohort.
        """
        rate = self.rate
        worst = max((_excess(blocks, rate) * size for size, blocks in self._blocks()), default=0.0)
        return 1.0 + worst * events

    def _blocks(self) -> Iterable[tuple[int, list[tuple[float, float]]]]:
        """Give the ticks in blocks of each length that there are enough of, aligned to now."""
        ticks = self._ticks
        bad = [0.0, *accumulate(tick[0] for tick in ticks)]
        total = [0.0, *accumulate(tick[1] for tick in ticks)]
        for size in BLOCKS:
            if len(ticks) >= _BLOCKS_NEEDED * size:
                start = len(ticks) % size
                x, n = bad[start::size], total[start::size]
                yield (
                    size,
                    [
                        (x1 - x0, n1 - n0)
                        for (x0, x1), (n0, n1) in zip(pairwise(x), pairwise(n), strict=True)
                    ],
                )


def _excess(blocks: Sequence[tuple[float, float]], rate: float) -> float:
    """Give the CV² of the rate beyond chance, from differences of neighbours: a drift cancels.

    A method of moments: neighbours of n1 and n2 requests with r = n1/n2 differ by chance alone with
    variance p(1-p)·n1·(1+r); what is more is 2·CV²·(p·n1)².
    """
    chance = rate * (1 - rate)
    surplus = scale = 0.0
    for (x2, n2), (x1, n1) in pairwise(blocks):
        ratio = n1 / n2
        surplus += (x1 - x2 * ratio) ** 2 - chance * n1 * (1 + ratio)
        scale += (rate * n1) ** 2
    return max(0.0, surplus / (2 * scale)) if scale > 0 else 0.0
