"""What each stage does when nothing stronger applies: prepare, write, await, restore, close."""

from collections.abc import Iterable
from dataclasses import replace
from math import ceil

from pecr_rollout.api.enums import CanaryMode
from pecr_rollout.api.status import Phase, Stage, Window
from pecr_rollout.api.types import seconds
from pecr_rollout.lifecycle.actions import (
    AcquireLocks,
    Action,
    DropSnapshot,
    MarkIncident,
    ReleaseLocks,
    RemoveClone,
    RemoveFinalizer,
)
from pecr_rollout.lifecycle.draft import Plan, StatusFields, move, stay
from pecr_rollout.lifecycle.intents import closed_orphans
from pecr_rollout.lifecycle.moves import FRESH, UNWRITTEN, keeps_guarding, start
from pecr_rollout.lifecycle.observation import Finding, Progress, Workload
from pecr_rollout.lifecycle.situation import Situation
from pecr_rollout.lifecycle.wishes import carry_out, hold_locks, keep_alive, put_back

PREFLIGHT_EVERY = 30.0
"""Seconds between two tries of a preflight that failed; changes wake it earlier."""
LOOK_AGAIN = 10.0
"""Seconds between two looks at a roll-out; its events wake it earlier."""


def wants_preflight(s: Situation) -> bool:
    """Tell whether the checks are to be made: nothing else keeps the run from starting."""
    waits = s.suspended or s.foreign_locks or s.deleted or s.identity_changed
    return s.stage is Stage.PREPARING and not waits and not s.cluster.unreadable


def prepare(s: Situation) -> Plan:
    """Start as soon as nobody holds the target and the checks pass."""
    if s.cluster.unreadable:
        return _unreadable(s)
    if s.identity_changed:
        # What was observed belongs to the spec that was; the new one is looked at next.
        return _pending(s, "preflight", "The spec changed; its checks are next.", due=s.now)
    if closed := closed_orphans(s):
        return _clear(s, closed)
    if s.foreign_locks:
        return _wait_for_lock(s)
    if s.suspended:
        return _pending(s, "suspended", "Suspended: nothing is changed until suspend is false.")
    return _begin(s)


def _begin(s: Situation) -> Plan:
    preflight = s.observation.preflight
    if preflight is None:
        again = s.now + LOOK_AGAIN
        return _pending(s, "preflight", "The checks before the start are being made.", due=again)
    if preflight.errors:
        text = _said(preflight.errors)
        again = s.now + PREFLIGHT_EVERY
        return _pending(s, "preflight", text, due=again, stalled=(preflight.errors[0].reason, text))
    if preflight.waits:
        return _pending(s, "preflight", _said(preflight.waits), due=s.now + LOOK_AGAIN)
    return start(s, tuple(_preparations(s)))


def _said(findings: Iterable[Finding]) -> str:
    return " ".join(f"{f.reason}: {f.message}" for f in findings)


def _clear(s: Situation, subjects: tuple[str, ...]) -> Plan:
    """Take an incident off the locks whose acknowledgement is recorded."""
    actions = (MarkIncident(subjects, None), ReleaseLocks(subjects))
    return stay(s, "acknowledged", s.status.message, actions=actions, due=s.now)


def _unreadable(s: Situation) -> Plan:
    text = f"Nothing starts: the target cannot be read: {s.cluster.unreadable}"
    again = s.now + PREFLIGHT_EVERY
    return stay(s, "preflight", text, due=again, stalled=("TargetUnreadable", text))


def _preparations(s: Situation) -> list[Action]:
    before = [*keep_alive(s)]
    if len(s.own_locks) < len(s.subjects):
        before.append(AcquireLocks(s.subjects))
    if any(lock.incident for lock in s.cluster.locks):
        before.append(MarkIncident(s.subjects, None))
    return before


def _nothing_held(s: Situation) -> tuple[Action, ...]:
    """Give back what a start that did not come about, or the run before, left with us.

    A rollout that waits holds no lock against others and never wedges an uninstall.
    """
    return (*_locks_given_up(s), *((RemoveFinalizer(),) if s.cluster.finalizer else ()))


