"""`pecr-rollout unfinished`: what an uninstall would leave in the middle (the chart's hook).

With --release, the finalizers are taken off, so that nothing waits for an operator that is gone;
flags and cohorts stay as they are.
"""

import asyncio
import sys
from typing import Any, Final

from kubernetes.aio.client import CustomObjectsApi
from kubernetes.aio.client.exceptions import ApiException

from pecr_rollout.api.rollout import FINALIZER, GROUP, PLURAL, VERSION
from pecr_rollout.cli.problem import Refused
from pecr_rollout.cluster.client import Api
from pecr_rollout.cluster.connection import open_api
from pecr_rollout.cluster.errors import ClusterError, NotFoundError
from pecr_rollout.cluster.resources import ROLLOUTS, dig

UNFINISHED: Final = 2
"""Exit status where some rollout is unfinished."""
TRIES: Final = 10
"""For a release: the API server forgets a deleted admission policy a moment later."""

Json = dict[str, Any]


def unfinished(
    namespaces: list[str], selector: str, kubeconfig: str | None, *, release: bool
) -> int:
    """List the unfinished rollouts, or release them; give the exit status.

    Args:
        namespaces: where; the whole cluster if empty.
        selector: of their labels; all if empty.
        kubeconfig: path of a kubeconfig; the environment's default if None.
        release: whether the finalizers are taken off.

    Raises:
        Refused: the API server cannot be asked.
    """
    try:
        return asyncio.run(_unfinished(namespaces, selector, kubeconfig, release=release))
    except (ClusterError, OSError) as error:
        raise Refused(f"cannot tell what is unfinished: {error}") from error


async def _unfinished(
    namespaces: list[str], selector: str, kubeconfig: str | None, *, release: bool
) -> int:
    async with open_api(kubeconfig) as api:
        held = await _held(api, namespaces, selector)
        for one in held:
            print(_line(one))
            if release:
                await _release(api, one)
    if not held:
        print("no rollout is unfinished")
        return 0
    return 0 if release else _refuse(len(held))


def _refuse(count: int) -> int:
    print(
        f"{count} unfinished: wait until they are over, abort them (pecr.dev/abort) or acknowledge"
        " their incidents; docs/upgrade.md says how to uninstall all the same",
        file=sys.stderr,
    )
    return UNFINISHED


async def _held(api: Api, namespaces: list[str], selector: str) -> list[Json]:
    """Give the rollouts that carry the finalizer: from the first write until it is taken back."""
    try:
        found = [
            one for place in namespaces for one in await api.list_all(ROLLOUTS, place, selector)
        ]
        if not namespaces:
            found = await _everywhere(api, selector)
    except NotFoundError:  # the resource itself is gone
        return []
    return [one for one in found if FINALIZER in (dig(one, "metadata", "finalizers") or ())]


async def _everywhere(api: Api, selector: str) -> list[Json]:
    everything = CustomObjectsApi(api.client)
    try:
        found: Any = await everything.list_cluster_custom_object(
            GROUP, VERSION, PLURAL, label_selector=selector, _request_timeout=api.timeout
        )
    except ApiException as error:
        kind = NotFoundError if error.status == 404 else ClusterError
        raise kind(str(error.reason), status=error.status or 0) from error
    return list(found.get("items") or ())


def _line(one: Json) -> str:
    metadata = one["metadata"]
    phase = dig(one, "status", "phase") or "unknown"
    message = " ".join(str(dig(one, "status", "message") or "").split())
    return f"{metadata['namespace']}/{metadata['name']}  {phase}  {message}".rstrip()


async def _release(api: Api, one: Json) -> None:
    metadata = one["metadata"]
    kept = [name for name in metadata["finalizers"] if name != FINALIZER]
    patch = {"metadata": {"uid": metadata["uid"], "finalizers": kept or None}}
    for left in reversed(range(TRIES)):
        try:
            await api.merge(ROLLOUTS, metadata["namespace"], metadata["name"], patch)
        except NotFoundError:
            return
        except ClusterError:
            if not left:
                raise
            await asyncio.sleep(1)
        else:
            print(f"released {metadata['namespace']}/{metadata['name']}")
            return
