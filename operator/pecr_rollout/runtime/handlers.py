"""kopf's handlers: every event feeds the table and wakes the queue; nothing is decided here."""

from typing import Any

import kopf

from pecr_rollout.api.rollout import GROUP, PLURAL, VERSION
from pecr_rollout.runtime.queue import Key
from pecr_rollout.runtime.reconcile import Reconciler
from pecr_rollout.runtime.table import Watched


def register(registry: kopf.OperatorRegistry, reconciler: Reconciler) -> None:
    """Register every handler.

    Only `on.event`: it costs no finalizer, no annotation and no task per object.
    """

    @kopf.on.login(registry=registry)
    def login(**_: Any) -> kopf.ConnectionInfo | None:
        """Connect as the pod's service account, else as the kubeconfig says."""
        return kopf.login_with_service_account() or kopf.login_with_kubeconfig()

    @kopf.on.startup(registry=registry)
    def configure(settings: kopf.OperatorSettings, **_: Any) -> None:
        """Set what kopf leaves open: time limits, and no Events of its own."""
        settings.posting.enabled = False
        settings.scanning.disabled = True
        settings.networking.request_timeout = 30
        settings.networking.connect_timeout = 10
        settings.watching.server_timeout = 300
        settings.watching.client_timeout = 330
        settings.queueing.idle_timeout = 1
        settings.batching.idle_timeout = 1

    @kopf.on.event(GROUP, VERSION, PLURAL, registry=registry)
    async def rollout(event: kopf.RawEvent, **_: Any) -> None:
        """Take the newest body, and wake the rollout."""
        body = dict(event["object"])
        metadata = body["metadata"] = dict(body["metadata"])
        key = Key(metadata["namespace"], metadata["name"])
        if event["type"] == "DELETED":
            if reconciler.table.drop(key, metadata["uid"]):
                reconciler.forget(key)
            _wake_neighbours(reconciler, key)
        elif reconciler.table.put(body):
            reconciler.outdate(key)

    @kopf.on.event("apps", "v1", "deployments", registry=registry)
    async def deployment(namespace: str | None, name: str | None, **_: Any) -> None:
        """Wake the rollouts of a Deployment."""
        _wake(reconciler, "deployments", namespace, name)

    @kopf.on.event("v1", "configmaps", registry=registry)
    async def config_map(namespace: str | None, name: str | None, **_: Any) -> None:
        """Wake the rollouts of a ConfigMap."""
        _wake(reconciler, "configmaps", namespace, name)

    @kopf.on.event("v1", "pods", registry=registry)
    async def pod(namespace: str | None, body: kopf.Body, **_: Any) -> None:
        """Wake the rollouts of the Deployment that a pod is of."""
        for owner in body["metadata"].get("ownerReferences") or ():
            if owner.get("kind") == "ReplicaSet":  # <deployment>-<hash>
                _wake(reconciler, "deployments", namespace, owner["name"].rpartition("-")[0])


def _wake(reconciler: Reconciler, plural: str, namespace: str | None, name: str | None) -> None:
    for key in reconciler.table.watchers(Watched(plural, namespace or "", name or "")):
        reconciler.outdate(key)


def _wake_neighbours(reconciler: Reconciler, gone: Key) -> None:
    """Wake those who may wait for the locks of a rollout that is gone."""
    for key in reconciler.table:
        if key.namespace == gone.namespace:
            reconciler.outdate(key)
