"""The process from start to end."""

import asyncio
import os
import signal
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any, Final

import kopf

from pecr_rollout.api.rollout import GROUP, PLURAL
from pecr_rollout.cluster.connection import open_api
from pecr_rollout.cluster.election import LeaseLostError
from pecr_rollout.cluster.resources import ROLLOUTS
from pecr_rollout.runtime import logs
from pecr_rollout.runtime.bench import Bench
from pecr_rollout.runtime.handlers import REGISTRY
from pecr_rollout.runtime.leading import Role, candidate
from pecr_rollout.runtime.memory import economise
from pecr_rollout.runtime.metrics import Metrics
from pecr_rollout.runtime.notify.post import Post
from pecr_rollout.runtime.queue import DueQueue
from pecr_rollout.runtime.reconcile import Reconciler
from pecr_rollout.runtime.settings import WORKERS, Settings
from pecr_rollout.runtime.surface import application, listening
from pecr_rollout.runtime.sweep import sweep
from pecr_rollout.runtime.table import Table
from pecr_rollout.runtime.telling import Teller
from pecr_rollout.telemetry.client import Prometheus
from pecr_rollout.telemetry.server import PrometheusServer

NO_CRD: Final = (
    "the API server knows no controllerrollouts.pecr.dev; install the resource first:"
    " kubectl apply -f crds/"
)


def run(settings: Settings) -> int:
    """Run the operator until it is told to stop (SIGTERM, SIGINT), or another one leads.

    Returns:
        The exit status: 1 where it lost its Lease.

    Raises:
        OSError: an address to listen on is taken.
        ClusterError: the API server does not answer at the start, or refuses the Lease.
    """
    logs.configure(settings.log_format, verbose=settings.verbose)
    economise()
    if settings.kubeconfig is not None:
        os.environ["KUBECONFIG"] = settings.kubeconfig  # kopf looks nowhere else
    try:
        asyncio.run(serve(settings))
    except LeaseLostError as lost:
        logs.LOGGER.error("no longer leading, so this process ends: %s", lost)
        return 1
    return 0


async def serve(settings: Settings) -> None:
    """Watch, judge and reconcile; ends when kopf does, or when a part of it fails."""
    metrics = Metrics()
    queue = DueQueue(asyncio.get_running_loop().time)
    prometheus = Prometheus(_server(settings), metrics.asked)
    bench = Bench(prometheus, queue.add, metrics.evaluated)
    metrics.judged.set_function(lambda: bench.judged)
    async with AsyncExitStack() as stack:
        stack.callback(_unhandle_signals)
        stack.callback(prometheus.close)
        api = await stack.enter_async_context(
            open_api(settings.kubeconfig, count=metrics.requested)
        )
        if not await api.serves(ROLLOUTS):
            raise SystemExit(NO_CRD)
        role = Role(candidate(api, settings.election) if settings.election else None)
        role.show(metrics.registry)
        app = application(metrics.text, lambda: "", role.problem, role.name)
        port = await stack.enter_async_context(
            listening(app, settings.listen_host, settings.listen_port)
        )
        logs.LOGGER.info("serving /metrics, /healthz and /readyz on port %d", port)
        if role.standing is not None:
            api = replace(api, may_write=role.standing.left)
        reconciler = Reconciler(
            api,
            {prometheus.server.name: bench},
            Teller(api, _post(settings, queue, metrics, stack)),
            Table(),
            queue,
            metrics,
            settings.log_format,
            settings.selector,
        )
        if await role.won():
            await _together(settings, reconciler, bench, role)


def _unhandle_signals() -> None:
    """Let a further signal end the process: its handlers would write to a loop that is closed."""
    for told in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().remove_signal_handler(told)
        signal.signal(told, signal.SIG_DFL)


async def _together(settings: Settings, reconciler: Reconciler, bench: Bench, role: Role) -> None:
    """Run kopf, the workers, the judges and the leading; the end of one is the end of all."""
    watching = kopf.operator(
        registry=REGISTRY,
        settings=_watched(settings),
        memo=reconciler,
        standalone=True,
        namespaces=settings.namespaces,
        clusterwide=not settings.namespaces,
        ready_flag=role.watching,
        stop_flag=role.stop,
    )
    watcher = asyncio.create_task(watching, name="watching")
    heeding = asyncio.create_task(role.heed(), name="heeding")
    others = [
        asyncio.create_task(reconciler.over.wait(), name="watched"),
        asyncio.create_task(bench.run(), name="judging"),
        asyncio.create_task(sweep(reconciler), name="sweeping"),
        *(asyncio.create_task(reconciler.work(), name=f"worker {n}") for n in range(WORKERS)),
    ]
    if role.standing is not None:
        others.append(asyncio.create_task(role.standing.keep(), name="leading"))
    try:
        done, _ = await asyncio.wait((watcher, *others), return_when=asyncio.FIRST_COMPLETED)
    finally:
        role.stop.set()  # or kopf waits for whoever waits for it
        await _end(heeding, *others)
        if role.standing is not None:  # nothing acts any more: another one may
            await role.standing.resign()
        if not reconciler.over.is_set():
            await _end(watcher)
    for task in done:
        task.result()
    if reconciler.over.is_set():
        await watcher


async def _end(*tasks: asyncio.Task[Any]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _watched(settings: Settings) -> kopf.OperatorSettings:
    """Have the API server choose the rollouts: one that is not ours is never even seen."""
    made = kopf.OperatorSettings()
    if settings.selector:
        made.watching.label_selectors[GROUP, PLURAL] = settings.selector
    return made


def _post(
    settings: Settings, queue: DueQueue, metrics: Metrics, stack: AsyncExitStack
) -> Post | None:
    if settings.notify_urls_file is None:
        return None
    post = Post(settings.notify_urls_file, queue.add, metrics.notified)
    stack.callback(post.close)
    return post


def _server(settings: Settings) -> PrometheusServer:
    return PrometheusServer(
        url=settings.prometheus_url,
        token_file=settings.prometheus_token_file,
        ca_file=settings.prometheus_ca_file,
    )
