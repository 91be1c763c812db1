"""A PECR fleet for the local cluster: what the pods' kubelet and the service itself would do."""

from pecrfleet.client import FleetClient, FleetError, PodView
from pecrfleet.manifests import EXPLICIT_FLAGS, SAFE_ENVIRONMENT, target_manifests
from pecrfleet.scenario import (
    Effect,
    Rule,
    Scenario,
    ScenarioError,
    Traffic,
    When,
    named_scenario,
)

__all__ = [
    "EXPLICIT_FLAGS",
    "SAFE_ENVIRONMENT",
    "Effect",
    "FleetClient",
    "FleetError",
    "PodView",
    "Rule",
    "Scenario",
    "ScenarioError",
    "Traffic",
    "When",
    "named_scenario",
    "target_manifests",
]
