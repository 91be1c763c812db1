"""The managed cohort's life: made, changed, removed."""

from pecr_rollout.api.rollout import ControllerRollout
from pecr_rollout.cluster.client import Api
from pecr_rollout.cluster.clone import (
    OVERLAY,
    SOURCE_TEMPLATE,
    clone_manifest,
    overlay_manifest,
    overlay_name,
)
from pecr_rollout.cluster.errors import (
    AlreadyExistsError,
    ConflictError,
    RefusedError,
)
from pecr_rollout.cluster.names import clone_name, is_owned, owned_by_whom, selector
from pecr_rollout.cluster.resources import CONFIG_MAPS, DEPLOYMENTS, Json, dig, name_of, uid_of
from pecr_rollout.cluster.workload import replicas_of, template_fingerprint
from pecr_rollout.lifecycle.actions import ApplyClone
from pecr_rollout.lifecycle.observation import Cluster


async def apply_clone(
    api: Api, rollout: ControllerRollout, cluster: Cluster, action: ApplyClone
) -> None:
    """Create the cohort, or make it what it shall be.

    Raises:
        RefusedError: a name that it needs is taken by somebody else.
        ConflictError: the target or the clone is not the one that was observed.
    """
    target = await _same_target(api, rollout, cluster)
    overlay = overlay_manifest(rollout, action.environment)
    await _ensure_overlay(api, rollout, overlay)
    clone = clone_manifest(rollout, target, name_of(overlay), action.replicas)
    there = await api.find(DEPLOYMENTS, rollout.metadata.namespace, name_of(clone))
    if there is not None and not is_owned(there, rollout):
        raise RefusedError(taken("Deployment", there))
    _check_observed(name_of(clone), there, cluster)
    if there is not None and there["spec"]["selector"] != clone["spec"]["selector"]:
        await api.delete(DEPLOYMENTS, there)  # a selector cannot be changed
        there = None
    # Before the last write: after it nothing is left to be done, and nobody would come back for it.
    in_use = overlay_name(rollout, there) if there is not None else None
    await _prune(api, rollout, {name_of(overlay), in_use})
    if there is None:
        await _create(api, clone)
    else:
        await _update(api, there, clone)


async def remove_clone(api: Api, rollout: ControllerRollout, cluster: Cluster) -> None:
    """Remove the cohort and its overlays; what is not ours stays.

    Raises:
        ConflictError: the clone is another one than was observed.
    """
    namespace = rollout.metadata.namespace
    name = clone_name(rollout.spec.target.deployment)
    there = await api.find(DEPLOYMENTS, namespace, name)
    if there is not None and not is_owned(there, rollout):
        there = None
    seen = cluster.clone.workload.uid if cluster.clone is not None else None
    if there is not None and seen != uid_of(there):
        raise ConflictError(f"Deployment {name} is not the one that was observed")
    await _prune(api, rollout, set())  # first: without the clone nobody would come back for them
    if there is not None:
        await api.delete(DEPLOYMENTS, there)


def taken(kind: str, obj: Json) -> str:
    """Say that a name is taken, and what helps."""
    name = name_of(obj)
    return (
        f"{kind} {name} belongs to {owned_by_whom(obj)}, not to this rollout;"
        f" delete or rename it, since the canary needs this name"
    )


async def _same_target(api: Api, rollout: ControllerRollout, cluster: Cluster) -> Json:
    name = rollout.spec.target.deployment
    target = await api.get(DEPLOYMENTS, rollout.metadata.namespace, name)
    if cluster.target is None or uid_of(target) != cluster.target.uid:
        raise ConflictError(f"Deployment {name} is not the one that was observed")
    return target


def _check_observed(name: str, there: Json | None, cluster: Cluster) -> None:
    """Check that nobody changed the clone since the decision: another operator, for example.

    Its resourceVersion would not do: it changes all the time while pods come and go.
    """
    seen = cluster.clone.workload if cluster.clone is not None else None
    if there is None or seen is None:
        same = there is None and seen is None
    else:
        live = (uid_of(there), replicas_of(there), template_fingerprint(there["spec"]["template"]))
        same = live == (seen.uid, seen.replicas, seen.template)
    if not same:
        raise ConflictError(f"Deployment {name} is not as it was observed")
    if dig(there, "metadata", "deletionTimestamp") is not None:
        raise ConflictError(f"Deployment {name} is still being deleted")


async def _ensure_overlay(api: Api, rollout: ControllerRollout, overlay: Json) -> None:
    try:
        await api.create(CONFIG_MAPS, overlay)
    except AlreadyExistsError:
        there = await api.find(CONFIG_MAPS, rollout.metadata.namespace, name_of(overlay))
        if there is None:
            raise ConflictError(f"ConfigMap {name_of(overlay)} was removed meanwhile") from None
        if not is_owned(there, rollout) or there.get("data") != overlay["data"]:
            raise RefusedError(taken("ConfigMap", there)) from None


async def _create(api: Api, clone: Json) -> None:
    try:
        await api.create(DEPLOYMENTS, clone)
    except AlreadyExistsError as error:
        raise ConflictError(f"Deployment {name_of(clone)} appeared meanwhile") from error


async def _update(api: Api, there: Json, clone: Json) -> None:
    """Replace the spec and the source's fingerprint, if nobody changed the spec meanwhile."""
    metadata = there["metadata"]
    operations = [
        {"op": "test", "path": "/metadata/uid", "value": metadata["uid"]},
        # Unlike the resourceVersion, it stays while pods come and go.
        {"op": "test", "path": "/metadata/generation", "value": metadata["generation"]},
        _annotate(metadata, clone["metadata"]["annotations"]),
        {"op": "add", "path": "/spec", "value": clone["spec"]},
    ]
    await api.edit(DEPLOYMENTS, metadata["namespace"], metadata["name"], operations)


def _annotate(metadata: Json, wanted: Json) -> Json:
    """Give the operation that sets our annotation beside those of others."""
    if not metadata.get("annotations"):
        return {"op": "add", "path": "/metadata/annotations", "value": wanted}
    key = SOURCE_TEMPLATE.replace("/", "~1")
    return {"op": "add", "path": f"/metadata/annotations/{key}", "value": wanted[SOURCE_TEMPLATE]}


async def _prune(api: Api, rollout: ControllerRollout, kept: set[str | None]) -> None:
    """Drop old overlays; the one before is kept, since its pods may restart while they leave."""
    overlays = await api.list_all(
        CONFIG_MAPS, rollout.metadata.namespace, selector(rollout, OVERLAY)
    )
    for overlay in overlays:
        if name_of(overlay) not in kept and is_owned(overlay, rollout):
            await api.delete(CONFIG_MAPS, overlay)
