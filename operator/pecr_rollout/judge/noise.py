"""How noisy the fleet is: its rate, and how much more its counts vary than by chance."""

from collections.abc import Iterable

from pecr_rollout.judge.evidence import Counts

HISTORY = 240  # ticks that are remembered: 2 h at 30 s
CALIBRATED = HISTORY // 2  # with fewer, bursts that last minutes may not have been seen
BLOCKS = (1, 2, 4, 8, 12)  # ticks; noise of several lengths, since bursts last
_BLOCKS_NEEDED = 6  # for an estimate at a length


class Noise:
    """The fleet's latest ticks, and what they say of the next ones."""

    __slots__ = ("_bad", "_total")

    def __init__(self, history: Iterable[Counts] = ()) -> None:
        self._bad = [0.0]  # running sums, so that a block of any length is one subtraction
        self._total = [0.0]
        for counts in history:
            self.add(counts)

    def add(self, counts: Counts | None) -> None:
        """Remember one tick of the fleet; what is no count, or holds no request, says nothing."""
        if counts is None or not counts.finite or counts.total <= 0:
            return
        self._bad.append(self._bad[-1] + min(counts.bad, counts.total))
        self._total.append(self._total[-1] + counts.total)
        if len(self._bad) > 2 * HISTORY:
            del self._bad[: -HISTORY - 1], self._total[: -HISTORY - 1]

    @property
    def ticks(self) -> int:
        """Give how many ticks are remembered, `HISTORY` at most."""
        return min(len(self._bad) - 1, HISTORY)

    @property
    def calibrated(self) -> bool:
        """Tell whether there is an hour of history (at 30 s)."""
        return self.ticks >= CALIBRATED

    @property
    def requests(self) -> float:
        """Give the fleet's requests per tick."""
        return self._sum(self._total) / self.ticks if self.ticks else 0.0

    @property
    def rate(self) -> float:
        """Give the fleet's bad share, a little drawn to one half: never 0, never 1."""
        return (self._sum(self._bad) + 0.5) / (self._sum(self._total) + 1.0)

    def factor(self, events: float) -> float:
        """Give the factor by which a cohort's variance exceeds chance; 1 is chance alone.

        A rate that varies with CV² over blocks of B ticks adds CV² · (B·events)² to the variance
        B·events of a block: the factor is 1 + CV² · B · events, the largest over all B.

        Args:
            events: bad requests per tick that are expected of that cohort.
        """
        ticks, rate = self.ticks, self.rate
        worst = 0.0
        for size in BLOCKS:
            if ticks >= _BLOCKS_NEEDED * size:
                first = len(self._bad) - 1 - ticks // size * size  # blocks end now
                bad, total = self._bad[first::size], self._total[first::size]
                worst = max(worst, size * _excess(bad, total, rate))
        return 1.0 + worst * events

    def _sum(self, sums: list[float]) -> float:
        return sums[-1] - sums[-1 - self.ticks]


def _excess(bad: list[float], total: list[float], rate: float) -> float:
    """Give the CV² of the rate beyond chance, from differences of neighbours: a drift cancels.

    A method of moments: neighbours of n1 and n2 requests with r = n1/n2 differ by chance alone with
    variance p(1-p)·n1·(1+r); what is more is 2·CV²·(p·n1)².

    Args:
        bad: running sums of bad requests at the blocks' ends.
        total: the same of all requests.
        rate: p.
    """
    surplus = scale = 0.0
    chance = rate * (1 - rate)
    for x0, x1, x2, n0, n1, n2 in zip(
        bad, bad[1:], bad[2:], total, total[1:], total[2:], strict=False
    ):
        later = n2 - n1
        ratio = later / (n1 - n0)
        surplus += (x2 - x1 - (x1 - x0) * ratio) ** 2 - chance * later * (1 + ratio)
        scale += later * later
    scale *= 2 * rate * rate
    return max(0.0, surplus / scale) if scale > 0 else 0.0
