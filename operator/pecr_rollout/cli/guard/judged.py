"""The operator's judgement as the guard's report."""

from argparse import Namespace
from datetime import UTC, datetime

from pecr_rollout.api.rollout import ControllerRollout
from pecr_rollout.cli.guard.case import DEFAULT_ENGINE, state_of
from pecr_rollout.cli.guard.decide import environment, recommend
from pecr_rollout.cli.guard.envelope import declared
from pecr_rollout.contract.signals import Trigger as TriggerId
from pecr_rollout.judge import Judgement, SignalVerdict, State
from pecr_rollout.report import (
    DecisionReport,
    Evidence,
    Figure,
    Signals,
    Status,
    Trigger,
    Unit,
    Verdict,
)

STATUSES = {
    State.BREACHED: Status.FALLBACK_REQUIRED,
    State.WITHIN: Status.HEALTHY,
    State.UNKNOWN: Status.INCONCLUSIVE,
}
SOURCE_UNAVAILABLE = f"{TriggerId.TERMINAL_MODE}:SOURCE_UNAVAILABLE"


def report(rollout: ControllerRollout, judgement: Judgement, options: Namespace) -> DecisionReport:
    """Report a judgement of live counts."""
    wanted = declared(rollout)
    engine = options.engine or wanted.engine or DEFAULT_ENGINE
    state = state_of(options, wanted)
    status = STATUSES[judgement.state]
    found = {verdict.name: verdict for verdict in judgement.signals}
    return DecisionReport(
        status=status,
        engine=engine,
        current_state=state,
        signals=Signals(
            bvr=_rate(found.get(TriggerId.BUDGET_VIOLATION_RATE)),
            source_unavailable_rate=_rate(found.get(SOURCE_UNAVAILABLE)),
        ),
        thresholds=wanted.thresholds,
        triggers=tuple(Trigger(item.name, item.sentence) for item in judgement.breaches),
        recommended_fallback=recommend(status, environment(engine, state)),
        requests=Signals(
            p95_ms=_total(found.get(TriggerId.LATENCY_P95)),
            p99_ms=_total(found.get(TriggerId.LATENCY_P99)),
            bvr=_total(found.get(TriggerId.BUDGET_VIOLATION_RATE)),
            source_unavailable_rate=_total(found.get(SOURCE_UNAVAILABLE)),
        ),
        evidence=tuple(_evidence(verdict) for verdict in judgement.signals),
    )


def _evidence(verdict: SignalVerdict) -> Evidence:
    canary, baseline = verdict.canary, verdict.baseline
    return Evidence(
        name=verdict.name,
        canary=Figure(canary.rate, canary.bad, canary.total),
        baseline=None
        if baseline is None
        else Figure(verdict.baseline_rate, baseline.bad, baseline.total),
        limit=verdict.limit,
        unit=Unit.SHARE,
        verdict=Verdict(verdict.state.value),
        sentence=verdict.sentence,
        since=None if verdict.since is None else _instant(verdict.since),
    )


def _rate(verdict: SignalVerdict | None) -> float | None:
    return None if verdict is None else verdict.canary.rate


def _total(verdict: SignalVerdict | None) -> float | None:
    return None if verdict is None else verdict.canary.total


def _instant(at: float) -> str:
    return datetime.fromtimestamp(at, tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
