"""pytest fixtures: a cluster for the session, and a namespace for each test.

Use with `pytest_plugins = ["localcluster.pytest_plugin"]` in the top conftest.
"""

import os
import re
import secrets
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from localcluster.cluster import LocalCluster
from localcluster.errors import LocalClusterError
from localcluster.options import Options
from localcluster.probes import api_ok
from localcluster.processes import wait_until
from localcluster.prometheus_query import Sample, instant_query
from pecrfleet import FleetClient, Scenario, target_manifests
from pecrfleet.jsontypes import Json


class TargetNamespace:
    """A fresh namespace, with what a test does in it most."""

    def __init__(self, cluster: LocalCluster, name: str) -> None:
        self.cluster = cluster
        self.name = name

    @property
    def fleet(self) -> FleetClient:
        """The fleet's client."""
        return self.cluster.fleet

    def create(self) -> None:
        """Make it, and wait until pods can be created in it."""
        meta = {"name": self.name, "labels": {"pecr.dev/test": "true"}}
        path = f"/api/v1/namespaces/{self.name}/serviceaccounts/default"
        with self.cluster.client() as client:
            client.request("POST", "/api/v1/namespaces", {"metadata": meta})
            made = wait_until(lambda: api_ok(client, path), 10)
        if not made:
            raise LocalClusterError(f"Namespace {self.name} got no service account in 10 s.")

    def clear(self) -> None:
        """Delete its Deployments, without waiting until the pods are gone.

        The namespace itself stays as long as its cluster: to delete one is 160 requests.
        """
        with self.cluster.client() as client:
            path = f"/apis/apps/v1/namespaces/{self.name}/deployments"
            client.request("DELETE", f"{path}?propagationPolicy=Background")
        self.fleet.clear_scenario(self.name)
        self.fleet.clear_fault(self.name)

    def scenario(self, scenario: Scenario) -> None:
        """Set the namespace's scenario."""
        self.fleet.set_scenario(self.name, scenario)

    def install_target(
        self, *, replicas: int = 3, name: str = "pecr-controller", wait: bool = True, **more: Json
    ) -> None:
        """Apply `pecrfleet.target_manifests`, and wait until it is rolled out."""
        given: dict[str, Json] = {"with_service": False} | more
        manifests = target_manifests(
            self.name, name=name, replicas=replicas, with_namespace=False, **given
        )
        self.cluster.apply(manifests)
        if wait:
            self.wait_ready(name)

    def wait_ready(self, deployment: str = "pecr-controller", timeout: float = 30.0) -> None:
        """Wait until a Deployment's roll-out is complete."""
        path = f"/apis/apps/v1/namespaces/{self.name}/deployments/{deployment}"
        with self.cluster.client() as client:
            if not wait_until(lambda: _rolled_out(client.get(path)), timeout):
                raise LocalClusterError(f"{deployment} is not rolled out after {timeout:g} s.")

    def kubectl(self, *arguments: str, **more: Json) -> subprocess.CompletedProcess[str]:
        """`LocalCluster.kubectl` in this namespace."""
        return self.cluster.kubectl(*arguments, namespace=self.name, **more)

    def kubectl_json(self, *arguments: str) -> Json:
        """The same, parsed."""
        return self.cluster.kubectl_json(*arguments, namespace=self.name)

    def prom(self, query: str) -> list[Sample]:
        """Ask the cluster's Prometheus."""
        return instant_query(self.cluster.prometheus_url, query)


def _rolled_out(deployment: Json) -> bool:
    """Tell whether all pods are new and ready."""
    status, wanted = deployment.get("status") or {}, deployment["spec"]["replicas"]
    counts = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")
    seen = status.get("observedGeneration", 0) >= deployment["metadata"]["generation"]
    return seen and all(status.get(count, 0) == wanted for count in counts)


@pytest.fixture(scope="session")
def localcluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    """The session's cluster; with PECR_LOCALCLUSTER_STATE, the one that runs from there."""
    given = os.environ.get("PECR_LOCALCLUSTER_STATE")
    if given:
        yield LocalCluster.attach(Path(given))
        return
    with LocalCluster(tmp_path_factory.mktemp("localcluster") / "state", Options()) as cluster:
        yield cluster


@pytest.fixture
def namespace(
    localcluster: LocalCluster, request: pytest.FixtureRequest
) -> Iterator[TargetNamespace]:
    """A namespace of the test's own, without pods after it."""
    words = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower()).strip("-")
    name = f"{words.removeprefix('test-')[:40].strip('-') or 'test'}-{secrets.token_hex(2)}"
    handle = TargetNamespace(localcluster, f"t-{name}")
    handle.create()
    yield handle
    handle.clear()
