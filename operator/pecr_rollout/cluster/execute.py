"""Carrying out one action."""

from pecr_rollout.api.rollout import ControllerRollout
from pecr_rollout.cluster import cohort, locks, report, snapshot, writes
from pecr_rollout.cluster.client import Api
from pecr_rollout.lifecycle import actions
from pecr_rollout.lifecycle.observation import Cluster
from pecr_rollout.lifecycle.situation import run_spec


async def execute(  # noqa: C901  # one case an action
    api: Api, rollout: ControllerRollout, cluster: Cluster, action: actions.Action
) -> None:
    """Carry out one action; done twice, it is done once.

    Args:
        api: the API server.
        rollout: the rollout as it was read.
        cluster: what the action was decided on.
        action: what to do.

    Raises:
        ConflictError: something is not as it was observed; observe and decide again.
        RefusedError: what it would write belongs to somebody else.
        ClusterError: the API server did not do it.
    """
    # what is carried out is the run's, although the spec may ask for another one already
    rollout = rollout.model_copy(update={"spec": run_spec(rollout, cluster.snapshot)})
    namespace = rollout.metadata.namespace
    match action:
        case actions.AddFinalizer():
            await writes.add_finalizer(api, rollout)
        case actions.RemoveFinalizer():
            await writes.remove_finalizer(api, rollout)
        case actions.AcquireLocks(subjects):
            await locks.acquire(api, rollout, subjects)
        case actions.ReleaseLocks(subjects):
            await locks.release(api, rollout, subjects)
        case actions.MarkIncident(subjects, incident):
            await locks.mark_incident(api, rollout, subjects, incident)
        case actions.TakeSnapshot(taken):
            await snapshot.take_snapshot(api, rollout, taken)
        case actions.DropSnapshot():
            await snapshot.drop_snapshots(api, rollout)
        case actions.WriteFlags():
            await writes.write_flags(api, namespace, action)
        case actions.StampTemplate():
            await writes.stamp_template(api, namespace, action)
        case actions.ApplyClone():
            await cohort.apply_clone(api, rollout, cluster, action)
        case actions.RemoveClone():
            await cohort.remove_clone(api, rollout, cluster)
        case actions.WriteReport(made):
            await report.write_report(api, rollout, made)
