"""Conditions: Ready, Reconciling and Stalled for machines (kstatus), the others for people."""

from collections.abc import Iterator

from pecr_rollout.api.status import Condition, Phase, Stage, Status, instant
from pecr_rollout.lifecycle.draft import Plan, shortened

DATA_REASONS = frozenset({"NoSeries", "NoTraffic", "Stale", "NonFinite", "PrometheusUnavailable"})
"""Reasons of Unknown that mean missing data, not missing certainty."""

Fact = tuple[str, bool | None, str, str]
"""Type, status (None is Unknown), reason, message."""


def with_conditions(plan: Plan, generation: int, now: float) -> Status:
    """Give the plan's status with its conditions; a transition time changes with its status only.

    Args:
        plan: what is planned.
        generation: of the spec that was read.
        now: seconds since the epoch.
    """
    before = {condition.type: condition for condition in plan.status.conditions}
    conditions = [_condition(before.get(fact[0]), fact, generation, now) for fact in _facts(plan)]
    return plan.status.model_copy(update={"conditions": conditions})


def _condition(before: Condition | None, fact: Fact, generation: int, now: float) -> Condition:
    kind, value, reason, message = fact
    status = "Unknown" if value is None else str(value)
    since = before.last_transition_time if before and before.status == status else instant(now)
    return Condition.model_validate(
        {
            "type": kind,
            "status": status,
            "reason": reason,
            "message": shortened(message),
            "last_transition_time": since,
            "observed_generation": generation,
        }
    )


def _facts(plan: Plan) -> Iterator[Fact]:
    status, phase, text = plan.status, plan.status.phase, plan.status.message
    stalled = _stalled(plan)
    completed = phase is Phase.COMPLETED
    yield "Ready", completed and not stalled, phase.value, text
    yield "Reconciling", not completed and not stalled, phase.value, text
    yield "Stalled", bool(stalled), stalled or "Progressing", text if stalled else ""
    yield from _evidence(status)
    yield from _incident(status, plan)


def _stalled(plan: Plan) -> str:
    if plan.stalled is not None:
        return plan.stalled[0]
    ended = plan.status.phase in (Phase.FALLBACK, Phase.ABORTED)
    return plan.status.phase.value if ended else ""


def _evidence(status: Status) -> Iterator[Fact]:
    signals = status.signals
    lacking = [v for v in signals if v.reason in DATA_REASONS]
    names = ", ".join(f"{v.name} ({v.reason})" for v in lacking)
    within = bool(signals) and all(v.verdict == "Within" for v in signals)
    breached = [v.name for v in signals if v.verdict == "Breached"]
    met = False if breached else (True if within else None)
    reason = "Breached" if breached else ("Within" if within else "Unknown")
    yield "SLOMet", met, reason, status.slo
    judged = status.stage is Stage.JUDGING and bool(signals)
    has_data = not lacking if judged else None
    yield (
        "DataAvailable",
        has_data,
        "NoData" if lacking else ("Data" if judged else "NotJudging"),
        names,
    )


def _incident(status: Status, plan: Plan) -> Iterator[Fact]:
    fallback, incident = status.fallback, status.incident
    steps = ", ".join(fallback.taken) if fallback else ""
    active = status.phase is Phase.FALLBACK
    withdrawn = fallback is not None and fallback.withdrawn
    yield (
        "FallbackActive",
        active,
        "Withdrawn" if withdrawn else ("Active" if active else "None"),
        steps,
    )
    waiting = incident is not None or plan.row == "incident on lock"
    yield (
        "AcknowledgmentRequired",
        waiting,
        "IncidentOpen" if waiting else "NoIncident",
        incident.command if incident else (plan.status.message if waiting else ""),
    )
    exhausted = fallback is not None and fallback.exhausted
    yield "Escalated", exhausted, "Exhausted" if exhausted else "NotEscalated", ""
    yield "Drifted", bool(plan.drift), "Drifted" if plan.drift else "AsWritten", plan.drift
    awaiting = "AwaitingPromotion" if "AwaitingPromotion" in status.message else "NotPromoted"
    promoted = status.promoted and not _taken_back(status)
    yield "Promoted", promoted, "Promoted" if promoted else awaiting, ""


def _taken_back(status: Status) -> bool:
    """Tell whether what was on the whole fleet is, or is being, replaced by what was before."""
    withdrawn = status.fallback is not None and status.fallback.withdrawn
    return withdrawn or status.phase not in (Phase.PROMOTING, Phase.COMPLETED, Phase.FALLBACK)
