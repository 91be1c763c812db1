"""kopf's handlers: every event feeds the table and wakes the queue; nothing is decided here.

Only `on.event`: it costs no finalizer, no annotation and no task per object. `memo` is the
reconciler of the process.
"""

import os
from collections.abc import Iterator
from itertools import chain, repeat
from typing import Any, Final, cast

import kopf

from pecr_rollout.api.rollout import GROUP, PLURAL, VERSION
from pecr_rollout.runtime.queue import Key
from pecr_rollout.runtime.reconcile import Reconciler
from pecr_rollout.runtime.table import Watched
from pecr_rollout.runtime.unkept import NoDiffBase, NoProgress

REGISTRY: Final = kopf.OperatorRegistry()
BACKOFFS: Final = (1.0, 2.0, 4.0, 8.0, 15.0)
"""Seconds between two tries of a watch; the last one for ever."""
LISTED_AT_ONCE: Final = 100
"""Objects in one answer to a list: thousands at once stay in the process's memory for ever."""
SILENT_AFTER: Final = 90.0
"""Seconds without a word after which a watch is begun anew; a bookmark comes every minute."""


class Patience:
    """Pauses without end: an API server that is away for long must not end the process."""

    def __iter__(self) -> Iterator[float]:
        """Give them, from the beginning each time."""
        return chain(BACKOFFS, repeat(BACKOFFS[-1]))


@kopf.on.login(registry=REGISTRY)
def login(settings: kopf.OperatorSettings, **_: object) -> kopf.ConnectionInfo | None:
    """Connect as a kubeconfig says, else as the pod's service account: as `open_api` does."""
    given = "KUBECONFIG" in os.environ
    in_pod = None if given else kopf.login_with_service_account(settings=settings)
    return in_pod or kopf.login_with_kubeconfig(settings=settings)


@kopf.on.startup(registry=REGISTRY)
def configure(settings: kopf.OperatorSettings, **_: object) -> None:
    """Set what kopf leaves open: time limits, no Events of its own, nothing kept of objects."""
    settings.posting.enabled = False
    settings.scanning.disabled = True
    settings.networking.request_timeout = 30
    settings.networking.connect_timeout = 10
    settings.networking.error_backoffs = Patience()
    settings.watching.chunk_size = LISTED_AT_ONCE
    settings.watching.server_timeout = 300
    settings.watching.client_timeout = 330
    settings.watching.inactivity_timeout = SILENT_AFTER
    settings.queueing.idle_timeout = 1
    settings.persistence.diffbase_storage = NoDiffBase()
    settings.persistence.progress_storage = NoProgress()


@kopf.on.cleanup(registry=REGISTRY)
async def stopped(memo: Reconciler, **_: object) -> None:
    """Say that nothing is watched any more: kopf itself takes seconds more to end."""
    memo.over.set()


@kopf.on.event(GROUP, VERSION, PLURAL, registry=REGISTRY)
async def rollout(event: kopf.RawEvent, memo: Reconciler, **_: object) -> None:
    """Take the newest body, and wake the rollout."""
    body = dict(cast("dict[str, Any]", event["object"]))
    metadata = body["metadata"] = dict(body["metadata"])
    key = Key(metadata["namespace"], metadata["name"])
    if event["type"] == "DELETED":
        memo.gone(key, metadata["uid"])
        await memo.tell_last(body)
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
