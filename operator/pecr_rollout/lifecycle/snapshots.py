"""What is kept of what was there before the first write."""

from pecr_rollout.contract.flags import FLAGS
from pecr_rollout.lifecycle.actions import Action, DropSnapshot, TakeSnapshot
from pecr_rollout.lifecycle.observation import Environment, Flags, Snapshot, Workload
from pecr_rollout.lifecycle.situation import Situation


def keep_what_is_there(s: Situation) -> tuple[Action, ...]:
    """Take the snapshot, if the one of this identity is not (or no longer) what is there.

    Nothing of ours is in place at a start. So what differs from an older snapshot was changed by
    its owner meanwhile, and is what is to be restored.
    """
    now, kept = snapshot_of(s), s.cluster.snapshot
    if kept is None or kept.identity != now.identity:
        return (TakeSnapshot(now),)
    if (kept.target, kept.existing) == (now.target, now.existing):
        return ()
    return (DropSnapshot(), TakeSnapshot(now))


def snapshot_of(s: Situation) -> Snapshot:
    """Describe what is there now, before the first write."""
    target, environment = s.cluster.target, s.cluster.environment
    if target is None or environment is None:
        raise ValueError("no snapshot without a target")  # preflight refuses this before
    existing = None
    if s.cluster.existing is not None and s.cluster.existing_environment is not None:
        existing = _flags(s.cluster.existing, s.cluster.existing_environment)
    recorded = s.observation.preflight.recorded if s.observation.preflight else {}
    spec = s.rollout.spec
    return Snapshot(
        identity=spec.identity(),
        spec=spec.identity_part(),
        target=_flags(target, environment),
        existing=existing,
        recorded=recorded,
        taken_at=s.now,
    )


def _flags(workload: Workload, environment: Environment) -> Flags:
    return Flags(
        config_map=environment.name,
        config_map_uid=environment.uid,
        deployment=workload.name,
        deployment_uid=workload.uid,
        values={flag.variable: environment.flags.get(flag.variable) for flag in FLAGS},
        environment_hash=workload.environment_hash,
    )
