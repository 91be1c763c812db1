"""What Prometheus can tell before anything is changed."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from math import isfinite
from typing import Final

from pecr_rollout.contract.signals import BUDGET_VIOLATIONS, REQUESTS, ROUTE
from pecr_rollout.judge import Counts, Settings, smallest_effect
from pecr_rollout.judge.evidence import add_up
from pecr_rollout.lifecycle.observation import Finding, Severity
from pecr_rollout.telemetry import promql
from pecr_rollout.telemetry.client import Prometheus, Sample
from pecr_rollout.telemetry.counters import Family, Frame, bound_label
from pecr_rollout.telemetry.errors import PrometheusUnavailable, Trouble
from pecr_rollout.telemetry.frames import read_instant
from pecr_rollout.telemetry.measures import SlowerThan, brackets, needed_by
from pecr_rollout.telemetry.questions import Asked
from pecr_rollout.telemetry.server import PrometheusServer
from pecr_rollout.telemetry.subjects import Subject

LOOK_BACK: Final = 600.0
"""Seconds over which traffic and scrapes are counted."""
FRESH: Final = 60.0
"""Seconds for which ready pods may be without series: two scrapes, and what discovery takes."""
CLOCK_TOLERANCE: Final = 60.0
"""Seconds by which two clocks may differ unnoticed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """A rollout whose evidence is checked before it starts.

    Attributes:
        asked: its questions.
        settings: how they will be judged.
        fleet: the target's pods.
        share: of the traffic that the first cohort will get, from 0 to 1.
        history: the fleet's counts per tick, by question, for its rates and its noise.
        settled_at: when the newest of the pods became ready, in seconds since the epoch.
    """

    asked: Sequence[Asked]
    settings: Settings
    fleet: Subject
    share: float
    history: Mapping[str, Sequence[Counts]]
    settled_at: float | None = None


def unknown_server(name: str, known: Collection[str]) -> Finding | None:
    """Tell that the operator has no Prometheus of that name."""
    if name in known:
        return None
    names = ", ".join(sorted(known)) or "none"
    return _error(
        "UnknownPrometheus",
        f"analysis.prometheus: the operator knows no Prometheus {name!r}; it knows {names}.",
    )


def between_bounds(asked: Iterable[Asked]) -> Iterator[Finding]:
    """Tell of latency bounds that are no bucket's."""
    for entry in asked:
        if not isinstance(entry.measure, SlowerThan):
            continue
        bound = entry.measure.bound
        lower, upper = brackets(bound)
        if lower != upper:
            yield _warning(
                "CoarseBound",
                f"slo.latency.{entry.question.name.removeprefix('latency_')}: {_time(bound)} lies"
                f" between two buckets of the controller's histogram. Requests over {_time(upper)}"
                f" count as slow, those up to {_time(lower)} as fast, and those in between as"
                f" unsure; {_time(lower)} or {_time(upper)} would be exact.",
            )


async def check(prometheus: Prometheus, checked: Checked, wall: float) -> tuple[Finding, ...]:
    """Give all findings, errors first.

    Args:
        prometheus: where the rollout is to be judged.
        checked: the rollout.
        wall: this machine's wall clock, seconds since the epoch.
    """
    coarse = list(between_bounds(checked.asked))
    try:
        found = await _asked(prometheus, checked, wall)
    except PrometheusUnavailable as error:
        found = [_unavailable(prometheus.server, error)]
    return tuple(sorted([*found, *coarse], key=lambda finding: finding.severity.value))


async def _asked(prometheus: Prometheus, checked: Checked, wall: float) -> list[Finding]:
    """Ask Prometheus; without series there is nothing more to find."""
    now = await prometheus.now()
    findings = list(_clock(prometheus.server, now - wall))
    frame = await _frame(prometheus, checked, now)
    if not any(reading.seen is not None for reading in frame.values()):
        if checked.settled_at is not None and wall - checked.settled_at < FRESH:
            return [*findings, _NO_SERIES_YET]
        return [*findings, await _no_series(prometheus, checked.fleet, now)]
    findings += _buckets(checked.asked, frame)
    findings += await _scrapes(prometheus, checked, now)
    requests = await _number(prometheus, promql.traffic, checked.fleet, now)
    if requests <= 0:
        return [*findings, _no_traffic(checked.fleet)]
    known = await _number(prometheus, promql.known_for, checked.fleet, now)
    return [*findings, *_too_little(checked, requests / max(known, 1.0))]


async def _frame(prometheus: Prometheus, checked: Checked, now: float) -> Frame:
    server = prometheus.server
    needed = needed_by(entry.measure for entry in checked.asked)
    if checked.fleet.matchers:
        query = promql.raw_by_matchers(server, [("fleet", checked.fleet)], needed)
    else:
        query = promql.raw(server, [checked.fleet], needed)
    frames = await prometheus.instant(query, now, partial(read_instant, server, 0))
    return frames[0]


async def _number(
    prometheus: Prometheus, query: promql.OfSubject, subject: Subject, now: float
) -> float:
    """Ask for a sum; what is no number (a pod may say so) adds nothing."""

    def total(found: Iterable[Sample]) -> float:
        return sum(sample.value for sample in found if isfinite(sample.value))

    return await prometheus.instant(query(prometheus.server, subject, LOOK_BACK), now, total)


