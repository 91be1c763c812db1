"""What the managed cohort looks like: pure builders and readers of its objects."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Final

from pecr_rollout.api.rollout import COHORT_LABEL, ENVIRONMENT_HASH, GROUP, ControllerRollout
from pecr_rollout.cluster.environment import pick_container, sources
from pecr_rollout.cluster.names import LONGEST, bounded, clone_name, is_owned, owned_object
from pecr_rollout.cluster.resources import CONFIG_MAPS, DEPLOYMENTS, Json, dig, name_of
from pecr_rollout.cluster.workload import template_fingerprint, workload_view
from pecr_rollout.lifecycle.observation import Clone
from pecr_rollout.lifecycle.wishes import environment_hash

OVERLAY: Final = "overlay"
CLONE: Final = "clone"
SOURCE_TEMPLATE: Final = f"{GROUP}/source-template"
CANARY: Final = "canary"

_KEPT: Final = ("minReadySeconds", "progressDeadlineSeconds")


def overlay_manifest(rollout: ControllerRollout, environment: Mapping[str, str]) -> Json:
    """Build the immutable ConfigMap with the changed keys only, named by its content.

    A new environment is a new name, so that it rolls by itself and no container that restarts
    can pick up half a change.
    """
    digest = environment_hash(environment)
    name = f"{bounded(rollout.metadata.name, LONGEST - len(digest) - 1)}-{digest}"
    overlay = owned_object(CONFIG_MAPS, rollout, name, OVERLAY)
    return overlay | {"data": dict(environment), "immutable": True}


def clone_manifest(rollout: ControllerRollout, target: Json, overlay: str, replicas: int) -> Json:
    """Build the clone of a target: its pods as they are, one more label, one more source.

    Args:
        rollout: its owner.
        target: the target's Deployment as it is now.
        overlay: name of the overlay ConfigMap.
        replicas: pods of the cohort.
    """
    spec = target["spec"]
    clone = owned_object(DEPLOYMENTS, rollout, clone_name(name_of(target)), CLONE)
    clone["metadata"]["annotations"] = {SOURCE_TEMPLATE: template_fingerprint(spec["template"])}
    clone["spec"] = {
        "replicas": replicas,
        "revisionHistoryLimit": 2,
        "selector": clone_selector(spec["selector"]),
        "strategy": _strategy(spec),
        "template": _template(rollout, spec["template"], overlay),
        **{key: spec[key] for key in _KEPT if key in spec},
    }
    return clone


def clone_selector(selector: Json) -> Json:
    """Give the target's selector with one more label, so that the two never fit the same pods."""
    return {
        **selector,
        "matchLabels": {**(selector.get("matchLabels") or {}), COHORT_LABEL: CANARY},
    }


def _strategy(spec: Json) -> Json:
    """Roll like the target, but never by taking the whole cohort down."""
    strategy: Json = deepcopy(spec.get("strategy") or {})
    return strategy if strategy.get("type") == "RollingUpdate" else {"type": "RollingUpdate"}


def _template(rollout: ControllerRollout, source: Json, overlay: str) -> Json:
    template = deepcopy(source)
    metadata = template.setdefault("metadata", {})
    metadata.pop("creationTimestamp", None)
    metadata["labels"] = {**(metadata.get("labels") or {}), COHORT_LABEL: CANARY}
    # The target's own hash says nothing here, and a new one would roll the cohort for nothing.
    (metadata.get("annotations") or {}).pop(ENVIRONMENT_HASH, None)
    container = pick_container(template, rollout.spec.target.container)
    if container is not None:
        envs = container.setdefault("envFrom", [])
        envs.append({"configMapRef": {"name": overlay}})  # the last source wins
    return template


def overlay_name(rollout: ControllerRollout, clone: Json) -> str | None:
    """Give the name of the overlay that a clone reads."""
    template = dig(clone, "spec", "template") or {}
    container = pick_container(template, rollout.spec.target.container)
    last = sources(container)[-1:] if container else ()
    return last[0].name if last and last[0].kind == "ConfigMap" else None


def clone_view(
    rollout: ControllerRollout,
    clone: Json,
    overlay: Json | None,
    replica_sets: list[Json],
    pods: list[Json],
) -> Clone:
    """Give the view of the Deployment that has the clone's name, whoever owns it."""
    readable = overlay is not None and is_owned(overlay, rollout)
    return Clone(
        workload=workload_view(clone, replica_sets, pods),
        owned=is_owned(clone, rollout),
        environment=dict(dig(overlay, "data") or {}) if readable else {},
        source_template=dig(clone, "metadata", "annotations", SOURCE_TEMPLATE) or "",
    )
