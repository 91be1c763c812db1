"""The decision report of a rollout: at each fallback, and at the end of each run."""

from pecr_rollout.api.status import Phase, SignalStatus, instant
from pecr_rollout.api.types import seconds
from pecr_rollout.contract import flags
from pecr_rollout.contract.fallback import ALREADY_SAFEST, BY_NAME, NONE, WITHDRAW
from pecr_rollout.contract.flags import Flag, FlagError, FlagValue
from pecr_rollout.lifecycle.situation import Situation
from pecr_rollout.report.model import (
    CurrentState,
    DecisionReport,
    Evidence,
    Figure,
    Owner,
    Recommendation,
    RolloutContext,
    Signals,
    Status,
    Thresholds,
    Trigger,
    Unit,
    Verdict,
)


def report_key(s: Situation) -> str | None:
    """Give the key of the report that is due in this situation; None where none is."""
    if s.phase is Phase.FALLBACK and s.status.incident is not None:
        return s.status.incident.id
    if s.phase in (Phase.COMPLETED, Phase.ABORTED):
        return f"{s.rollout.run_id(s.status.run)}/{s.phase.value}"
    return None


def decision_report(s: Situation) -> DecisionReport:
    """Describe what was decided, from which figures, and what is to be done."""
    return DecisionReport(
        status=_decision(s),
        engine=str(_running(s, flags.ENGINE)),
        current_state=CurrentState(
            adaptive_parallelism_enabled=bool(_running(s, flags.ADAPTIVE_PARALLELISM)),
            batch_mode_enabled=bool(_running(s, flags.BATCH_MODE)),
        ),
        signals=_signals(s),
        thresholds=_thresholds(s),
        triggers=tuple(
            Trigger(v.name, v.sentence) for v in s.status.signals if v.verdict == "Breached"
        ),
        recommended_fallback=_recommendation(s),
        requests=_requests(s),
        evidence=tuple(_evidence(v) for v in s.status.signals),
        rollout=_context(s),
    )


def _decision(s: Situation) -> Status:
    """Give the decision: healthy only on positive evidence about every signal."""
    if s.phase is Phase.FALLBACK:
        return Status.FALLBACK_REQUIRED
    within = s.status.signals and all(v.verdict == Verdict.WITHIN.value for v in s.status.signals)
    return Status.HEALTHY if within else Status.INCONCLUSIVE


def _running(s: Situation, flag: Flag) -> FlagValue:
    try:
        return flag.effective(s.running_environment)
    except FlagError:
        return "unreadable"


def _by_name(s: Situation) -> dict[str, SignalStatus]:
    return {v.name: v for v in s.status.signals}


def _signals(s: Situation) -> Signals:
    found = _by_name(s)

    def rate(name: str) -> float | None:
        return found[name].canary.rate if name in found else None

    return Signals(
        p95_ms=found["latency_p95"].milliseconds if "latency_p95" in found else None,
        p99_ms=found["latency_p99"].milliseconds if "latency_p99" in found else None,
        bvr=rate("budget_violation_rate"),
        source_unavailable_rate=rate("terminal_mode:SOURCE_UNAVAILABLE"),
    )


def _requests(s: Situation) -> Signals:
    found = _by_name(s)

    def total(name: str) -> float | None:
        return found[name].canary.total if name in found else None

    return Signals(
        p95_ms=total("latency_p95"),
        p99_ms=total("latency_p99"),
        bvr=total("budget_violation_rate"),
        source_unavailable_rate=total("terminal_mode:SOURCE_UNAVAILABLE"),
    )


def _thresholds(s: Situation) -> Thresholds:
    slo = s.spec.slo
    p95 = slo.latency.p95 if slo.latency else None
    p99 = slo.latency.p99 if slo.latency else None
    source = (slo.terminal_modes or {}).get("SOURCE_UNAVAILABLE")
    return Thresholds(
        max_p95_ms=seconds(p95) * 1000 if p95 else None,
        max_p99_ms=seconds(p99) * 1000 if p99 else None,
        bvr=slo.budget_violation_rate.max_increase if slo.budget_violation_rate else None,
        max_source_unavailable_rate=source.max_increase if source else None,
    )


def _recommendation(s: Situation) -> Recommendation:
    fallback, incident = s.status.fallback, s.status.incident
    cause = incident.cause if incident else s.status.message
    if s.phase is not Phase.FALLBACK or fallback is None:
        return Recommendation(NONE, dict(s.status.environment) if s.status.promoted else {}, cause)
    if fallback.withdrawn:
        return Recommendation(WITHDRAW, {}, cause)
    updates: dict[str, str] = {}
    for name in fallback.taken:
        updates |= BY_NAME[name].updates
    last = ALREADY_SAFEST if fallback.exhausted or not fallback.taken else fallback.taken[-1]
    return Recommendation(last, updates, cause)


def _evidence(v: SignalStatus) -> Evidence:
    return Evidence(
        name=v.name,
        canary=Figure(v.canary.rate, v.canary.bad, v.canary.total),
        baseline=Figure(v.baseline.rate, v.baseline.bad, v.baseline.total),
        limit=v.limit,
        unit=Unit.SHARE,
        verdict=Verdict(v.verdict),
        sentence=v.sentence,
        since=v.since,
    )


def _context(s: Situation) -> RolloutContext:
    meta, owner, incident = s.rollout.metadata, s.rollout.spec.rollback_owner, s.status.incident
    step = s.status.step
    return RolloutContext(
        namespace=meta.namespace,
        name=meta.name,
        uid=meta.uid,
        run=s.rollout.run_id(s.status.run),
        phase=s.phase.value,
        step=f"{step.index} of {step.of}" if step else "",
        when=instant(s.now),
        owner=Owner(owner.name, owner.contact),
        incident=incident.id if incident else None,
        acknowledge_command=incident.command if incident else None,
        done=tuple(f"{h.at} {h.message}" for h in s.status.history if h.run == s.status.run),
    )
