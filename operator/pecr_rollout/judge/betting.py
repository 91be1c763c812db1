"""Evidence as a bet: money that grows only if the claim it is staked against is false.

The claim is "the canary's rate is at most Δ over the baseline's". Staked are d on each of the
canary's requests being bad, and s = d·nc/nb against each of the baseline's. Since log(1+u) ≤ u, a
tick is expected to multiply the money by exp(nc·d·(pc - pb - Δ)) ≤ 1 at most while the claim holds,
whatever the rates are or do: an e-process. By Ville's inequality it ever exceeds 1/alpha with
probability alpha at most, however often one looks (Ramdas, Grünwald, Vovk and Shafer,
Game-theoretic statistics and safe anytime-valid inference, 2023). With all signs turned it is a bet
against "more than Δ over".
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, log1p

BREACH_BETS = (0.15, 0.3, 0.6, 1.2, 2.5, 5.0)  # several at once: nobody knows how bad it is
WITHIN_BETS = (-0.1, -0.2, -0.35, -0.5, -0.7, -0.9)
BREACH_CAP = 6.0  # nats per tick: no single tick convinces
_WITHIN_CAP = 200.0  # nothing but an overflow's guard
_MOST = 1e100
_STAKE = 0.8  # of the money at most lost by one request


@dataclass(frozen=True, slots=True)
class Border:
    """Where the claim ends: the rates at which the bet is fair.

    Attributes:
        canary: the highest rate that the claim allows the canary.
        baseline: the rate supposed of the baseline; None where the bet is on the canary alone. If
            it is wrong, the bet stays valid and is only less sharp.
    """

    canary: float
    baseline: float | None = None


@dataclass(frozen=True, slots=True)
class Draw:
    """What one tick drew: bad and total of the canary and of the baseline."""

    canary_bad: float
    canary_total: float
    baseline_bad: float = 0.0
    baseline_total: float = 0.0


def limited(bet: float, border: Border, draw: Draw) -> float:
    """Give the bet, made so small that no request can lose more than `_STAKE`."""
    size = abs(bet)
    if border.canary > 0:
        size = min(size, _STAKE / border.canary)
    if border.baseline is not None:
        size = min(size, _STAKE * draw.baseline_total / draw.canary_total)
    return size if bet > 0 else -size


def gain(bet: float, border: Border, draw: Draw) -> float:
    """Give the log of the factor by which a tick multiplies the money staked with this bet."""
    d = limited(bet, border, draw)
    canary = border.canary
    nats = draw.canary_bad * log1p((1 - canary) * d)
    nats += (draw.canary_total - draw.canary_bad) * log1p(-canary * d)
    if border.baseline is not None:
        s = d * draw.canary_total / draw.baseline_total
        nats += draw.baseline_bad * log1p(-(1 - border.baseline) * s)
        nats += (draw.baseline_total - draw.baseline_bad) * log1p(border.baseline * s)
    return nats


class Wealth:
    """Money on several bets at once; its mean is the evidence, as odds against the claim."""

    __slots__ = ("_bets", "_cap", "_money")

    def __init__(self, bets: Sequence[float], cap: float, start: float) -> None:
        self._bets = tuple(bets)
        self._cap = cap
        self._money = [start] * len(self._bets)

    @property
    def odds(self) -> float:
        """Give the mean over the bets."""
        return sum(self._money) / len(self._money)

    def put_in(self, share: float) -> None:
        """Put fresh money on each bet, so that what was lost before does not count for ever."""
        self._money = [money + share for money in self._money]

    def play(self, border: Border, draw: Draw, noise: float) -> None:
        """Settle one tick; where counts vary more than by chance, it is worth the less."""
        cap = self._cap
        self._money = [
            min(_MOST, money * exp(min(cap, gain(bet, border, draw) / noise)))
            for money, bet in zip(self._money, self._bets, strict=True)
        ]


def breach_wealth() -> Wealth:
    """Give the money against "no more than the limit"; it starts empty, see `fresh_money`."""
    return Wealth(BREACH_BETS, BREACH_CAP, 0.0)


def within_wealth() -> Wealth:
    """Give the money against "at the limit or beyond"."""
    return Wealth(WITHIN_BETS, _WITHIN_CAP, 1.0)


def fresh_money(segment: int) -> float:
    """Give the share of all money that is put in at a segment's start: 1 in all, for ever."""
    return 0.5 if segment == 0 else 0.5 / (segment * (segment + 1))
