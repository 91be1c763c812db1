"""A cluster of these tests' own: policies hold in the whole of it, and it is audited."""

from collections.abc import Iterator

import pytest

from install.operated import install_resource
from localcluster import LocalCluster, Options

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
    install_resource(localcluster)
