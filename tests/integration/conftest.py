"""The operator on a real API server, one operator and one namespace a test.

After each test every status that was ever written is checked, all rollouts are deleted, and
nothing of the operator's may be left behind.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from integration.harness.process import Operator, Zygote
from integration.harness.scenarios import healthy
from integration.harness.world import World
from localcluster import LocalCluster
from localcluster.pytest_plugin import TargetNamespace
from pecrfleet import Scenario

OUTCOME = pytest.StashKey[bool]()

Install = Callable[..., World]


@pytest.fixture(scope="session")
def zygote(localcluster: LocalCluster) -> Iterator[Zygote]:
    """What operators are forked from."""
    zygote = Zygote(localcluster)
    yield zygote
    zygote.close()


@pytest.fixture
def world(
    crd: None,
    zygote: Zygote,
    localcluster: LocalCluster,
    namespace: TargetNamespace,
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> Iterator[World]:
    """A namespace with an operator that is not started yet, and with nothing installed."""
    operator = Operator(zygote, localcluster, namespace.name, tmp_path / "operator.log")
    world = World(namespace, operator)
    try:
        yield world
        if request.node.stash.get(OUTCOME, False):
            world.check_lawful()
            world.leave()
            world.check_lawful()
    finally:
        world.close()


@pytest.fixture
def install(world: World) -> Install:
    """Install a fleet under traffic, and start the operator: `install(scenario, existing=1)`."""

    def make(scenario: Scenario | None = None, **more: object) -> World:
        world.operator.start(wait=False)
        world.install(scenario or healthy(), **more)
        return world

    return make


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Iterator[pytest.TestReport]:
    """Show with a failure what happened: story, pods, locks, Events and the operator's log."""
    report = yield
    if call.when == "call":
        item.stash[OUTCOME] = report.passed
    world = getattr(item, "funcargs", {}).get("world")
    if report.failed and isinstance(world, World):
        report.sections.append(("what happened", _told(world.describe)))
        report.sections.append(("the operator's log", _told(world.operator.tail)))
    return report


def _told(tell: Callable[[], str]) -> str:
    try:
        return tell()
    except Exception as error:  # noqa: BLE001 - the test's own failure is what counts
        return f"cannot be told: {error!r}"
