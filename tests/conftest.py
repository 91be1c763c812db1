"""What all tests share: the fixtures `localcluster` and `namespace`, and the resource in it."""

from pathlib import Path

import pytest

from localcluster import LocalCluster
from loop import TidyLoop

CRDS = Path(__file__).parents[1] / "crds"

pytest_plugins = ["localcluster.pytest_plugin"]
pytest.register_assert_rewrite("integration.harness")


@pytest.fixture(scope="session")
def crd(localcluster: LocalCluster) -> None:
    """The resource, installed."""
    localcluster.install_crds(CRDS)


def pytest_asyncio_loop_factories() -> dict[str, type[TidyLoop]]:
    """One loop for all tests that are coroutines."""
    return {"tidy": TidyLoop}


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Refuse to run side by side what shares a cluster: xdist may forget its groups silently."""
    grouped = [item for item in items if item.get_closest_marker("xdist_group")]
    if grouped and getattr(config.option, "loadgroup", False):
        lost = [item.nodeid for item in grouped if "@" not in item.nodeid.rpartition("]")[2]]
        if lost:
            raise pytest.UsageError(f"xdist does not know the group of {lost[0]}")
