"""A standard PECR installation, for the demo and the tests."""

from collections.abc import Mapping
from typing import Any

# The flags are left out: whoever applies a key owns it, and a rollout refuses a flag of another's.
SAFE_ENVIRONMENT: Mapping[str, str] = {
    "PECR_BUDGET_DEFAULTS": '{"max_parallelism": 4}',
    "PECR_RLM_SANDBOX_ACK": "true",
}
EXPLICIT_FLAGS: Mapping[str, str] = {
    "PECR_CONTROLLER_ENGINE": "baseline",
    "PECR_CONTROLLER_ADAPTIVE_PARALLELISM_ENABLED": "true",
    "PECR_CONTROLLER_BATCH_MODE_ENABLED": "true",
}


def target_manifests(
    namespace: str,
    *,
    name: str = "pecr-controller",
    replicas: int = 5,
    env: Mapping[str, str] | None = None,
    config_map: str | None = None,
    container_env: Mapping[str, str] | None = None,
    grace_seconds: int = 30,
    labels: Mapping[str, str] | None = None,
    with_namespace: bool = True,
    with_service: bool = True,
    progress_deadline: int = 600,
) -> list[dict[str, Any]]:
    """Namespace, ConfigMap, Deployment and Service.

    Args:
        namespace: Where to put them.
        name: Of the Deployment and the Service.
        replicas: Of the Deployment.
        env: The ConfigMap's data; SAFE_ENVIRONMENT by default, which holds no flag.
        config_map: The ConfigMap's name; `<name>-env` by default.
        container_env: The container's own `env` entries, which win over the ConfigMap.
        grace_seconds: The pods' termination grace period.
        labels: The pods' labels besides `app`.
        with_namespace: Whether the Namespace is among them.
        with_service: Whether the Service is.
        progress_deadline: The Deployment's progressDeadlineSeconds.
    """
    source = config_map or f"{name}-env"
    pod_labels = {"app.kubernetes.io/name": name} | dict(labels or {})
    container = _container(source, container_env or {})
    data = dict(SAFE_ENVIRONMENT if env is None else env)
    deployment = {
        "replicas": replicas,
        "progressDeadlineSeconds": progress_deadline,
        "selector": {"matchLabels": {"app.kubernetes.io/name": name}},
        "strategy": {
            "type": "RollingUpdate",
            "rollingUpdate": {"maxSurge": "25%", "maxUnavailable": 0},
        },
        "template": {
            "metadata": {"labels": pod_labels},
            "spec": {"terminationGracePeriodSeconds": grace_seconds, "containers": [container]},
        },
    }
    service = {
        "selector": {"app.kubernetes.io/name": name},
        "ports": [{"name": "http", "port": 8081, "targetPort": "http"}],
    }
    return [
        *(
            [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}]
            * with_namespace
        ),
        _object("v1", "ConfigMap", source, namespace, {"data": data}),
        _object("apps/v1", "Deployment", name, namespace, {"spec": deployment}),
        *([_object("v1", "Service", name, namespace, {"spec": service})] * with_service),
    ]


def _container(source: str, env: Mapping[str, str]) -> dict[str, Any]:
    return {
        "name": "controller",
        "image": "pecr-controller:local",
        "imagePullPolicy": "Never",
        "ports": [{"name": "http", "containerPort": 8081}],
        "envFrom": [{"configMapRef": {"name": source}}],
        "env": [{"name": key, "value": value} for key, value in env.items()],
        "readinessProbe": {"httpGet": {"path": "/readyz", "port": "http"}, "periodSeconds": 2},
        "livenessProbe": {"httpGet": {"path": "/healthz", "port": "http"}},
        "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}},
    }


def _object(
    api_version: str, kind: str, name: str, namespace: str, content: Mapping[str, Any]
) -> dict[str, Any]:
    meta = {"name": name, "namespace": namespace}
    return {"apiVersion": api_version, "kind": kind, "metadata": meta} | dict(content)