def _locks_given_up(s: Situation) -> tuple[Action, ...]:
    """Give up our locks; one with an open incident stays on, one with a closed one does not."""
    ours = tuple(lock.subject for lock in s.own_locks)
    if not ours:
        return ()
    closed = s.status.incident is None and any(lock.incident for lock in s.own_locks)
    return (*((MarkIncident(ours, None),) if closed else ()), ReleaseLocks(ours))


def _pending(
    s: Situation,
    row: str,
    message: str,
    *,
    due: float | None = None,
    stalled: tuple[str, str] | None = None,
) -> Plan:
    changes: StatusFields = {
        "run": max(1, s.status.run),
        "identity": s.rollout.spec.identity(),
    }
    actions = _nothing_held(s)
    if s.phase is Phase.PENDING:
        return stay(s, row, message, actions=actions, due=due, stalled=stalled, changes=changes)
    plan = move(
        s,
        row,
        message,
        phase=Phase.PENDING,
        stage=Stage.PREPARING,
        changes=changes,
    )
    return Plan(plan.row, plan.status, actions, due=due, stalled=stalled)


def _wait_for_lock(s: Situation) -> Plan:
    lock = s.foreign_locks[0]
    again = s.now + PREFLIGHT_EVERY
    if lock.orphaned and lock.incident:
        command = s.rollout.command("pecr.dev/acknowledge", lock.incident)
        text = (
            f"Incident {lock.incident} of the deleted rollout {lock.holder_name or 'unknown'} is"
            f" open on {lock.subject}. Once understood: {command}"
        )
        return _pending(s, "incident on lock", text, due=again)
    with_incident = f", with incident {lock.incident} open" if lock.incident else ""
    text = (
        f"{lock.subject} is held by rollout {lock.holder_name or lock.holder}{with_incident};"
        " this one starts when it is released."
    )
    return _pending(s, "lock held", text, due=again)


def write(s: Situation) -> Plan:
    """Carry out the recorded environment, then await its pods."""
    return move(
        s,
        "write",
        s.status.message,
        stage=Stage.ROLLING_OUT,
        actions=carry_out(s),
    )


def await_roll_out(s: Situation) -> Plan:
    """Wait until the pods run; then evidence begins after the settling time."""
    if not s.rolled_out:
        return _still_rolling(s)
    interval = seconds(s.spec.analysis.interval)
    begins = ceil((s.now + seconds(s.spec.analysis.settle)) / interval) * interval
    return move(
        s,
        "rolled out",
        judging_text(s),
        stage=Stage.JUDGING,
        changes={"window": Window(since=begins, context=s.context)},
    )


def judging_text(s: Situation) -> str:
    """Say what is in force and being judged."""
    if s.phase is Phase.FALLBACK and s.status.incident is not None:
        steps = ", ".join(s.status.fallback.taken) if s.status.fallback else ""
        return (
            f"Fallback ({steps or 'none'}) is in force and guarded. Incident"
            f" {s.status.incident.id} waits for a person: {s.status.incident.command}"
        )
    if s.phase is Phase.PROMOTING:
        return f"The delta is on the whole fleet; it bakes for {s.spec.promotion.bake}, guarded."
    if s.phase is Phase.COMPLETED:
        return f"Run {s.status.run} is complete, and the fleet stays guarded (guard: Always)."
    step = s.status.step
    which = f"Step {step.index} of {step.of}: the" if step else "The"
    return f"{which} cohort ({s.status.cohort}) runs with the delta and is being judged."


def _still_rolling(s: Situation) -> Plan:
    names = (
        ", ".join(f"{w.name} ({w.ready} of {w.replicas} ready)" for w in s.rolling) or "the cohort"
    )
    why = s.trouble or "; ".join(w.scheduling for w in s.rolling if w.scheduling)
    text = f"Waiting for the pods of {names}." + (f" {why}" if why else "")
    if s.phase is Phase.FALLBACK and (s.overdue or s.trouble):
        text += (
            " The safer flags stay written. Where every new pod stays unready, look at what the"
            " pods depend on (their gateway, for example)."
        )
    incident = s.status.incident
    if incident is not None:
        text += f" Incident {incident.id}: {incident.command}"
    return stay(s, "rolling out", text, due=s.now + LOOK_AGAIN)


