"""The cluster that all tests share, with the resource."""

import pytest

from install.operated import install_resource
from localcluster import LocalCluster


@pytest.fixture(scope="session")
def crd(localcluster: LocalCluster) -> None:
    """The resource, installed as the README says."""
    install_resource(localcluster)
