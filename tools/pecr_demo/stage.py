"""The stage: a cluster with a fleet under traffic, and the operator as a process of its own."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

from localcluster import LocalCluster, Options
from localcluster.prometheus_query import wait_for_query
from pecrfleet import Scenario, target_manifests

NAMESPACE = "pecr"
REPLICAS = 4
SAMPLES = Path(__file__).parents[2] / "manifests/samples/demo"


def faulty() -> Scenario:
    """Give an rlm that breaks budgets while adaptive parallelism or batch mode is on."""
    return _scenario("faulty")


def mended() -> Scenario:
    """Give an rlm without that fault."""
    return _scenario("mended")


def _scenario(name: str) -> Scenario:
    """Read a scenario; its traffic is plenty, so that seconds decide what takes minutes."""
    return Scenario.from_json(json.loads((SAMPLES / f"{name}.json").read_text()))


@contextmanager
def set_up(build: Path, crds: Path) -> Iterator[LocalCluster]:
    """Start everything, and end everything with the context."""
    with ExitStack() as stack:
        cluster = stack.enter_context(LocalCluster(build / "cluster", Options(nodes=4)))
        cluster.install_crds(crds)
        cluster.apply(target_manifests(NAMESPACE, replicas=REPLICAS))
        cluster.fleet.set_scenario(NAMESPACE, faulty())
        cluster.kubectl(
            "rollout", "status", "deployment/pecr-controller", "--timeout=60s", namespace=NAMESPACE
        )
        _await_traffic(cluster)
        log = stack.enter_context((build / "operator.log").open("w", encoding="utf-8"))
        stack.enter_context(_operator(cluster, log))
        yield cluster


def _await_traffic(cluster: LocalCluster) -> None:
    """Wait until Prometheus has seen every pod of the fleet answer; preflight asks for it."""
    query = f'pecr_controller_terminal_modes_total{{namespace="{NAMESPACE}"}} > 0'
    wait_for_query(
        cluster.prometheus_url, query, lambda found: len({s[0]["pod"] for s in found}) == REPLICAS
    )


@contextmanager
def _operator(cluster: LocalCluster, log: IO[str]) -> Iterator[None]:
    command = [sys.executable, "-m", "pecr_rollout", "run", "--namespace", NAMESPACE]
    command += ["--prometheus-url", cluster.prometheus_url]
    command += ["--listen-host", "127.0.0.1", "--listen-port", "0", "--log-format", "json"]
    process = subprocess.Popen(
        command, env={**os.environ, **cluster.env}, stdout=log, stderr=subprocess.STDOUT
    )
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def cohort_environment(cluster: LocalCluster) -> dict[str, str]:
    """Give the flags that the cohort's processes really started with; the fleet's without one."""
    pods = [pod for pod in cluster.fleet.pods(NAMESPACE) if pod.ready]
    canary = [pod for pod in pods if pod.deployment.endswith("-canary")]
    for pod in canary or pods:
        return {
            name: value
            for name, value in pod.env.items()
            if name.startswith("PECR_CONTROLLER_") or name == "PECR_OPERATOR_CONCURRENCY_POLICIES"
        }
    return {}


def clock() -> float:
    """Give a monotonic time in seconds."""
    return time.monotonic()
