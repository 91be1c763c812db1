"""Are Deployment, container and ConfigMap there, and can the change reach the process?"""

from pecr_rollout.cluster.environment import Source, sources
from pecr_rollout.cluster.preflight.facts import Facts, Findings, Place, error
from pecr_rollout.cluster.resources import dig
from pecr_rollout.lifecycle.observation import Progress, Workload


def check_places(facts: Facts) -> Findings:
    """Check the fleet's place and the existing canary's."""
    for place in facts.places:
        yield from _check_deployment(facts, place)
        yield from _check_config_map(place)
    if facts.existing is not None:
        yield from _check_apart(facts.target, facts.existing)


def _check_deployment(facts: Facts, place: Place) -> Findings:
    if place.workload is None:
        yield error(
            "DeploymentMissing",
            f"Deployment {place.deployment} is not there; create it in namespace"
            f" {facts.rollout.metadata.namespace}, or correct its name in the spec",
        )
        return
    yield from _check_container(facts, place)
    yield from _check_strategy(place)
    yield from _check_settled(place.workload)


def _check_container(facts: Facts, place: Place) -> Findings:
    names = [c["name"] for c in dig(place.template, "spec", "containers") or []]
    listed = ", ".join(names)
    wanted = facts.spec.target.container
    if wanted is None and len(names) > 1:
        yield error(
            "ContainerUnclear",
            f"Deployment {place.deployment} has several containers ({listed}); name the"
            f" controller's in spec.target.container",
        )
    elif wanted is not None and wanted not in names:
        yield error(
            "ContainerMissing",
            f"Deployment {place.deployment} has no container {wanted}; it has {listed}:"
            f" correct spec.target.container",
        )


def _check_strategy(place: Place) -> Findings:
    """Check what keeps a change from rolling; where nothing is rolled it does not matter."""
    if not place.written:
        return
    spec = (place.deployment_object or {}).get("spec") or {}
    if spec.get("paused"):
        yield error(
            "DeploymentPaused",
            f"Deployment {place.deployment} is paused, so no change would reach its pods;"
            f" `kubectl rollout resume deployment/{place.deployment}`",
        )
    if dig(spec, "strategy", "type") == "Recreate":
        yield error(
            "RecreateStrategy",
            f"Deployment {place.deployment} has strategy Recreate: a change would take all of its"
            f" pods down at once; set spec.strategy.type to RollingUpdate",
        )


def _check_settled(workload: Workload) -> Findings:
    if workload.replicas == 0:
        yield error(
            "NoReplicas",
            f"Deployment {workload.name} is scaled to 0, so there is nothing to compare;"
            f" scale it up",
        )
    elif workload.progress is not Progress.COMPLETE:
        trouble = workload.trouble or workload.scheduling
        yield error(
            "DeploymentNotReady",
            f"Deployment {workload.name} is {workload.progress.lower()}"
            f" with {workload.ready} of {workload.replicas} pods new and ready"
            f"{': ' if trouble else ''}{trouble}; the run begins when its roll-out is complete",
        )


def _check_config_map(place: Place) -> Findings:
    config_map = place.config_map_object
    if config_map is None:
        yield error(
            "ConfigMapMissing",
            f"ConfigMap {place.config_map} is not there; create it and read it with envFrom in"
            f" Deployment {place.deployment}, or correct its name in the spec",
        )
    elif config_map.get("immutable") and place.written:
        yield error(
            "ConfigMapImmutable",
            f"ConfigMap {place.config_map} is immutable, so no flag can be changed in it; replace"
            f" it by one without `immutable: true`",
        )
    if place.container is not None:
        yield from _check_source(place)


def _check_source(place: Place) -> Findings:
    ours = _entries(place)
    if not ours:
        others = ", ".join(s.name for s in sources(place.container or {})) or "nothing"
        yield error(
            "NotInEnvFrom",
            f"Deployment {place.deployment} does not read ConfigMap {place.config_map} with"
            f" envFrom (it reads {others}); add it there, since flags elsewhere have no effect",
        )
    elif all(source.prefix for source in ours):
        yield error(
            "Prefixed",
            f"Deployment {place.deployment} reads ConfigMap {place.config_map} with prefix"
            f" {ours[0].prefix!r}, so the flags would have names that PECR does not know; remove"
            f" the prefix",
        )


def _entries(place: Place) -> list[Source]:
    found = sources(place.container or {})
    return [s for s in found if (s.kind, s.name) == ("ConfigMap", place.config_map)]


def _check_apart(target: Place, existing: Place) -> Findings:
    if target.deployment == existing.deployment:
        yield error(
            "SameDeployment",
            f"canary.existing.deployment is the target {target.deployment} itself; name the"
            f" canary's Deployment, or use mode Fleet",
        )
    if target.config_map == existing.config_map:
        yield error(
            "SameConfigMap",
            f"canary and target share ConfigMap {target.config_map}, so the change would reach"
            f" both; give the canary a ConfigMap of its own, as its last envFrom source",
        )
