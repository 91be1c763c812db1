"""What the checks look at, read once."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from pecr_rollout.api.enums import CanaryMode, Strategy
from pecr_rollout.api.rollout import ControllerRollout
from pecr_rollout.api.spec import Spec
from pecr_rollout.cluster.environment import Resolved, pick_container, resolve
from pecr_rollout.cluster.objects import Objects
from pecr_rollout.cluster.resources import Json, dig
from pecr_rollout.contract.fallback import FALLBACK_ORDER
from pecr_rollout.lifecycle.observation import Cluster, Finding, Severity, Workload

Findings = Iterator[Finding]


def error(reason: str, message: str) -> Finding:
    """Give a finding that stops the start."""
    return Finding(Severity.ERROR, reason, message)


def warning(reason: str, message: str) -> Finding:
    """Give a finding that is said."""
    return Finding(Severity.WARNING, reason, message)


@dataclass(frozen=True)
class Place:
    """A Deployment and the ConfigMap that feeds it.

    Attributes:
        deployment: name of the Deployment.
        config_map: name of the ConfigMap.
        written: whether the run may write the ConfigMap and roll the Deployment.
        objects: all that was read.
    """

    deployment: str
    config_map: str
    written: bool
    objects: Objects

    @property
    def deployment_object(self) -> Json | None:
        """Give the Deployment."""
        return self.objects.deployments.get(self.deployment)

    @property
    def config_map_object(self) -> Json | None:
        """Give the ConfigMap."""
        return self.objects.config_maps.get(self.config_map)

    @property
    def template(self) -> Json:
        """Give the pod template; empty where there is no Deployment."""
        return dig(self.deployment_object, "spec", "template") or {}

    @property
    def container(self) -> Json | None:
        """Give the controller's container."""
        return pick_container(self.template, self.objects.container)

    @cached_property
    def workload(self) -> Workload | None:
        """Give the view of the Deployment."""
        return self.objects.workload(self.deployment)

    def resolved(self, changes: Mapping[str, str] | None = None) -> Resolved:
        """Resolve the container's environment, as it would be with changes in the ConfigMap."""
        there = self.config_map_object or {}
        data = {**(there.get("data") or {}), **(changes or {})}
        maps = {**self.objects.config_maps, self.config_map: {**there, "data": data}}
        return resolve(self.container or {}, maps)


@dataclass(frozen=True)
class Facts:
    """One rollout and all that its checks look at."""

    rollout: ControllerRollout
    cluster: Cluster
    objects: Objects

    @property
    def spec(self) -> Spec:
        """Give the spec that is to be run."""
        return self.rollout.spec

    @property
    def mode(self) -> CanaryMode:
        """Give the mode."""
        return self.spec.canary.mode

    @property
    def writes_fleet(self) -> bool:
        """Tell whether the run may write the fleet's own ConfigMap."""
        return self.mode is CanaryMode.FLEET or self.spec.promotion.strategy is not Strategy.NONE

    @cached_property
    def target(self) -> Place:
        """Give the fleet."""
        target = self.spec.target
        return Place(target.deployment, target.config_map, self.writes_fleet, self.objects)

    @cached_property
    def existing(self) -> Place | None:
        """Give the existing canary."""
        canary = self.spec.canary.existing
        if canary is None:
            return None
        return Place(canary.deployment, canary.config_map, written=True, objects=self.objects)

    @property
    def places(self) -> tuple[Place, ...]:
        """Give both."""
        return (self.target, self.existing) if self.existing else (self.target,)

    @property
    def delta(self) -> dict[str, str]:
        """Give the flags that the run changes."""
        return self.spec.flag_delta.environment()

    @property
    def fallback(self) -> dict[str, str]:
        """Give the flags as the last fallback step leaves them."""
        return {key: value for step in FALLBACK_ORDER for key, value in step.updates.items()}
