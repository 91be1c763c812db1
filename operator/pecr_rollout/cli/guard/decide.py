"""The guard's decision: a pure function of figures, limits and flags."""

from collections.abc import Iterable
from typing import NamedTuple

from pecr_rollout.contract.fallback import ALREADY_SAFEST, NONE, FallbackStep
from pecr_rollout.contract.flags import ADAPTIVE_PARALLELISM, BATCH_MODE, ENGINE, Environment
from pecr_rollout.contract.guard import GUARD_ORDER, GUARD_TRIGGERS, RLM_DEFAULT
from pecr_rollout.contract.signals import Trigger as TriggerId
from pecr_rollout.report import (
    CurrentState,
    DecisionReport,
    Evidence,
    Figure,
    Recommendation,
    Signals,
    Status,
    Thresholds,
    Trigger,
    Unit,
    Verdict,
)
from pecr_rollout.report.markdown import shown

LABELS = {
    TriggerId.LATENCY_P95: "p95 latency",
    TriggerId.LATENCY_P99: "p99 latency",
    TriggerId.BUDGET_VIOLATION_RATE: "budget violation rate",
    TriggerId.STALENESS_ERROR_RATE: "staleness error rate",
    TriggerId.SOURCE_UNAVAILABLE_RATE: "source-unavailable rate",
}
REASONS = {
    Status.HEALTHY: "no signal is over its limit",
    Status.INCONCLUSIVE: "too few requests stand behind the figures for a decision either way",
}
EXHAUSTED = "every step of the fallback order is taken already: escalate to the rollback owner"


class Case(NamedTuple):
    """All that a decision follows from.

    Attributes:
        engine: the canary's engine.
        state: its other flags.
        signals: what was measured.
        thresholds: the limits; None: that signal is not judged.
        requests: how many requests stand behind each signal.
        min_requests: how many it takes to be evidence; None: any figure is.
    """

    engine: str
    state: CurrentState
    signals: Signals
    thresholds: Thresholds
    requests: Signals = Signals()
    min_requests: int | None = None


def decide(case: Case) -> DecisionReport:
    """Judge every signal, and recommend the first step of the order that still applies."""
    evidence = tuple(_judged(case))
    status = _status(evidence)
    return DecisionReport(
        status=status,
        engine=case.engine,
        current_state=case.state,
        signals=case.signals,
        thresholds=case.thresholds,
        triggers=tuple(
            Trigger(item.name, item.sentence)
            for item in evidence
            if item.verdict is Verdict.BREACHED
        ),
        recommended_fallback=recommend(status, environment(case.engine, case.state)),
        requests=case.requests,
        evidence=evidence,
    )


def environment(engine: str, state: CurrentState) -> Environment:
    """Give the flags as the environment that the canary ran with."""
    flags = (
        (ENGINE, engine),
        (ADAPTIVE_PARALLELISM, state.adaptive_parallelism_enabled),
        (BATCH_MODE, state.batch_mode_enabled),
        (RLM_DEFAULT, state.rlm_default_enabled),
    )
    return {flag.variable: flag.render(value) for flag, value in flags}


def recommend(status: Status, flags: Environment) -> Recommendation:
    """Name the first step of the guard's order whose flag is not yet at its safe value."""
    if status is not Status.FALLBACK_REQUIRED:
        return Recommendation(NONE, {}, REASONS[status])
    step = next((step for step in GUARD_ORDER if step.applies(flags)), None)
    if step is None:
        return Recommendation(ALREADY_SAFEST, {}, EXHAUSTED)
    return Recommendation(step.name, step.updates, _why(step))


def _why(step: FallbackStep) -> str:
    place = GUARD_ORDER.index(step)
    before = "the first step" if place == 0 else "the first step that still applies"
    return f"{before} of the fixed fallback order; one step, then a fresh measurement"


def _judged(case: Case) -> Iterable[Evidence]:
    values = _by_trigger(case.signals)
    requests = _by_trigger(case.requests)
    limits = _limits(case.thresholds)
    for trigger in GUARD_TRIGGERS:
        yield _evidence(
            trigger, values[trigger], limits[trigger], requests[trigger], case.min_requests
        )


def _evidence(
    trigger: TriggerId,
    value: float | None,
    limit: float | None,
    requests: float | None,
    needed: int | None,
) -> Evidence:
    unit = _unit(trigger)
    verdict, sentence = _verdict(value, limit, requests, needed, unit)
    return Evidence(
        name=trigger.value,
        canary=Figure(value, requests=requests),
        limit=limit,
        unit=unit,
        verdict=verdict,
        sentence=f"{LABELS[trigger]}: {sentence}",
    )


def _verdict(
    value: float | None,
    limit: float | None,
    requests: float | None,
    needed: int | None,
    unit: Unit,
) -> tuple[Verdict, str]:
    if value is None:
        return Verdict.UNKNOWN, "no figure was given, so it is not judged"
    if limit is None:
        return Verdict.UNKNOWN, f"{shown(value, unit)}; no limit is declared, so it is not judged"
    if needed is not None and (requests is None or requests < needed):
        behind = "an unknown number of" if requests is None else f"only {requests:.10g}"
        missing = f"{behind} requests stand behind it, and evidence takes {needed}"
        return Verdict.UNKNOWN, f"{shown(value, unit)}, but {missing}"
    over = value > limit
    figure, bound = _apart(value, limit, unit)
    sentence = f"{figure} is {'over' if over else 'within'} its limit of {bound}"
    return (Verdict.BREACHED if over else Verdict.WITHIN), sentence


def _apart(value: float, limit: float, unit: Unit) -> tuple[str, str]:
    """Write figure and limit so that what differs also looks different."""
    figure, bound = shown(value, unit), shown(limit, unit)
    if figure == bound and value != limit:
        return repr(value), repr(limit)
    return figure, bound


def _status(evidence: tuple[Evidence, ...]) -> Status:
    if any(item.verdict is Verdict.BREACHED for item in evidence):
        return Status.FALLBACK_REQUIRED
    judged = (item for item in evidence if item.canary.value is not None and item.limit is not None)
    if any(item.verdict is Verdict.UNKNOWN for item in judged):
        return Status.INCONCLUSIVE
    return Status.HEALTHY


def _unit(trigger: TriggerId) -> Unit:
    latency = trigger in (TriggerId.LATENCY_P95, TriggerId.LATENCY_P99)
    return Unit.MILLISECONDS if latency else Unit.SHARE


def _by_trigger(signals: Signals) -> dict[TriggerId, float | None]:
    return {
        TriggerId.LATENCY_P95: signals.p95_ms,
        TriggerId.LATENCY_P99: signals.p99_ms,
        TriggerId.BUDGET_VIOLATION_RATE: signals.bvr,
        TriggerId.STALENESS_ERROR_RATE: signals.ser,
        TriggerId.SOURCE_UNAVAILABLE_RATE: signals.source_unavailable_rate,
    }


def _limits(thresholds: Thresholds) -> dict[TriggerId, float | None]:
    return {
        TriggerId.LATENCY_P95: thresholds.max_p95_ms,
        TriggerId.LATENCY_P99: thresholds.max_p99_ms,
        TriggerId.BUDGET_VIOLATION_RATE: thresholds.bvr,
        TriggerId.STALENESS_ERROR_RATE: thresholds.ser,
        TriggerId.SOURCE_UNAVAILABLE_RATE: thresholds.max_source_unavailable_rate,
    }
