"""The installation that a rollout changes: as it was made, and what its pods started with."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from integration.harness.kube import Kube
from integration.harness.specs import FLAGS
from localcluster.pytest_plugin import TargetNamespace
from pecrfleet import PodView

Json = dict[str, Any]
HASH = "pecr.dev/environment-hash"


@dataclass(frozen=True)
class Place:
    """A Deployment and the ConfigMap that feeds it, as they were before any rollout.

    Attributes:
        data: of the ConfigMap.
        template: of the Deployment.
    """

    deployment: str
    config_map: str
    data: Mapping[str, str]
    template: Json
    replicas: int


def observe_place(kube: Kube, deployment: str, config_map: str) -> Place:
    """Read a place as it is now."""
    body = kube.get("deployments", deployment)
    return Place(
        deployment,
        config_map,
        dict(kube.get("configmaps", config_map).get("data") or {}),
        plain_template(body),
        body["spec"]["replicas"],
    )


def plain_template(deployment: Json) -> Json:
    """Give a pod template without the operator's annotation and kubectl's."""
    template = deepcopy(deployment["spec"]["template"])
    annotations = template["metadata"].get("annotations") or {}
    kept = {k: v for k, v in annotations.items() if k != HASH}
    template["metadata"]["annotations"] = kept
    template["metadata"].pop("creationTimestamp", None)
    return template


def stamp(deployment: Json) -> str | None:
    """Give the operator's annotation on a pod template."""
    return (deployment["spec"]["template"]["metadata"].get("annotations") or {}).get(HASH)


def flags_of(environment: Mapping[str, str]) -> dict[str, str]:
    """Give the flags of an environment."""
    return {name: environment[name] for name in FLAGS if name in environment}


def pods_of(namespace: TargetNamespace, deployment: str) -> list[PodView]:
    """Give a Deployment's pods as the fleet runs them, those that leave included."""
    pods = namespace.fleet.pods(namespace.name)
    return [pod for pod in pods if pod.deployment == deployment]
