"""One look at all that a rollout touches. It reads and never writes."""

from collections.abc import AsyncIterator, Iterable
from dataclasses import replace

from pecr_rollout.api.rollout import FINALIZER, ControllerRollout
from pecr_rollout.api.spec import Spec
from pecr_rollout.cluster.client import Api
from pecr_rollout.cluster.clone import clone_view, overlay_name
from pecr_rollout.cluster.errors import ClusterError, ForbiddenError
from pecr_rollout.cluster.locks import read_locks
from pecr_rollout.cluster.names import clone_name
from pecr_rollout.cluster.objects import Objects, read_objects
from pecr_rollout.cluster.resources import CONFIG_MAPS
from pecr_rollout.cluster.snapshot import read_snapshot
from pecr_rollout.cluster.together import together
from pecr_rollout.cluster.whole import NotWholeError, Reads, Whole
from pecr_rollout.lifecycle.observation import Clone, Cluster, Lock, Observation, Snapshot
from pecr_rollout.lifecycle.situation import Situation, run_spec


async def observe(api: Api, rollout: ControllerRollout) -> Cluster:
    """Observe the cluster for one rollout.

    Raises:
        ClusterError: the API server did not answer as it should; nothing is known.
    """
    try:
        cluster = await _look(api, rollout)
    except ForbiddenError as error:
        finalizer = FINALIZER in rollout.metadata.finalizers
        return Cluster(None, None, (), finalizer=finalizer, unreadable=str(error))
    if _losing(cluster):
        return replace(cluster, namespace_ends=await _namespace_ends(api, rollout))
    return cluster


async def observe_all(
    api: Api, rollouts: Iterable[ControllerRollout]
) -> AsyncIterator[tuple[ControllerRollout, Cluster]]:
    """Observe the cluster for many rollouts of one namespace, with one list of each kind.

    Left out is who needs more than that, or cannot be looked at: each finds out by itself.

    Raises:
        NotWholeError: the namespace cannot be read so.
        ClusterError: the API server did not answer as it should; nothing is known.
    """
    whole = Whole(api)
    for rollout in rollouts:
        try:
            cluster = await _look(whole, rollout)
        except (NotWholeError, ClusterError):
            raise
        except Exception:  # noqa: BLE001, S112 - what one meets is not the others'
            continue
        if not _losing(cluster):
            yield rollout, cluster


async def _look(reads: Reads, rollout: ControllerRollout) -> Cluster:
    snapshot = await _first_snapshot(reads, rollout)
    spec = run_spec(rollout, snapshot)
    async with together() as group:
        objects = group.create_task(read_objects(reads, rollout, spec))
        locks = group.create_task(read_locks(reads, rollout, subjects(rollout, snapshot)))
        kept = None if snapshot else group.create_task(read_snapshot(reads, rollout))
    snapshot = kept.result() if kept else snapshot
    return _cluster(rollout, spec, objects.result(), locks.result(), snapshot)


def _losing(cluster: Cluster) -> bool:
    return any(workload.losing for workload in cluster.workloads)


async def observe_locks(api: Api, rollout: ControllerRollout, seen: Cluster) -> Cluster:
    """Observe anew what no watch tells of and no precondition guards: whether the locks are ours.

    Raises:
        ClusterError: the API server did not answer as it should; nothing is known.
    """
    return replace(seen, locks=await read_locks(api, rollout, subjects(rollout, seen.snapshot)))


async def _namespace_ends(api: Api, rollout: ControllerRollout) -> bool:
    """Ask by trying: to read the namespace would be a right more.

    Its pods go first, before the operator's own role in it does.
    """
    name = {"generateName": "pecr-tried-", "namespace": rollout.metadata.namespace}
    try:
        await api.create(CONFIG_MAPS, {"metadata": name}, dry_run=True)
    except ForbiddenError as error:
        return any(cause.get("reason") == "NamespaceTerminating" for cause in error.causes)
    return False


async def _first_snapshot(reads: Reads, rollout: ControllerRollout) -> Snapshot | None:
    """Read the snapshot at once where the spec is no longer the run's: it says what is written."""
    if rollout.status.identity in ("", rollout.spec.identity()):
        return None
    return await read_snapshot(reads, rollout)


def subjects(rollout: ControllerRollout, snapshot: Snapshot | None) -> tuple[str, ...]:
    """Name what the rollout's run writes and therefore locks."""
    cluster = Cluster(None, None, (), snapshot=snapshot)
    return Situation(Observation(rollout, cluster, now=0.0)).subjects


def _cluster(
    rollout: ControllerRollout,
    spec: Spec,
    objects: Objects,
    locks: tuple[Lock, ...],
    snapshot: Snapshot | None,
) -> Cluster:
    target, existing = spec.target, spec.canary.existing
    return Cluster(
        target=objects.workload(target.deployment),
        environment=objects.environment(target.config_map, target.deployment),
        locks=locks,
        clone=_clone(rollout, spec, objects),
        existing=objects.workload(existing.deployment) if existing else None,
        existing_environment=objects.environment(existing.config_map, existing.deployment)
        if existing
        else None,
        snapshot=snapshot,
        finalizer=FINALIZER in rollout.metadata.finalizers,
    )


def _clone(rollout: ControllerRollout, spec: Spec, objects: Objects) -> Clone | None:
    clone = objects.deployments.get(clone_name(spec.target.deployment))
    if clone is None:
        return None
    name = overlay_name(rollout, clone)
    overlay = objects.config_maps.get(name) if name else None
    return clone_view(rollout, clone, overlay, objects.replica_sets, objects.pods)
