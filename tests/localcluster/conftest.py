"""A cluster of these tests' own: they stop and restart parts of it."""

from collections.abc import Iterator

import pytest

from localcluster import LocalCluster, Options


@pytest.fixture(scope="session")
def localcluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    """Not the one that the other tests use at the same time."""
    with LocalCluster(tmp_path_factory.mktemp("own") / "state", Options()) as cluster:
        yield cluster
