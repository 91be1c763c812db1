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
from functools import lru_cache
from math import exp, inf, log, log1p
from typing import NamedTuple

BREACH_BETS = (0.3, 0.6, 1.2, 2.5, 5.0)  # several at once: nobody knows how bad it is
WITHIN_BETS = (-0.2, -0.35, -0.55, -0.9)
BREACH_MOST = 2000.0  # times, in one tick, however much there is
SPIKE = 0.3  # of the odds needed, in one tick from nothing
_RICHEST = 1e100  # nothing but an overflow's guard
STAKE = 0.8  # of the money at most lost by one request


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


class Draw(NamedTuple):
    """What one tick drew: bad and total of the canary and of the baseline."""

    canary_bad: float
    canary_total: float
    baseline_bad: float = 0.0
    baseline_total: float = 0.0


def gains(bets: Sequence[float], border: Border, draw: Draw) -> list[float]:
    """Give, for each bet, the log of the factor by which a tick multiplies the money on it."""
    canary, baseline = border.canary, border.baseline
    bad, good = draw.canary_bad, draw.canary_total - draw.canary_bad
    if baseline is None:
        return [bad * win + good * loss for win, loss in _alone(tuple(bets), canary)]
    odds = draw.canary_total / draw.baseline_total  # canary's requests for each of the baseline's
    made = _made(bets, max(canary, odds))
    baseline_bad, baseline_good = draw.baseline_bad, draw.baseline_total - draw.baseline_bad
    return [
        bad * log1p((1 - canary) * d)
        + good * log1p(-canary * d)
        + baseline_bad * log1p((baseline - 1) * odds * d)
        + baseline_good * log1p(baseline * odds * d)
        for d in made
    ]


@lru_cache(maxsize=16)
def _alone(bets: tuple[float, ...], canary: float) -> tuple[tuple[float, float], ...]:
    """Give what each bet on the canary alone gains by a bad and by a good request.

    A border holds for a segment, and after a restart its ticks come one after the other.
    """
    made = _made(bets, canary)
    return tuple((log1p((1 - canary) * d), log1p(-canary * d)) for d in made)


def _made(bets: Sequence[float], risk: float) -> list[float]:
    """Make bets so small that no request, which loses `risk` of one, loses more than `STAKE`."""
    most = STAKE / risk if risk > 0 else inf
    return [max(-most, min(bet, most)) for bet in bets]


class Wealth:
    """Money on several bets at once; its mean is the evidence, as odds against the claim."""

    __slots__ = ("_bets", "_first", "_money", "_most")

    def __init__(self, bets: Sequence[float], start: float, first: float, most: float) -> None:
        """Begin.

        Args:
            bets: see `gains`.
            start: money on each bet.
            first: the most that a tick may multiply the money by; more if there is more already.
            most: the most that a tick may ever multiply it by.
        """
        self._bets = tuple(bets)
        self._money = [start] * len(self._bets)
        self._first = first
        self._most = most

    @property
    def odds(self) -> float:
        """Give the mean over the bets."""
        return sum(self._money) / len(self._money)

    def put_in(self, share: float) -> None:
        """Put fresh money on each bet, so that what was lost before does not count for ever."""
        self._money = [money + share for money in self._money]

    def play(self, border: Border, draw: Draw, noise: float) -> None:
        """Settle one tick; where counts vary more than by chance, it is worth the less."""
        settled = []
        allowed = log(self._first)  # to all; more to those who have more
        for money, gain in zip(self._money, gains(self._bets, border, draw), strict=True):
            nats = gain / noise
            if nats > allowed:
                nats = min(nats, log(min(self._most, self._first * max(1.0, money))))
            settled.append(min(_RICHEST, money * exp(nats)))
        self._money = settled


def breach_wealth(needed: float) -> Wealth:
    """Give the money against "no more than the limit"; it starts empty, see `fresh_money`.

    One tick brings no more than a part of the odds needed: a spike alone never convinces.
    """
    first = SPIKE * needed
    return Wealth(BREACH_BETS, 0.0, first, max(first, BREACH_MOST))


def within_wealth() -> Wealth:
    """Give the money against "at the limit or beyond"."""
    return Wealth(WITHIN_BETS, 1.0, _RICHEST, _RICHEST)


def fresh_money(segment: int) -> float:
    """Give the share of all money that is put in at a segment's start: 1 in all, for ever."""
    return 0.5 if segment == 0 else 0.5 / (segment * (segment + 1))
