"""The operator as a process beside its pod (kwok's pods run nothing), as its Deployment says."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from localcluster import LocalCluster
from pecr_packaging.render import NAMESPACE, ROOT

NAME = "pecr-rollout-operator"


def install_resource(cluster: LocalCluster) -> None:
    """Apply the CRD, and wait until it is served."""
    cluster.install_crds(ROOT / "crds")


def environment(cluster: LocalCluster, kubeconfig: Path) -> dict[str, str]:
    return {**os.environ, **cluster.env, "KUBECONFIG": str(kubeconfig),
            "PYTHONPATH": str(ROOT / "operator")}  # fmt: skip


def command(cluster: LocalCluster, account: str, arguments: list[str]) -> tuple[list[str], Any]:
    """Give a command of the image, and its environment, under a service account."""
    kubeconfig = cluster.kubeconfig_for_service_account(NAMESPACE, account)
    program = [sys.executable, "-m", "pecr_rollout", *arguments, f"--kubeconfig={kubeconfig}"]
    return program, environment(cluster, kubeconfig)


@contextmanager
def operating(cluster: LocalCluster, log: Path) -> Iterator[None]:
    """Run what the Deployment runs, under its service account and nothing more."""
    spec = cluster.kubectl_json("get", "deployment", NAME, namespace=NAMESPACE)["spec"]
    pod = spec["template"]["spec"]
    [container] = pod["containers"]
    program, given = command(cluster, pod["serviceAccountName"], container["args"])
    given |= {each["name"]: each["value"] for each in container["env"]}
    given["PECR_PROMETHEUS_URL"] = cluster.prometheus_url
    port = "--listen-port=0"
    program = [port if word.startswith("--listen-port") else word for word in program]
    with log.open("a", encoding="utf-8") as file:
        process = subprocess.Popen(program, env=given, stdout=file, stderr=subprocess.STDOUT)
        try:
            yield
            assert process.poll() is None, f"the operator ended: {log.read_text()[-3000:]}"
        finally:
            process.terminate()
            process.wait(timeout=20)


def status_of(cluster: LocalCluster, namespace: str, name: str = "rlm-engine") -> dict[str, Any]:
    return cluster.kubectl_json("get", "cro", name, namespace=namespace).get("status") or {}


def completed(status: dict[str, Any]) -> bool:
    """Tell whether a run is over and nothing is left to do: no finalizer stays."""
    return (status.get("phase"), status.get("stage")) == ("Completed", "Idle")


def wait_for(
    cluster: LocalCluster,
    namespace: str,
    holds: Callable[[dict[str, Any]], bool],
    log: Path,
    seconds: float = 120,
) -> dict[str, Any]:
    """Wait for a status."""
    deadline = time.monotonic() + seconds
    status: dict[str, Any] = {}
    while time.monotonic() < deadline:
        status = status_of(cluster, namespace)
        if holds(status):
            return status
        time.sleep(0.5)
    raise AssertionError(f"{status}\n{log.read_text()[-3000:]}")