def _clock(server: PrometheusServer, offset: float) -> Iterator[Finding]:
    if abs(offset) > CLOCK_TOLERANCE:
        ahead = "ahead of" if offset > 0 else "behind"
        yield _warning(
            "ClockOff",
            f"The clock of Prometheus {server.name!r} is {abs(offset):.0f} s {ahead} the"
            " operator's. Windows follow Prometheus; set the clocks right.",
        )


_NO_SERIES_YET: Final = Finding(
    Severity.WAITING,
    "NoSeriesYet",
    f"The pods became ready less than {FRESH:.0f} s ago, and Prometheus has no series of them yet.",
)


async def _no_series(prometheus: Prometheus, fleet: Subject, now: float) -> Finding:
    """Tell why there are no series: none at all, or under other labels."""
    server = prometheus.server
    others = await prometheus.instant(promql.anything(), now, list[Sample])
    if not others:
        return _error(
            "NoSeries",
            f"Prometheus {server.name!r} has no series of any PECR controller"
            f" ({BUDGET_VIOLATIONS.metric}). Let it scrape the controller's /metrics.",
        )
    wanted = ", ".join(promql.who(server, fleet))
    seen = "; ".join(_labels(sample) for sample in others[:3])
    return _error(
        "LabelMismatch",
        f"Prometheus {server.name!r} has series of PECR controllers, but none that match"
        f" {{{wanted}}}. It has, for example: {seen}. Name the labels in the operator's settings"
        " of this Prometheus, or give analysis.selectors.",
    )


def _labels(sample: Sample) -> str:
    labels = sorted(item for item in sample.labels.items() if item[0] != "__name__")
    return "{" + ", ".join(f"{name}={promql.quote(value)}" for name, value in labels)[:200] + "}"


def _no_traffic(fleet: Subject) -> Finding:
    return _error(
        "NoTraffic",
        f"The pods in {fleet.namespace} answered no POST {ROUTE} in the last"
        f" {LOOK_BACK / 60:.0f} minutes ({REQUESTS.metric}). Without requests nothing can be"
        " judged; send traffic first.",
    )


def _buckets(asked: Iterable[Asked], frame: Frame) -> Iterator[Finding]:
    """Tell of bucket bounds that the controller's histogram does not have."""
    latency = {
        label for reading in frame.values() for label in reading.values.get(Family.LATENCY, ())
    }
    bounds = needed_by(entry.measure for entry in asked).bounds
    lacking = [b for b in sorted(bounds) if bound_label(b) not in latency]
    if latency and lacking:
        yield _error(
            "OtherBuckets",
            f"The controller's latency histogram has no bucket at {_times(lacking)}, which"
            " slo.latency needs. Give bounds that it has.",
        )


async def _scrapes(prometheus: Prometheus, checked: Checked, now: float) -> list[Finding]:
    """Tell that pods are scraped less often than they are to be evaluated."""
    every = await _number(prometheus, promql.scraped_every, checked.fleet, now)
    tick = checked.settings.tick
    if every <= tick * 1.2:
        return []
    text = (
        f"These pods are scraped every {every:.0f} s, and analysis.interval is {tick:g} s:"
        f" evaluations in between see nothing new. Give analysis.interval {every:.0f}s or more."
    )
    return [_warning("ScrapedTooSeldom", text)]


def _too_little(checked: Checked, rps: float) -> Iterator[Finding]:
    """Tell of questions that this traffic cannot decide."""
    for entry in checked.asked:
        history = checked.history.get(entry.question.name, ())
        fleet = add_up(counts.clipped() for counts in history)
        effect = smallest_effect(
            entry.question,
            checked.settings,
            rps * checked.share,
            rps * (1 - checked.share),
            fleet.rate or 0.0,
            history=history,
        )
        if not effect.decides:
            yield _warning("TrafficTooLow", f"{entry.question.name}: {effect.sentence}")


_CURES: Final[Mapping[Trouble, str]] = {
    Trouble.UNREACHABLE: "Check its address, its Service and the network policies.",
    Trouble.SLOW: "Check its load, or give it more time in the operator's settings.",
    Trouble.FORBIDDEN: "Check the operator's token for it.",
    Trouble.REDIRECTED: "Check its address: a login page stands before it.",
    Trouble.STATUS: "Look at its log.",
    Trouble.REFUSED: "Look at its log, and at analysis.selectors if they are given.",
    Trouble.NOT_PROMETHEUS: "Check its address: something else answers there.",
    Trouble.TOO_LARGE: "Narrow analysis.selectors, or raise the operator's limit.",
    Trouble.CONFIGURATION: "Check the operator's settings of it.",
}


def _unavailable(server: PrometheusServer, error: PrometheusUnavailable) -> Finding:
    text = f"Prometheus {server.name!r} at {server.url} gave no answer: {error.detail}."
    return _error("PrometheusUnavailable", f"{text} {_CURES[error.trouble]}")


def _time(seconds: float) -> str:
    return f"{seconds * 1000:g}ms" if seconds < float("inf") else "any bound"


def _times(bounds: Sequence[float]) -> str:
    return ", ".join(_time(bound) for bound in bounds)


def _error(reason: str, message: str) -> Finding:
    return Finding(Severity.ERROR, reason, message)


def _warning(reason: str, message: str) -> Finding:
    return Finding(Severity.WARNING, reason, message)
