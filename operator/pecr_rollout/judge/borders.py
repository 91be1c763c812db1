"""Where a question's limit lies, as rates to bet against, and how many odds are needed."""

from dataclasses import dataclass

from pecr_rollout.judge.betting import Border
from pecr_rollout.judge.bounds import chernoff_lower, chernoff_upper
from pecr_rollout.judge.evidence import (
    Concurrent,
    Counts,
    Fixed,
    Kind,
    Question,
    Recorded,
    Settings,
    SharedIncident,
)
from pecr_rollout.judge.noise import Noise

BREACH_ALPHA = 0.05  # of a rollout: the probability of ever falling back without cause
EARLY_ALPHA = 0.001  # the same for early trips
WITHIN_ALPHA = 0.05  # of a signal: the probability of ever calling a breach `Within`


@dataclass(frozen=True, slots=True)
class Borders:
    """What is bet against in one segment, and how noisy it is.

    Attributes:
        breach: against "no more than the limit".
        within: against "at the limit or beyond".
        shared: against "hardly worse than the fleet"; None unless that matters.
        noise: the factor for the first two.
        shared_noise: the factor for the third.
    """

    breach: Border
    within: Border
    shared: Border | None
    noise: float
    shared_noise: float


def beside_fleet(question: Question) -> bool:
    """Tell whether the canary is compared with the rest of the fleet at the same time."""
    return question.kind is Kind.RELATIVE and isinstance(question.reference, Concurrent)


def holds_shared(question: Question, settings: Settings) -> bool:
    """Tell whether an absolute limit broken by all is held; that needs a fleet to look at."""
    return (
        question.kind is Kind.ABSOLUTE
        and settings.shared_incident is SharedIncident.HOLD
        and isinstance(question.reference, Concurrent)
    )


def odds_for_breach(question: Question, settings: Settings) -> float:
    """Give the odds that a breach needs: the error budget is split over signals and steps."""
    return _odds(question, settings, BREACH_ALPHA)


def odds_for_early(question: Question, settings: Settings) -> float:
    """Give the odds that an early trip needs."""
    return _odds(question, settings, EARLY_ALPHA)


def odds_for_within(question: Question) -> float:
    """Give the odds that `Within` needs; not split, since every signal has to say it."""
    return _for_the_bets(question) / WITHIN_ALPHA


def _odds(question: Question, settings: Settings, alpha: float) -> float:
    return _for_the_bets(question) * _steps(settings) / alpha


def _steps(settings: Settings) -> float:
    return float(settings.signals * 2**settings.fallback_step)


def _for_the_bets(question: Question) -> float:
    """Give 2 where half of the error budget is spent on the recorded baseline's bound."""
    recorded = isinstance(question.reference, Recorded)
    return 2.0 if recorded and question.kind is Kind.RELATIVE else 1.0


def borders(
    question: Question, settings: Settings, noise: Noise, canary: float, share: float
) -> Borders:
    """Work out the borders for the ticks to come.

    Args:
        question: what is asked.
        settings: how to judge.
        noise: the fleet until now.
        canary: the canary's requests per tick.
        share: the canary's share of all requests, from 0 to 1.
    """
    rate, excess = noise.rate, noise.excess()
    breach, within = _borders(question, settings, noise)
    # The fleet's own noise comes on top of the canary's where the two are compared.
    beside = 1 + excess * rate * canary * 2 * (1 - share)
    if beside_fleet(question):
        factor = beside
    elif question.kind is Kind.ABSOLUTE:
        factor = 1 + excess * min(rate, question.limit) * canary
    else:
        factor = 1 + excess * rate * canary
    shared = None
    if holds_shared(question, settings):
        shared = Border(rate + question.limit / 2, rate)
    return Borders(breach, within, shared, factor, beside)


def _borders(question: Question, settings: Settings, noise: Noise) -> tuple[Border, Border]:
    limit = question.limit
    if question.kind is Kind.ABSOLUTE:
        return Border(limit), Border(limit)
    match question.reference:
        case Fixed(rate):
            return Border(rate + limit), Border(rate + limit)
        case Recorded(counts):
            low, high = _recorded_bounds(counts, settings, noise)
            return Border(high + limit), Border(low + limit)
        case _:
            both = Border(noise.rate + limit, noise.rate)
            return both, both


def _recorded_bounds(counts: Counts, settings: Settings, noise: Noise) -> tuple[float, float]:
    """Give bounds on the rate before the change; noise makes the recorded counts worth less."""
    counts = counts.clipped()
    factor = 1 + noise.excess() * noise.rate * noise.requests
    bad, total = counts.bad / factor, counts.total / factor
    low = chernoff_lower(bad, total, WITHIN_ALPHA / 2)
    high = chernoff_upper(bad, total, BREACH_ALPHA / 2 / _steps(settings))
    return low, high
