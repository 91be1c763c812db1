"""Does another workload read a ConfigMap that the run writes?"""

from collections.abc import Iterator

from pecr_rollout.cluster.client import Api
from pecr_rollout.cluster.environment import config_maps_of
from pecr_rollout.cluster.names import clone_name
from pecr_rollout.cluster.preflight.facts import Facts, error
from pecr_rollout.cluster.resources import (
    CRON_JOBS,
    DAEMON_SETS,
    DEPLOYMENTS,
    JOBS,
    PODS,
    REPLICA_SETS,
    STATEFUL_SETS,
    Json,
    Resource,
    containers,
    dig,
    name_of,
    owners,
)
from pecr_rollout.cluster.together import together
from pecr_rollout.lifecycle.observation import Finding

_CONTROLLED = {"Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job", "CronJob"}
_TEMPLATES: dict[Resource, tuple[str, ...]] = {
    DEPLOYMENTS: ("spec", "template"),
    STATEFUL_SETS: ("spec", "template"),
    DAEMON_SETS: ("spec", "template"),
    REPLICA_SETS: ("spec", "template"),
    JOBS: ("spec", "template"),
    CRON_JOBS: ("spec", "jobTemplate", "spec", "template"),
    PODS: (),
}


async def check_readers(api: Api, facts: Facts) -> list[Finding]:
    """Find other workloads in the namespace that a write would reach."""
    wanted = {p.config_map: _allowed(facts, p.config_map) for p in facts.places if p.written}
    if not wanted:
        return []
    namespace = facts.rollout.metadata.namespace
    async with together() as group:
        lists = {r: group.create_task(api.list_all(r, namespace)) for r in _TEMPLATES}
    return [
        _shared(config_map, resource, obj)
        for resource, task in lists.items()
        for obj in task.result()
        if _is_on_its_own(obj) and not _is_over(obj)
        for config_map in sorted(config_maps_read(dig(obj, *_TEMPLATES[resource]) or {}))
        if config_map in wanted
        and not (resource is DEPLOYMENTS and name_of(obj) in wanted[config_map])
    ]


def config_maps_read(template: Json) -> frozenset[str]:
    """Name the ConfigMaps that a pod template (or pod) reads, in whatever way."""
    environments = (config_maps_of(container) for container in containers(template))
    return frozenset(_mounted(template)).union(*environments)


def _mounted(template: Json) -> Iterator[str]:
    for volume in dig(template, "spec", "volumes") or []:
        parts = [volume, *(dig(volume, "projected", "sources") or [])]
        yield from (part["configMap"]["name"] for part in parts if "configMap" in part)


def _allowed(facts: Facts, config_map: str) -> set[str]:
    """Name the Deployments that a write is meant to reach, or that it cannot hurt."""
    target, existing = facts.target, facts.existing
    if existing is not None and config_map == existing.config_map != target.config_map:
        return {existing.deployment}
    ours = {target.deployment} | ({existing.deployment} if existing else set())
    clone = facts.cluster.clone
    return ours | ({clone_name(target.deployment)} if clone and clone.owned else set())


def _is_on_its_own(obj: Json) -> bool:
    """Tell whether no other object that is looked at stands for this one."""
    return not any(ref.get("controller") and ref["kind"] in _CONTROLLED for ref in owners(obj))


def _is_over(obj: Json) -> bool:
    if dig(obj, "status", "phase") in ("Succeeded", "Failed"):
        return True
    conditions = dig(obj, "status", "conditions") or []
    return any(c["type"] in ("Complete", "Failed") and c["status"] == "True" for c in conditions)


def _shared(config_map: str, resource: Resource, obj: Json) -> Finding:
    return error(
        "ConfigMapShared",
        f"ConfigMap {config_map} is read by {resource.kind} {name_of(obj)} too, which the change"
        f" would reach; give the controller a ConfigMap of its own",
    )
