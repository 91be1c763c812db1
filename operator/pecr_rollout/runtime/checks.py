"""Preflight: what the cluster and what Prometheus say before the first write."""

import time
from collections.abc import Iterator
from contextlib import suppress

from pecr_rollout.api.enums import BaselineSource, CanaryMode
from pecr_rollout.api.rollout import ControllerRollout
from pecr_rollout.api.types import seconds
from pecr_rollout.cluster.client import Api
from pecr_rollout.cluster.preflight import preflight as cluster_preflight
from pecr_rollout.judge import Counts, Kind, Recorded
from pecr_rollout.judge.evidence import add_up
from pecr_rollout.lifecycle.cohort import cohort_replicas, traffic_share
from pecr_rollout.lifecycle.observation import Cluster, Finding, Preflight, Severity, Workload
from pecr_rollout.runtime.bench import HISTORY_TICKS, Bench
from pecr_rollout.runtime.case import fleet_of
from pecr_rollout.telemetry import preflight as telemetry_preflight
from pecr_rollout.telemetry.collector import Due
from pecr_rollout.telemetry.errors import PrometheusUnavailable
from pecr_rollout.telemetry.questions import ask, settings

History = dict[str, tuple[Counts, ...]]
Sums = dict[str, tuple[float, float]]


async def run_checks(
    api: Api,
    bench: Bench | None,
    known: tuple[str, ...],
    rollout: ControllerRollout,
    cluster: Cluster,
) -> Preflight:
    """Make all checks, and record what the fleet did before the change.

    Args:
        api: the API server.
        bench: of the rollout's Prometheus; None where the operator knows none of that name.
        known: the names of those that it knows.
        rollout: the rollout.
        cluster: as it was observed just now.
    """
    findings = await cluster_preflight(api, rollout, cluster)
    if bench is None:
        unknown = telemetry_preflight.unknown_server(rollout.spec.analysis.prometheus, known)
        return Preflight(_sorted((*findings, *((unknown,) if unknown else ()))))
    history: History = {}
    with suppress(PrometheusUnavailable):  # the checks below say so, with their cures
        history = await _history(bench, rollout)
    sums = {name: add_up(c.clipped() for c in counts) for name, counts in history.items()}
    recorded = {name: (counts.bad, counts.total) for name, counts in sums.items()}
    if cluster.target is not None:
        checked = _checked(rollout, cluster.target, history)
        findings = (
            *findings,
            *await telemetry_preflight.check(bench.prometheus, checked, time.time()),
            *_unrecorded(rollout, recorded),
        )
    return Preflight(_sorted(findings), recorded)


def _unrecorded(rollout: ControllerRollout, recorded: Sums) -> Iterator[Finding]:
    """Wait for a baseline that can only be had now: with none of it no breach could be shown.

    Where the baseline is the rest of the fleet, there is none any more while promoting.
    """
    questions = [one.question for one in ask(rollout.spec, concurrent=False, recorded=recorded)]
    missing = [
        question.name
        for question in questions
        if question.kind is Kind.RELATIVE
        and isinstance(question.reference, Recorded)
        and question.reference.counts.total <= 0
    ]
    if missing:
        yield Finding(
            Severity.WAITING,
            "NotRecorded",
            f"What the fleet did before the change could not be counted ({', '.join(missing)}), and"
            " is what the canary or the promoted fleet is compared with. It is counted again.",
        )


def _sorted(findings: tuple[Finding, ...]) -> tuple[Finding, ...]:
    return tuple(sorted(findings, key=lambda finding: finding.severity.value))


async def _history(bench: Bench, rollout: ControllerRollout) -> History:
    spec = rollout.spec
    interval = seconds(spec.analysis.interval)
    now = await bench.prometheus.now()
    fleet = fleet_of(rollout, spec)
    due = Due(
        key=f"{rollout.metadata.uid}/history",
        asked=ask(spec, concurrent=True),
        canary=fleet,
        baseline=None,
        interval=interval,
        since=now,
        until=now,
    )
    found = await bench.collector.history([due], lambda _: fleet, interval * HISTORY_TICKS)
    return dict(found[due.key])


def _checked(
    rollout: ControllerRollout, target: Workload, history: History
) -> telemetry_preflight.Checked:
    spec = rollout.spec
    concurrent = spec.baseline_source() is BaselineSource.CONCURRENT
    asked = ask(spec, concurrent=concurrent)
    step = spec.canary.steps[0]
    share = 1.0
    if spec.canary.mode is CanaryMode.MANAGED:
        share = traffic_share(cohort_replicas(step, target.replicas), target.replicas)
    return telemetry_preflight.Checked(
        asked=asked,
        settings=settings(spec, hold=seconds(step.hold), signals=len(asked)),
        fleet=fleet_of(rollout, spec),
        share=share,
        history=history,
        settled_at=target.settled_at,
    )
