"""Evaluations for tests: deterministic traffic, gaps, random ones."""

from itertools import pairwise

from hypothesis import strategies as st

from pecr_rollout.judge import Counts, Evaluation, Kind, Question, Reason, Settings

START = 1_000_000.0
RELATIVE = Question("error_rate", Kind.RELATIVE, 0.02)
ABSOLUTE = Question("latency_p95", Kind.ABSOLUTE, 0.05)
DEFAULT = Settings(signals=5)
FAST = Settings(signals=5, tick=1, sustained_for=5, hold=8, min_requests=20)


def steady(rate, total, tick):
    """Give the tick's counts of traffic that is bad at a rate, as evenly as whole numbers can."""
    ends = [int(rate * total * n + 1e-9) for n in (tick, tick + 1)]
    return Counts(*(later - earlier for earlier, later in pairwise(ends)), total)


def evaluations(ticks, canary_rate, *, settings=DEFAULT, canary=150, fleet=1350, fleet_rate=0.01):
    """Give deterministic evaluations; a rate may be a function of the tick's number."""
    return [
        Evaluation(
            START + (tick + 1) * settings.tick,
            steady(canary_rate, canary, tick),
            steady(fleet_rate, fleet, tick),
        )
        for tick in range(ticks)
    ]


def history(ticks=240, rate=0.01, total=1350):
    return [steady(rate, total, tick) for tick in range(ticks)]


def gap(tick, reason=Reason.STALE, settings=DEFAULT):
    return Evaluation(START + (tick + 1) * settings.tick, gap=reason)


def counts(most=500):
    """Draw counts with requests in them, sometimes with more bad ones than requests."""
    return st.builds(
        Counts,
        st.integers(0, most).map(float),
        st.integers(1, most).map(float),
        st.integers(0, most // 4).map(float),
    )


@st.composite
def feeds(draw, most=20):
    """Draw evaluations on the grid: known ones, gaps and nonsense."""
    size = draw(st.integers(1, most))
    found = []
    for tick in range(size):
        at = START + (tick + 1) * 30.0
        kind = draw(st.sampled_from("kkkkkkgn"))
        if kind == "k":
            found.append(Evaluation(at, draw(counts()), draw(counts(5000))))
        elif kind == "g":
            found.append(Evaluation(at, gap=draw(st.sampled_from(list(Reason)))))
        else:
            odd = draw(st.sampled_from([float("nan"), float("inf"), -1.0]))
            found.append(Evaluation(at, Counts(odd, 10.0), Counts(0.0, 100.0)))
    return found
