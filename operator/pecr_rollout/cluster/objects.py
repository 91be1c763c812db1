"""The Deployments of a rollout with all that their environments and pods are made of."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field

from pecr_rollout.api.rollout import ControllerRollout
from pecr_rollout.api.spec import Spec
from pecr_rollout.cluster.environment import config_maps_of, environment_view, pick_container
from pecr_rollout.cluster.names import clone_name
from pecr_rollout.cluster.resources import (
    CONFIG_MAPS,
    DEPLOYMENTS,
    PODS,
    REPLICA_SETS,
    Json,
    Resource,
)
from pecr_rollout.cluster.selectors import widest
from pecr_rollout.cluster.together import together
from pecr_rollout.cluster.whole import Reads
from pecr_rollout.cluster.workload import workload_view
from pecr_rollout.lifecycle.observation import Environment, Workload


@dataclass
class Objects:
    """Objects as they were read; a missing one is None.

    Attributes:
        container: name of the controller's container, where one is given.
        deployments: by name.
        config_maps: by name.
        replica_sets: of all the Deployments, and maybe more.
        pods: of all the Deployments, and maybe more.
    """

    container: str | None
    deployments: dict[str, Json | None] = field(default_factory=dict)
    config_maps: dict[str, Json | None] = field(default_factory=dict)
    replica_sets: list[Json] = field(default_factory=list)
    pods: list[Json] = field(default_factory=list)

    def workload(self, name: str) -> Workload | None:
        """Give the view of a Deployment."""
        deployment = self.deployments.get(name)
        if deployment is None:
            return None
        return workload_view(deployment, self.replica_sets, self.pods)

    def controller(self, deployment: str) -> Json | None:
        """Give the controller's container of a Deployment."""
        there = self.deployments.get(deployment)
        return pick_container(there["spec"]["template"], self.container) if there else None

    def environment(self, config_map: str, deployment: str) -> Environment | None:
        """Give the view of a ConfigMap that feeds a Deployment."""
        there = self.config_maps.get(config_map)
        if there is None:
            return None
        return environment_view(there, self.controller(deployment), self.config_maps)


async def read_objects(reads: Reads, rollout: ControllerRollout, spec: Spec) -> Objects:
    """Read what a rollout touches, in two rounds: the second follows from the first.

    Args:
        reads: what is asked.
        rollout: whose namespace is read.
        spec: the spec that its run goes by.
    """
    namespace = rollout.metadata.namespace
    objects = Objects(spec.target.container)
    deployments = {spec.target.deployment, clone_name(spec.target.deployment)}
    config_maps = {spec.target.config_map}
    if spec.canary.existing is not None:
        deployments.add(spec.canary.existing.deployment)
        config_maps.add(spec.canary.existing.config_map)
    async with together() as group:
        read = group.create_task(_by_name(reads, DEPLOYMENTS, namespace, deployments))
        maps = group.create_task(_by_name(reads, CONFIG_MAPS, namespace, config_maps))
    objects.deployments, objects.config_maps = read.result(), maps.result()
    await _follow(reads, namespace, objects)
    return objects


async def _follow(reads: Reads, namespace: str, objects: Objects) -> None:
    there = [d for d in objects.deployments.values() if d is not None]
    controllers = [objects.controller(d["metadata"]["name"]) for d in there]
    names = frozenset[str]().union(*(config_maps_of(c) for c in controllers if c is not None))
    selectors = widest([d["spec"]["selector"] for d in there])
    async with together() as group:
        maps = group.create_task(
            _by_name(reads, CONFIG_MAPS, namespace, names - objects.config_maps.keys())
        )
        sets = [group.create_task(reads.list_all(REPLICA_SETS, namespace, s)) for s in selectors]
        pods = [group.create_task(reads.list_all(PODS, namespace, s)) for s in selectors]
    objects.config_maps |= maps.result()
    objects.replica_sets = _joined(sets)
    objects.pods = _joined(pods)


def _joined(lists: Iterable[asyncio.Task[list[Json]]]) -> list[Json]:
    """Join lists that may hold the same object twice."""
    return list(
        {item["metadata"]["uid"]: item for task in lists for item in task.result()}.values()
    )


async def _by_name(
    reads: Reads, resource: Resource, namespace: str, names: Iterable[str]
) -> dict[str, Json | None]:
    async with together() as group:
        tasks = {n: group.create_task(reads.find(resource, namespace, n)) for n in sorted(names)}
    return {name: task.result() for name, task in tasks.items()}
