"""A look now and then for rollouts that are gone and no watch told of.

A watch that lost its place lists anew, and what was deleted meanwhile is in no list.
"""

import asyncio

from pecr_rollout.cluster.errors import ClusterError
from pecr_rollout.cluster.resources import ROLLOUTS, uid_of
from pecr_rollout.runtime import logs
from pecr_rollout.runtime.looks import TRUST_WATCHES
from pecr_rollout.runtime.reconcile import Reconciler


async def sweep(reconciler: Reconciler) -> None:
    """Forget what is gone, now and then, for ever."""
    while True:
        await asyncio.sleep(TRUST_WATCHES)
        for namespace in {key.namespace for key in reconciler.table}:
            try:
                await forget_gone(reconciler, namespace)
            except ClusterError as error:
                logs.LOGGER.warning("%s cannot be swept: %s", namespace, error)


async def forget_gone(reconciler: Reconciler, namespace: str) -> None:
    """Forget the rollouts of a namespace that are gone.

    Raises:
        ClusterError: the API server did not answer as it should.
    """
    table, selector = reconciler.table, reconciler.selector
    known = {
        key: body["metadata"]["uid"]
        for key in table
        if key.namespace == namespace and (body := table.get(key))
    }
    there = {uid_of(body) for body in await reconciler.api.list_all(ROLLOUTS, namespace, selector)}
    for key, uid in known.items():
        if uid not in there:
            reconciler.gone(key, uid)