def restore(s: Situation) -> Plan:
    """Write back what the snapshot holds, then await the pods."""
    return move(
        s,
        "restore",
        s.status.message,
        stage=Stage.ROLLING_BACK,
        actions=(*keep_alive(s), *hold_locks(s), *put_back(s)),
    )


def await_restored(s: Situation) -> Plan:
    """Wait until the fleet runs with what was there before, then go where the phase leads."""
    touched = (s.cluster.target,) if s.fleet_written else ()
    if s.mode is CanaryMode.EXISTING:
        touched = (*touched, s.cluster.existing)
    waiting = [w for w in touched if w is not None and w.progress is not Progress.COMPLETE]
    if waiting or (s.cluster.clone is not None and s.cluster.clone.owned):
        return _still_restoring(s, waiting)
    if s.phase in (Phase.PENDING, Phase.CANARY):
        return _prepare_again(s)
    if s.phase is Phase.FALLBACK:
        return _rest_withdrawn(s)
    return move(s, "restored", _restored_text(s), stage=Stage.CLOSING)


def _still_restoring(s: Situation, waiting: list[Workload]) -> Plan:
    names = ", ".join(w.name for w in waiting) or "the cohort's removal"
    trouble = "; ".join(w.trouble for w in waiting if w.trouble)
    again = s.now + LOOK_AGAIN
    text = f"What was there before is written back; waiting for {names}. {trouble}".strip()
    if s.status.incident is not None:
        text += f" Incident {s.status.incident.id}: {s.status.incident.command}"
    return stay(s, "restoring", text, due=again)


def _prepare_again(s: Situation) -> Plan:
    return move(
        s,
        "restored",
        "What was there before is back; the next run is being prepared.",
        stage=Stage.PREPARING,
        changes={"identity": s.rollout.spec.identity(), **UNWRITTEN, **FRESH},
    )


def _rest_withdrawn(s: Situation) -> Plan:
    incident = s.status.incident
    ask = f" Incident {incident.id} waits for a person: {incident.command}" if incident else ""
    return move(
        s,
        "withdrawn",
        f"The change is withdrawn: {incident.cause if incident else ''}"[:700] + ask,
        stage=Stage.IDLE,
        actions=(RemoveFinalizer(),) if s.cluster.finalizer else (),
        changes={"step": None, "cohort": ""},
    )


def _restored_text(s: Situation) -> str:
    incident = s.status.incident
    if s.phase is Phase.COMPLETED:
        return f"Run {s.status.run} is complete; what was there before is back (strategy None)."
    text = "Aborted; what was there before is back."
    if incident is None:
        return text
    return f"{text} No run starts until incident {incident.id} is acknowledged: {incident.command}"


def close(s: Situation) -> Plan:
    """Remove cohort, snapshot, locks and finalizer; a guarded run keeps what it may need."""
    removals: list[Action] = []
    if s.cluster.clone is not None and s.cluster.clone.owned:
        removals.append(RemoveClone())
    if s.phase is Phase.COMPLETED and keeps_guarding(s):
        return _keep_guarding(s, removals)
    removals += _locks_given_up(s)
    # The snapshot goes after the locks: it says which. With an open incident it stays for that.
    if s.cluster.snapshot is not None and s.status.incident is None:
        removals.append(DropSnapshot())
    if s.cluster.finalizer:
        removals.append(RemoveFinalizer())
    if s.phase in (Phase.PENDING, Phase.CANARY):
        return replace(_prepare_again(s), actions=tuple(removals))
    return move(
        s,
        "close",
        s.status.message,
        stage=Stage.IDLE,
        actions=tuple(removals),
        changes={"step": None, "cohort": "", "window": None},
    )


def _keep_guarding(s: Situation, removals: list[Action]) -> Plan:
    if s.cluster.finalizer:
        removals.append(RemoveFinalizer())
    return move(
        s,
        "guard",
        judging_text(s),
        stage=Stage.ROLLING_OUT,
        actions=tuple(removals),
        changes={"step": None, "cohort": ""},
    )
