"""The process from start to end."""

import asyncio
from contextlib import AsyncExitStack
from typing import Final

import kopf

from pecr_rollout.cluster.client import open_api
from pecr_rollout.cluster.resources import ROLLOUTS
from pecr_rollout.runtime import logs
from pecr_rollout.runtime.bench import Bench
from pecr_rollout.runtime.handlers import REGISTRY
from pecr_rollout.runtime.metrics import Metrics
from pecr_rollout.runtime.queue import DueQueue
from pecr_rollout.runtime.reconcile import Reconciler
from pecr_rollout.runtime.settings import WORKERS, Settings
from pecr_rollout.runtime.surface import application, listening
from pecr_rollout.runtime.table import Table
from pecr_rollout.telemetry.client import Prometheus
from pecr_rollout.telemetry.server import PrometheusServer

NO_CRD: Final = (
    "the API server knows no controllerrollouts.pecr.dev; install the resource first:"
    " kubectl apply -f crds/"
)


def run(settings: Settings) -> None:
    """Run the operator until it is told to stop (SIGTERM, SIGINT).

    Raises:
        OSError: an address to listen on is taken.
    """
    logs.configure(settings.log_format, verbose=settings.verbose)
    asyncio.run(serve(settings))


async def serve(settings: Settings) -> None:
    """Watch, judge and reconcile; ends when kopf does, or when a part of it fails."""
    metrics = Metrics()
    queue = DueQueue(asyncio.get_running_loop().time)
    prometheus = Prometheus(_server(settings), metrics.asked)
    bench = Bench(prometheus, queue.add, metrics.evaluated)
    metrics.judged.set_function(lambda: bench.judged)
    ready = asyncio.Event()
    async with AsyncExitStack() as stack:
        stack.callback(prometheus.close)
        api = await stack.enter_async_context(
            open_api(settings.kubeconfig, count=metrics.requested)
        )
        if not await api.serves(ROLLOUTS):
            raise SystemExit(NO_CRD)
        reconciler = Reconciler(
            api, {prometheus.server.name: bench}, Table(), queue, metrics, settings.log_format
        )
        app = application(
            metrics.registry, lambda: "", lambda: "" if ready.is_set() else "not watching yet"
        )
        port = await stack.enter_async_context(
            listening(app, settings.listen_host, settings.listen_port)
        )
        logs.LOGGER.info("serving /metrics, /healthz and /readyz on port %d", port)
        await _together(settings, reconciler, bench, ready)


async def _together(
    settings: Settings, reconciler: Reconciler, bench: Bench, ready: asyncio.Event
) -> None:
    """Run kopf, the workers and the judges; the end of one is the end of all."""
    watching = kopf.operator(
        registry=REGISTRY,
        memo=reconciler,
        standalone=True,
        namespaces=settings.namespaces,
        clusterwide=not settings.namespaces,
        ready_flag=ready,
    )
    tasks = [
        asyncio.create_task(watching, name="watching"),
        asyncio.create_task(bench.run(), name="judging"),
        *(asyncio.create_task(reconciler.work(), name=f"worker {n}") for n in range(WORKERS)),
    ]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()


def _server(settings: Settings) -> PrometheusServer:
    return PrometheusServer(
        url=settings.prometheus_url,
        token_file=settings.prometheus_token_file,
        ca_file=settings.prometheus_ca_file,
    )
