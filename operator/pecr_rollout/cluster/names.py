"""Names, labels and owners of the objects that a rollout makes."""

import hashlib
from typing import Final

from pecr_rollout.api.rollout import API_VERSION, GROUP, KIND, ControllerRollout
from pecr_rollout.cluster.resources import Json, Resource, dig, owners

LONGEST: Final = 253
"""Characters in an object's name."""

ROLLOUT_LABEL: Final = f"{GROUP}/rollout-uid"
PART_LABEL: Final = f"{GROUP}/part"
MANAGED_BY: Final = "app.kubernetes.io/managed-by"


def bounded(name: str, longest: int = LONGEST) -> str:
    """Shorten a name that is too long: its beginning and a hash of the whole."""
    if len(name) <= longest:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:10]
    return f"{name[: longest - len(digest) - 1].rstrip('-.')}-{digest}"


def clone_name(deployment: str) -> str:
    """Name the managed cohort of a Deployment."""
    return bounded(f"{deployment}-canary")


def report_name(rollout: ControllerRollout) -> str:
    """Name the ConfigMap with the decision report."""
    return bounded(f"{rollout.metadata.name}-report")


def labels(rollout: ControllerRollout, part: str) -> dict[str, str]:
    """Label an object that belongs to a rollout."""
    return {
        MANAGED_BY: "pecr-rollout",
        ROLLOUT_LABEL: rollout.metadata.uid,
        PART_LABEL: part,
    }


def selector(rollout: ControllerRollout, part: str) -> str:
    """Select the objects of one part of a rollout."""
    return f"{ROLLOUT_LABEL}={rollout.metadata.uid},{PART_LABEL}={part}"


def owner(rollout: ControllerRollout) -> Json:
    """Give the reference that makes an object the rollout's, to be collected with it."""
    return {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "name": rollout.metadata.name,
        "uid": rollout.metadata.uid,
        "controller": True,
    }


def is_owned(obj: Json, rollout: ControllerRollout) -> bool:
    """Tell whether an object is this rollout's."""
    return any(ref.get("uid") == rollout.metadata.uid for ref in owners(obj))


def owned_object(resource: Resource, rollout: ControllerRollout, name: str, part: str) -> Json:
    """Begin an object that the rollout owns."""
    return {
        "apiVersion": resource.api_version,
        "kind": resource.kind,
        "metadata": {
            "name": name,
            "namespace": rollout.metadata.namespace,
            "labels": labels(rollout, part),
            "ownerReferences": [owner(rollout)],
        },
    }


def owned_by_whom(obj: Json) -> str:
    """Say for people whose an object is."""
    ref = next(iter(owners(obj)), None)
    if ref is not None:
        return f"{ref.get('kind')} {ref.get('name')}"
    manager = dig(obj, "metadata", "labels", MANAGED_BY)
    return f"nobody known (managed by {manager})" if manager else "nobody known"
