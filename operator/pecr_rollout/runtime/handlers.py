"""kopf's handlers: every event feeds the table and wakes the queue; nothing is decided here.

Only `on.event`: it costs no finalizer, no annotation and no task per object. `memo` is the
reconciler of the process.
"""

from typing import Any, Final, cast

import kopf

from pecr_rollout.api.rollout import GROUP, PLURAL, VERSION
from pecr_rollout.runtime.queue import Key
from pecr_rollout.runtime.reconcile import Reconciler
from pecr_rollout.runtime.table import Watched
from pecr_rollout.runtime.unkept import NoDiffBase, NoProgress

REGISTRY: Final = kopf.OperatorRegistry()


@kopf.on.login(registry=REGISTRY)
def login(settings: kopf.OperatorSettings, **_: object) -> kopf.ConnectionInfo | None:
    """Connect as the pod's service account, else as the kubeconfig says."""
    in_pod = kopf.login_with_service_account(settings=settings)
    return in_pod or kopf.login_with_kubeconfig(settings=settings)


@kopf.on.startup(registry=REGISTRY)
def configure(settings: kopf.OperatorSettings, **_: object) -> None:
    """Set what kopf leaves open: time limits, no Events of its own, nothing kept of objects."""
    settings.posting.enabled = False
    settings.scanning.disabled = True
    settings.networking.request_timeout = 30
    settings.networking.connect_timeout = 10
    settings.watching.server_timeout = 300
    settings.watching.client_timeout = 330
    settings.queueing.idle_timeout = 1
    settings.persistence.diffbase_storage = NoDiffBase()
    settings.persistence.progress_storage = NoProgress()


@kopf.on.event(GROUP, VERSION, PLURAL, registry=REGISTRY)
async def rollout(event: kopf.RawEvent, memo: Reconciler, **_: object) -> None:
    """Take the newest body, and wake the rollout."""
    body = dict(cast("dict[str, Any]", event["object"]))
    metadata = body["metadata"] = dict(body["metadata"])
    key = Key(metadata["namespace"], metadata["name"])
    if event["type"] == "DELETED":
        memo.gone(key, metadata["uid"])
    else:
        memo.heard(key, body)


@kopf.on.event("apps", "v1", "deployments", registry=REGISTRY)
async def deployment(namespace: str | None, name: str, memo: Reconciler, **_: object) -> None:
    """Wake the rollouts of a Deployment."""
    memo.changed(Watched("deployments", namespace or "", name))


@kopf.on.event("v1", "configmaps", registry=REGISTRY)
async def config_map(namespace: str | None, name: str, memo: Reconciler, **_: object) -> None:
    """Wake the rollouts of a ConfigMap."""
    memo.changed(Watched("configmaps", namespace or "", name))


@kopf.on.event("v1", "pods", registry=REGISTRY)
async def pod(namespace: str | None, meta: kopf.Meta, memo: Reconciler, **_: object) -> None:
    """Wake the rollouts of the Deployment that a pod is of."""
    for owner in meta.get("ownerReferences") or ():
        if owner.get("kind") == "ReplicaSet":  # named <deployment>-<hash>
            target = owner["name"].rpartition("-")[0]
            memo.changed(Watched("deployments", namespace or "", target))
