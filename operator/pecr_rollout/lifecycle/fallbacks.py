"""How a breach or a crash is answered: the next step of the fallback order, and the incident."""

from pecr_rollout.api.enums import OnExhausted
from pecr_rollout.api.rollout import ACKNOWLEDGE
from pecr_rollout.api.status import FallbackStatus, IncidentStatus, Phase, Stage, instant
from pecr_rollout.contract.fallback import (
    FALLBACK_ORDER,
    FallbackStep,
    next_step,
)
from pecr_rollout.lifecycle.draft import PUTS_BACK, Plan, move, shortened
from pecr_rollout.lifecycle.moves import withdraw
from pecr_rollout.lifecycle.situation import Situation
from pecr_rollout.lifecycle.wishes import keep_alive


def incident(s: Situation, cause: str) -> IncidentStatus:
    """Open an incident, or let the open one go on under a new id."""
    before = s.status.incident
    number = before.number + 1 if before else 1
    name = s.rollout.incident_id(s.status.run, number)
    return IncidentStatus(
        id=name,
        opened_at=before.opened_at if before else instant(s.now),
        number=number,
        cause=shortened(cause),
        command=s.rollout.command(ACKNOWLEDGE, name),
    )


def due_steps(s: Situation) -> tuple[FallbackStep, ...]:
    """Give what a breach is answered with now: the next step, or all that are left at once.

    All at once only where more than half of the requests fail and `slo.earlyTrip` is on.
    """
    judgement = s.observation.judgement
    environment = dict(s.running_environment)
    taken = list(s.status.fallback.taken) if s.status.fallback else []
    found: list[FallbackStep] = []
    while (step := next_step(environment, taken)) is not None:
        found.append(step)
        environment |= step.updates
        taken.append(step.name)
        if judgement is None or not judgement.straight_to_safest:
            break
    return tuple(found)


def breach_text(s: Situation) -> str:
    """Say what is in breach, with the evidence."""
    breaches = s.observation.judgement.breaches if s.observation.judgement else ()
    return " ".join(v.sentence for v in breaches) or "sustained breach"


def answer_breach(s: Situation) -> Plan:
    """Take the next applicable step, or escalate at the safest mode."""
    steps = due_steps(s)
    return _take(s, steps) if steps else _exhausted(s)


def _take(s: Situation, steps: tuple[FallbackStep, ...]) -> Plan:
    cause = breach_text(s)
    opened = incident(s, cause)
    before = s.status.fallback or FallbackStatus(scope="Fleet" if s.fleet_written else "Cohort")
    names = [step.name for step in steps]
    updates = {key: value for step in steps for key, value in step.updates.items()}
    return move(
        s,
        "breach",
        f"Fallback step {', '.join(names)}: {cause} Incident {opened.id} is open;"
        f" once understood: {opened.command}",
        phase=Phase.FALLBACK,
        stage=Stage.WRITING,
        event="FallbackStep",
        warning=True,
        actions=keep_alive(s),  # or a guarded run could go before its incident is on the locks
        done=f"It writes {', '.join(f'{k}={v}' for k, v in updates.items())} to the"
        f" {before.scope.lower()}, rolls the pods, and judges them in a fresh window.",
        changes={
            "environment": {**s.status.environment, **updates},
            "fallback": before.model_copy(
                update={"taken": [*before.taken, *names], "put_back": False}
            ),
            "incident": opened,
            "window": None,
        },
    )


def _exhausted(s: Situation) -> Plan:
    cause = breach_text(s)
    opened = incident(s, cause)
    owner = s.rollout.spec.rollback_owner
    before = s.status.fallback or FallbackStatus(scope="Fleet" if s.fleet_written else "Cohort")
    withdrawing = s.rollout.spec.fallback.on_exhausted is OnExhausted.WITHDRAW
    what = "what was there before is put back" if withdrawing else "the safest mode is kept"
    return move(
        s,
        "exhausted",
        f"Still in breach at the safest mode, after all {len(FALLBACK_ORDER)} steps of the order:"
        f" {what}. Escalated to {owner.name} ({owner.contact}). {cause}"
        f" Incident {opened.id}; once understood: {opened.command}",
        phase=Phase.FALLBACK,
        stage=Stage.RESTORING if withdrawing else Stage.WRITING,
        event="Escalated",
        warning=True,
        actions=keep_alive(s),
        done=PUTS_BACK
        if withdrawing
        else "It keeps the safest mode and goes on judging; no further step is left.",
        changes={
            "fallback": before.model_copy(update={"exhausted": True, "withdrawn": withdrawing}),
            "incident": opened,
            "window": None,
        },
    )


def crash_text(s: Situation) -> str:
    """Say why pods with the delta do not run."""
    if s.trouble:
        return f"pods with the change do not run ({s.trouble})."
    names = ", ".join(f"{w.name}: {w.ready} of {w.replicas} ready" for w in s.judged_workloads)
    return f"pods with the change were not ready within {s.spec.canary.ready_within} ({names})."


def answer_crash(s: Situation) -> Plan:
    """Put back what was there before, at once: pods that do not run give no evidence."""
    cause = crash_text(s)
    opened = incident(s, cause)
    return move(
        s,
        "crash",
        f"The change is withdrawn: {cause} Incident {opened.id} is open; once understood:"
        f" {opened.command}",
        phase=Phase.FALLBACK,
        stage=Stage.RESTORING,
        event="Withdrawn",
        warning=True,
        done=PUTS_BACK,
        changes={"fallback": withdraw(s), "incident": opened, "window": None, "signals": []},
    )
