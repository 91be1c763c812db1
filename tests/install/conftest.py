"""A cluster of these tests' own: policies hold in the whole of it, and it is audited."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from localcluster import LocalCluster, Options
from localcluster.processes import wait_until

ROOT = Path(__file__).parents[2]

AUDIT = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [
        {"level": "Metadata", "userGroups": ["system:serviceaccounts"]},
        {"level": "None"},
    ],
}


@pytest.fixture(scope="session")
def localcluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    """The session's cluster for the installation."""
    folder = tmp_path_factory.mktemp("install") / "cluster"
    with LocalCluster(folder, Options(nodes=2, audit_policy=AUDIT)) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def crd(localcluster: LocalCluster) -> None:
    """The resource, installed as the README says."""
    localcluster.kubectl("apply", "--server-side", "-f", str(ROOT / "crds"))
    assert wait_until(lambda: served(localcluster), 30)


def served(cluster: LocalCluster) -> bool:
    """Whether the resource can be used (`kubectl wait` fails on a CRD without any condition)."""
    return cluster.kubectl("get", "controllerrollouts", "-A", check=False).returncode == 0
