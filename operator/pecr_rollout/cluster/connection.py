"""The connection to the API server: where it is, and as whom."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.request import getproxies

from kubernetes.aio import config
from kubernetes.aio.client import ApiClient, Configuration

from pecr_rollout.cluster.client import MANAGER, Api, Counter, uncounted


@asynccontextmanager
async def open_api(
    kubeconfig: str | None = None,
    *,
    context: str | None = None,
    timeout: float = 10.0,  # noqa: ASYNC109  # a limit for each request
    count: Counter = uncounted,
) -> AsyncIterator[Api]:
    """Connect, as a kubeconfig says or else as a pod does, and close at the end.

    Args:
        kubeconfig: its path; without one KUBECONFIG's, else the pod's service account where there
            is one, else the default path of kubectl.
        context: of the kubeconfig; its current one if left out.
        timeout: seconds that one request may take.
        count: told of each request.
    """
    settings = Configuration()
    # Otherwise each request looks for a netrc file and for proxies, in two hops to a thread.
    settings.client_session_kwargs = {"trust_env": bool(getproxies())}
    kubeconfig = kubeconfig or os.environ.get("KUBECONFIG")
    if kubeconfig is None and "KUBERNETES_SERVICE_HOST" in os.environ:
        config.load_incluster_config(  # type: ignore[no-untyped-call]
            client_configuration=settings
        )
    else:
        await config.load_kube_config(  # type: ignore[no-untyped-call]
            config_file=kubeconfig,
            context=context,
            client_configuration=settings,
            persist_config=False,
        )
    async with ApiClient(settings) as client:
        client.user_agent = MANAGER
        yield Api(client, timeout, count)
