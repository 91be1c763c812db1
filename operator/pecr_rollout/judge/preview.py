"""What this traffic can show, said before the start and while nothing is decided yet."""

from collections.abc import Sequence
from dataclasses import replace
from math import log, sqrt

from pecr_rollout.judge.betting import (
    BREACH_BETS,
    SPIKE,
    WITHIN_BETS,
    Border,
    Draw,
    gains,
)
from pecr_rollout.judge.borders import (
    Borders,
    beside_fleet,
    borders,
    odds_for_breach,
    odds_for_within,
)
from pecr_rollout.judge.evidence import Counts, Question, Settings
from pecr_rollout.judge.noise import Noise
from pecr_rollout.judge.trigger import EVENTS
from pecr_rollout.judge.verdict import Effect
from pecr_rollout.judge.wording import preview_sentence

_MARGIN = 2.5  # nats above the bound, so that most canaries of this rate reach it, not half
_STEADY = 1.75  # standard deviations over the limit, so that few windows break the row


def smallest_effect(
    question: Question,
    settings: Settings,
    canary_rps: float,
    fleet_rps: float,
    base_rate: float,
    *,
    history: Sequence[Counts] = (),
) -> Effect:
    """Tell what this traffic can show.

    Args:
        question: what will be asked.
        settings: how it will be judged.
        canary_rps: requests per second that the canary will get.
        fleet_rps: requests per second of the rest of the fleet.
        base_rate: the fleet's bad share now, from 0 to 1.
        history: the fleet's counts per tick, for its noise; without, chance alone is supposed.
    """
    canary, fleet = canary_rps * settings.tick, fleet_rps * settings.tick
    draw = Draw(base_rate * canary, canary, base_rate * fleet, fleet)
    noise = Noise(history) if history else _known(base_rate, fleet)
    share = canary / (canary + fleet) if canary > 0 else 0.0
    now = borders(question, settings, noise, canary, share)
    enough = canary_rps * settings.sustained_for >= settings.min_requests
    rate = least_rate(question, settings, now, draw) if enough else None
    after = _within_after(question, settings, now, draw) if enough else None
    effect = Effect(rate, after, enough, rate is not None and after is not None, "")
    return replace(effect, sentence=preview_sentence(question, settings, canary_rps, effect))


def least_rate(question: Question, settings: Settings, now: Borders, draw: Draw) -> float | None:
    """Give the least rate of the canary whose expected log odds exceed the bound by a margin.

    The expected gain of a bet is linear in the rate, so each bet has its rate in closed form.

    Args:
        question: what is asked.
        settings: how it is judged; the time is `hold`.
        now: the borders and the noise.
        draw: requests per tick, and the baseline's bad ones.
    """
    ticks = settings.hold / settings.tick
    if draw.canary_total <= 0 or (beside_fleet(question) and draw.baseline_total <= 0):
        return None
    odds = odds_for_breach(question, settings)
    need = log(odds) + _MARGIN + log(2 * len(BREACH_BETS))
    if need > log(SPIKE * odds) * ticks:
        return None
    least = max(
        _least_rate(now.breach, draw, need / ticks * now.noise),
        _steady_rate(settings, now, draw.canary_total),
    )
    return least if least <= 1 else None


def _steady_rate(settings: Settings, now: Borders, per_tick: float) -> float:
    """Give the rate r that is over the limit in nearly every window of the trigger.

    It is `_STEADY` standard deviations over: r - border = z · sqrt(r · noise / requests).
    """
    border = now.breach.canary
    enough = max(settings.min_requests, EVENTS / border if border > 0 else 0.0)
    shortest, longest = per_tick * settings.window_ticks, per_tick * settings.sustained_ticks
    z = _STEADY * sqrt(now.noise / min(longest, max(shortest, enough)))
    return ((z + sqrt(z * z + 4 * border)) / 2) ** 2


def _least_rate(border: Border, draw: Draw, need: float) -> float:
    """Give the least rate at which some bet is expected to gain `need` nats per tick."""
    total, baseline = draw.canary_total, (draw.baseline_bad, draw.baseline_total)
    all_bad, none_bad = Draw(total, total, *baseline), Draw(0.0, total, *baseline)
    ends = zip(
        gains(BREACH_BETS, border, none_bad), gains(BREACH_BETS, border, all_bad), strict=True
    )
    return min((need - none) / (every - none) for none, every in ends)


def _within_after(question: Question, settings: Settings, now: Borders, draw: Draw) -> float | None:
    """Give the time after which a canary like its baseline is expected to be `Within`."""
    if draw.canary_total <= 0 or (beside_fleet(question) and draw.baseline_total <= 0):
        return None
    need = log(odds_for_within(question)) + _MARGIN + log(len(WITHIN_BETS))
    best = max(gains(WITHIN_BETS, now.within, draw)) / now.noise
    return max(settings.hold, need / best * settings.tick) if best > 0 else None


def _known(rate: float, requests: float) -> Noise:
    """Give a fleet of this rate that varies by chance alone."""
    noise = Noise()
    noise.add(Counts(rate * requests * 1000, requests * 1000))
    return noise
