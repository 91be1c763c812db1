"""Live counts from Prometheus, judged with the operator's own judge."""

import asyncio
from argparse import Namespace
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pecr_rollout.api.enums import CanaryMode
from pecr_rollout.api.rollout import ControllerRollout
from pecr_rollout.api.spec import Spec
from pecr_rollout.api.types import seconds
from pecr_rollout.cli.guard.envelope import read_rollout
from pecr_rollout.cli.guard.judged import report
from pecr_rollout.cli.problem import Refused
from pecr_rollout.cluster.names import clone_name
from pecr_rollout.judge import Counts, Judgement, judge
from pecr_rollout.judge.evidence import add_up
from pecr_rollout.report import DecisionReport
from pecr_rollout.telemetry.client import Prometheus
from pecr_rollout.telemetry.collector import Collected, Collector, Due
from pecr_rollout.telemetry.errors import PrometheusUnavailable
from pecr_rollout.telemetry.questions import Asked, ask, settings
from pecr_rollout.telemetry.server import PrometheusServer
from pecr_rollout.telemetry.subjects import Subject

WINDOW: Final = 600.0
"""Seconds looked back at least, where `--since` says nothing."""
HISTORY: Final = 7200.0
"""Seconds before them that the fleet's noise is learnt from."""
KEY: Final = "guard"


@dataclass(frozen=True)
class Cohorts:
    """Whose series are read.

    Attributes:
        canary: the cohort.
        baseline: the rest of the fleet; None where there is none.
        fleet: the pods that were there before.
    """

    canary: Subject
    baseline: Subject | None
    fleet: Subject


def judge_live(options: Namespace) -> DecisionReport:
    """Judge the last `--since` of a rollout's cohort.

    Raises:
        Refused: the rollout cannot be read, or Prometheus gives no answer that can be used.
    """
    rollout = read_rollout(options.rollout)
    window = _window(rollout.spec, options.since)
    try:
        judgement = asyncio.run(_judge(_server(options), rollout, window))
    except PrometheusUnavailable as error:
        raise Refused(f"--prometheus {options.prometheus}: {error}") from error
    return report(rollout, judgement, options)


def _window(spec: Spec, since: float | None) -> float:
    sustained = seconds(spec.slo.sustained_for)
    if since is None:
        return max(WINDOW, 2 * sustained)
    least = sustained + seconds(spec.analysis.interval)
    if since < least:
        raise Refused(
            f"--since is {since:g}s, too short to see a breach that lasts slo.sustainedFor"
            f" ({spec.slo.sustained_for}); give at least {least:g}s"
        )
    return since


def _server(options: Namespace) -> PrometheusServer:
    try:
        return PrometheusServer(
            url=options.prometheus,
            token_file=_path(options.prometheus_token_file),
            ca_file=_path(options.prometheus_ca_file),
        )
    except ValueError as error:
        raise Refused(f"--prometheus: {error}") from error


def _path(name: str | None) -> Path | None:
    return Path(name) if name else None


def cohorts(rollout: ControllerRollout) -> Cohorts:
    """Give the cohorts by the names that their pods have without asking a cluster."""
    spec, namespace = rollout.spec, rollout.metadata.namespace
    selectors = spec.analysis.selectors
    mine = tuple(selectors.canary) if selectors else ()
    theirs = tuple(selectors.baseline) if selectors else ()
    target = spec.target.deployment
    if spec.canary.mode is CanaryMode.FLEET:
        everybody = Subject(namespace, deployments=(target,), matchers=mine)
        return Cohorts(everybody, None, everybody)
    existing = spec.canary.existing
    name = existing.deployment if existing else clone_name(target)
    rest = Subject(namespace, deployments=(target,), matchers=theirs)
    return Cohorts(Subject(namespace, deployments=(name,), matchers=mine), rest, rest)


async def _judge(server: PrometheusServer, rollout: ControllerRollout, window: float) -> Judgement:
    prometheus = Prometheus(server)
    try:
        return await _read_and_judge(prometheus, rollout, window)
    finally:
        prometheus.close()


async def _read_and_judge(
    prometheus: Prometheus, rollout: ControllerRollout, window: float
) -> Judgement:
    who, collector = cohorts(rollout), Collector(prometheus)
    due = _due(rollout.spec, who, window, await prometheus.now() - prometheus.server.delay)
    history = (await collector.history([due], lambda _: who.fleet, HISTORY)).get(KEY, {})
    asked = _asked(rollout.spec, history, concurrent=who.baseline is not None)
    collected = (await collector.collect([due]))[KEY]
    if collected.unavailable is not None:
        raise collected.unavailable
    return _judgement(rollout.spec, asked, collected, history, window)


def _due(spec: Spec, who: Cohorts, window: float, until: float) -> Due:
    interval = seconds(spec.analysis.interval)
    return Due(
        key=KEY,
        asked=ask(spec, concurrent=who.baseline is not None),
        canary=who.canary,
        baseline=who.baseline,
        interval=interval,
        since=until - window - interval,  # counters are first read one tick before they can grow
        until=until,
    )


def _asked(
    spec: Spec, history: Mapping[str, Sequence[Counts]], *, concurrent: bool
) -> tuple[Asked, ...]:
    """Give the questions; without a rest of the fleet its past stands in."""
    past = {name: add_up(counts) for name, counts in history.items()}
    recorded = {name: (counts.bad, counts.total) for name, counts in past.items()}
    return ask(spec, concurrent=concurrent, recorded=recorded)


def _judgement(
    spec: Spec,
    asked: Sequence[Asked],
    collected: Collected,
    history: Mapping[str, Sequence[Counts]],
    window: float,
) -> Judgement:
    judging = settings(spec, hold=window, signals=len(asked))
    names = [one.question.name for one in asked]
    return Judgement(
        tuple(
            judge(
                one.question,
                judging,
                history.get(name, ()),
                collected.evaluations.get(name, ()),
            )
            for name, one in zip(names, asked, strict=True)
        )
    )
