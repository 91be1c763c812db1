"""Writes to what the user owns: flags, the pod template's hash, the rollout's finalizer.

Merge patches with the observed uid and resourceVersion as preconditions: what is not as it was
observed is not written. (Server-side apply is wrong here: see docs, "Safety of the writes".)
"""

from pecr_rollout.api.rollout import ENVIRONMENT_HASH, FINALIZER, ControllerRollout
from pecr_rollout.cluster.client import Api
from pecr_rollout.cluster.errors import ConflictError
from pecr_rollout.cluster.resources import (
    CONFIG_MAPS,
    DEPLOYMENTS,
    ROLLOUTS,
    Json,
    dig,
    uid_of,
)
from pecr_rollout.lifecycle.actions import StampTemplate, WriteFlags


async def write_flags(
    api: Api, namespace: str, action: WriteFlags, *, dry_run: bool = False
) -> None:
    """Merge keys into a ConfigMap, if it is still as observed.

    Raises:
        ConflictError: it is not.
    """
    patch = {"metadata": _guard(action.uid, action.resource_version), "data": dict(action.changes)}
    await api.merge(CONFIG_MAPS, namespace, action.config_map, patch, dry_run=dry_run)


async def stamp_template(
    api: Api, namespace: str, action: StampTemplate, *, dry_run: bool = False
) -> None:
    """Set the environment's hash on a pod template, if the Deployment is still as observed.

    Raises:
        ConflictError: it is not.
    """
    annotations = {ENVIRONMENT_HASH: action.environment_hash}
    patch = {
        "metadata": _guard(action.uid, action.resource_version),
        "spec": {"template": {"metadata": {"annotations": annotations}}},
    }
    await api.merge(DEPLOYMENTS, namespace, action.deployment, patch, dry_run=dry_run)


async def add_finalizer(api: Api, rollout: ControllerRollout, *, dry_run: bool = False) -> None:
    """Put our finalizer on the rollout, beside those of others."""
    there = await api.get(ROLLOUTS, rollout.metadata.namespace, rollout.metadata.name)
    await _set_finalizer(api, rollout, there, wanted=True, dry_run=dry_run)


async def remove_finalizer(api: Api, rollout: ControllerRollout) -> None:
    """Take our finalizer off the rollout, and none of others; gone already is well."""
    there = await api.find(ROLLOUTS, rollout.metadata.namespace, rollout.metadata.name)
    if there is not None and uid_of(there) == rollout.metadata.uid:
        await _set_finalizer(api, rollout, there, wanted=False)


async def _set_finalizer(
    api: Api, rollout: ControllerRollout, there: Json, *, wanted: bool, dry_run: bool = False
) -> None:
    if uid_of(there) != rollout.metadata.uid:
        raise ConflictError(f"rollout {rollout.metadata.name} is not the one that was observed")
    # Read again rather than taken from the observation: a finalizer that another one added
    # meanwhile must survive, since the list is replaced as a whole.
    old = dig(there, "metadata", "finalizers") or []
    if (FINALIZER in old) is wanted:
        return
    new = [*old, FINALIZER] if wanted else [name for name in old if name != FINALIZER]
    metadata = there["metadata"]
    guard = _guard(metadata["uid"], metadata["resourceVersion"])
    patch = {"metadata": {**guard, "finalizers": new or None}}
    await api.merge(ROLLOUTS, metadata["namespace"], metadata["name"], patch, dry_run=dry_run)


def _guard(uid: str, resource_version: str) -> Json:
    """Give the preconditions; without a resourceVersion any is right (for a dry run)."""
    return {"uid": uid} | ({"resourceVersion": resource_version} if resource_version else {})
