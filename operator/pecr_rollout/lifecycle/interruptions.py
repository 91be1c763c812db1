"""What interrupts a run: deletion, a target that is gone, no room, drift. None blames the run."""

from pecr_rollout.api.enums import CanaryMode, OnDelete
from pecr_rollout.api.status import Phase, Stage, instant
from pecr_rollout.lifecycle.actions import Action, MarkIncident, ReleaseLocks, RemoveFinalizer
from pecr_rollout.lifecycle.draft import Note, Plan, StatusFields, for_owner, move, stay
from pecr_rollout.lifecycle.observation import Environment, Flags, Workload
from pecr_rollout.lifecycle.situation import GOING_BACK, UNFINISHED, Situation
from pecr_rollout.lifecycle.stages import LOOK_AGAIN, PREFLIGHT_EVERY
from pecr_rollout.lifecycle.wishes import drift, drift_of_ours, put_back


def let_go(s: Situation) -> Plan:
    """Answer a deletion: Restore or Retain, then let go. An open incident stays on the locks."""
    if not s.cluster.finalizer:
        return Plan("deleted", s.status)
    written = s.phase in UNFINISHED or s.stage in GOING_BACK
    restore = s.rollout.spec.on_delete is OnDelete.RESTORE and written
    if restore and s.cluster.unreadable:
        return _cannot_restore(s)
    restore = restore and not what_is_gone(s)
    actions: tuple[Action, ...] = (
        *_leave_incident(s),
        *(put_back(s) if restore else ()),
        ReleaseLocks(s.subjects),
        RemoveFinalizer(),
    )
    what = "what was there before is put back" if restore else "what is there stays"
    return stay(s, "deleted", f"Being deleted: {what}.", actions=actions)


def _leave_incident(s: Situation) -> tuple[Action, ...]:
    """Leave an open incident on the locks, and no other; a lock that was lost wedges nothing."""
    incident = s.status.incident.id if s.status.incident else None
    lost = {lock.subject for lock in s.foreign_locks}
    ours = tuple(subject for subject in s.subjects if subject not in lost)
    marks = {lock.subject: lock.incident for lock in s.cluster.locks}
    differs = any(marks.get(subject) != incident for subject in ours)
    return (MarkIncident(ours, incident),) if differs else ()


def _cannot_restore(s: Situation) -> Plan:
    text = (
        "Being deleted, and what was there before cannot be put back:"
        f" {what_is_gone(s)}. Let it be readable again, or give it up with onDelete: Retain."
    )
    again = s.now + PREFLIGHT_EVERY
    return stay(s, "deleted", text, due=again, stalled=("TargetUnreadable", text))


def end_with_namespace(s: Situation) -> Plan:
    """Let go before the operator's role is gone, too: a finalizer would hold the namespace up."""
    actions = (RemoveFinalizer(),) if s.cluster.finalizer else ()
    text = "The namespace is being deleted: nothing is put back, and nothing is done any more."
    return stay(s, "namespace ends", text, actions=actions)


def what_is_gone(s: Situation) -> str:
    """Say what the run writes and is missing, replaced or unreadable; empty if all is there."""
    if s.cluster.unreadable:
        return f"the target cannot be read: {s.cluster.unreadable}"
    if s.foreign_locks:
        lock = s.foreign_locks[0]
        return f"the lock on {lock.subject} is held by rollout {lock.holder_name or lock.holder}"
    snapshot = s.cluster.snapshot
    if snapshot is None:
        return "the snapshot of what was there before (a ControllerRevision) is gone"
    missing = _gone(snapshot.target, s.cluster.target, s.cluster.environment)
    if snapshot.existing is not None and s.mode is CanaryMode.EXISTING:
        existing, environment = s.cluster.existing, s.cluster.existing_environment
        missing = missing or _gone(snapshot.existing, existing, environment)
    return missing


