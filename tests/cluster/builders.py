"""Small dicts, as the API server would give them."""

from typing import Any

from pecr_rollout.api.rollout import ControllerRollout, read

UID = "11111111-aaaa-4bbb-8ccc-222222222222"


def spec(**changes: Any) -> dict[str, Any]:
    whole = {
        "target": {"deployment": "pecr-controller", "configMap": "pecr-controller-env"},
        "flagDelta": {"engine": "rlm"},
        "canary": {"steps": [{"cohort": "10%", "hold": "1m"}, {"cohort": "50%", "hold": "1m"}]},
        "slo": {"latency": {"p95": "1s"}, "sustainedFor": "5m"},
        "rollbackOwner": {
            "name": "oncall",
            "contact": "#oncall",
            "subjects": {"users": ["oncall@example.com"]},
        },
    }
    return whole | changes


def rollout_body(namespace: str = "ns", name: str = "rlm-engine", **changes: Any) -> dict[str, Any]:
    return {
        "apiVersion": "pecr.dev/v1alpha1",
        "kind": "ControllerRollout",
        "metadata": {"name": name, "namespace": namespace, "uid": UID, "resourceVersion": "1"},
        "spec": spec(**changes),
    }


def rollout(**changes: Any) -> ControllerRollout:
    return read(rollout_body(**changes))


EXISTING = {
    "mode": "Existing",
    "existing": {"deployment": "pecr-controller-next", "configMap": "pecr-controller-next-env"},
    "steps": [{"hold": "1m"}],
}


def container(name: str = "controller", *sources: str | dict, **more: Any) -> dict[str, Any]:
    """A container; a source that is a text is a ConfigMap."""
    found = [{"configMapRef": {"name": s}} if isinstance(s, str) else s for s in sources]
    return {"name": name, "image": "pecr-controller:local", "envFrom": found} | more


def env(name: str, value: str) -> dict[str, Any]:
    return {"name": name, "value": value}


def config_map(name: str = "pecr-controller-env", **data: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": name, "uid": f"uid-{name}", "resourceVersion": "7"},
        "data": data,
    }


def deployment(
    name: str = "pecr-controller",
    *containers: dict[str, Any],
    replicas: int = 3,
    annotations: dict[str, str] | None = None,
    generation: int = 4,
    **status: Any,
) -> dict[str, Any]:
    labels = {"app.kubernetes.io/name": name}
    counts = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")
    return {
        "metadata": {
            "name": name,
            "namespace": "ns",
            "uid": f"uid-{name}",
            "resourceVersion": "9",
            "generation": generation,
            "labels": {"argocd.argoproj.io/instance": "pecr"},
        },
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0}},
            "progressDeadlineSeconds": 600,
            "revisionHistoryLimit": 10,
            "template": {
                "metadata": {"labels": labels, "annotations": annotations or {}},
                "spec": {
                    "containers": list(containers or [container("controller", f"{name}-env")])
                },
            },
        },
        "status": {"observedGeneration": generation} | dict.fromkeys(counts, replicas) | status,
    }


def replica_set(owner: dict[str, Any], suffix: str = "abc", **changes: Any) -> dict[str, Any]:
    template = owner["spec"]["template"] | changes
    metadata = template.get("metadata") or {}
    labels = {**metadata.get("labels", {}), "pod-template-hash": suffix}
    name = f"{owner['metadata']['name']}-{suffix}"
    return {
        "metadata": {
            "name": name,
            "uid": f"uid-{name}",
            "ownerReferences": [
                {"kind": "Deployment", "uid": owner["metadata"]["uid"], "controller": True}
            ],
        },
        "spec": {"template": {**template, "metadata": {**metadata, "labels": labels}}},
    }


def pod(
    owner: dict[str, Any],
    name: str = "p1",
    *,
    ready: bool = True,
    since: str = "2026-01-01T00:00:00Z",
    statuses: list[dict[str, Any]] | None = None,
    conditions: list[dict[str, Any]] | None = None,
    **metadata: Any,
) -> dict[str, Any]:
    readiness = {"type": "Ready", "status": str(ready), "lastTransitionTime": since}
    return {
        "metadata": {
            "name": name,
            "uid": f"uid-{name}",
            "creationTimestamp": since,
            "ownerReferences": [
                {"kind": "ReplicaSet", "uid": owner["metadata"]["uid"], "controller": True}
            ],
        }
        | metadata,
        "status": {
            "phase": "Running",
            "conditions": [readiness, *(conditions or [])],
            "containerStatuses": statuses or [],
        },
    }


def crashed(
    *, restarts: int, ready: bool = False, state: dict[str, Any] | None = None
) -> dict[str, Any]:
    ended = {"exitCode": 1, "reason": "Error", "message": "STARTUP_ERROR X: no"}
    return {
        "name": "controller",
        "ready": ready,
        "restartCount": restarts,
        "state": state or {"running": {}},
        "lastState": {"terminated": ended},
    }