def _gone(before: Flags, workload: Workload | None, environment: Environment | None) -> str:
    there = (
        ("Deployment", before.deployment, before.deployment_uid, workload),
        ("ConfigMap", before.config_map, before.config_map_uid, environment),
    )
    for kind, name, uid, now in there:
        if now is None:
            return f"{kind} {name} is gone"
        if now.uid != uid:
            return f"{kind} {name} was replaced by another of the same name"
    return (
        ""
        if environment and not environment.immutable
        else (f"ConfigMap {before.config_map} was made immutable")
    )


def stall(s: Situation) -> Plan:
    """Write nothing where what the run began with is no longer there."""
    text = (
        f"Stalled, and nothing is written: {what_is_gone(s)}. Put it back as it was, or delete this"
        " rollout and declare it again."
    )
    if s.status.incident is not None:
        text += f" Incident {s.status.incident.id} stays open: {s.status.incident.command}"
    again = s.now + PREFLIGHT_EVERY
    return stay(s, "gone", text, due=again, stalled=("TargetGone", text))


def give_room(s: Situation) -> Plan:
    """Take the first cohort away again where the cluster has no room for it."""
    why = "; ".join(w.scheduling for w in s.judged_workloads if w.scheduling)
    run = s.status.run + 1  # an Event or a promotion of the run that found no room is not for it
    return move(
        s,
        "unschedulable",
        f"The cohort could not be scheduled within {s.spec.canary.ready_within}: {why}. It is"
        f" removed, and run {run} starts when there is room.",
        phase=Phase.PENDING,
        stage=Stage.RESTORING,
        event="Unschedulable",
        warning=True,
        changes={"run": run, "window": None},
    )


def answer_drift(s: Situation) -> Plan:
    """Show that somebody changed a flag; put a fallback's key back once, then leave it."""
    found = drift(s)
    fallback = s.status.fallback
    ours = drift_of_ours(s) if s.phase is Phase.FALLBACK else ""
    if ours and fallback is not None and not fallback.put_back:
        # Recorded first: a status of another time is refused before anything is written.
        return move(
            s,
            "drift",
            f"A safer setting was changed by somebody else and is put back, once: {ours}.",
            stage=Stage.WRITING,
            event="DriftPutBack",
            warning=True,
            done="It writes the safer setting again, once, and judges in a fresh window.",
            changes={"fallback": fallback.model_copy(update={"put_back": True}), "window": None},
        )
    owner = s.rollout.spec.rollback_owner
    waits = "No guard" if s.phase is Phase.COMPLETED else "No progress"
    text = (
        f"Somebody else changed a flag in the middle, and it is not fought over: {found}. {waits}"
        f" until it is as it was; the owner is {owner.name} ({owner.contact})."
    )
    if s.status.incident is not None:
        text += f" After that, incident {s.status.incident.id}: {s.status.incident.command}"
    stalled = ("Drifted", text) if s.phase is Phase.FALLBACK else None
    return stay(
        s,
        "drift",
        text,
        notes=_told_once(s, text) if stalled else (),
        due=s.now + (PREFLIGHT_EVERY if stalled else LOOK_AGAIN),
        drift=found,
        stalled=stalled,
        changes={**_restart(s)},
    )


def _told_once(s: Situation, text: str) -> tuple[Note, ...]:
    """Tell the owner when a drift begins that is not put back any more."""
    if any(c.type == "Drifted" and c.status == "True" for c in s.status.conditions):
        return ()
    key = f"{s.rollout.run_id(s.status.run)}/Drifted/{instant(s.now)}"
    owner = for_owner(s, s.status, "It writes nothing until the flag is as it was.")
    return (Note(key, "Warning", "Drifted", text, owner),)


def _restart(s: Situation) -> StatusFields:
    """Let evidence begin anew once the drift is gone: settings were mixed meanwhile."""
    if s.stage is not Stage.JUDGING or s.status.window is None:
        return {}
    return {"window": s.status.window.model_copy(update={"context": "drifted"})}
