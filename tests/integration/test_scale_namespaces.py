"""Several namespaces: an operator for each, one for two, one for the whole cluster."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from install.operated import install_resource
from integration.harness.account import MANIFESTS
from integration.harness.phases import holding, in_canary
from integration.harness.process import Operator, Zygote
from integration.harness.scenarios import healthy, violating
from integration.harness.specs import HOLD, MANAGED, RLM, STEP_1, spec
from integration.harness.world import HELD, World
from localcluster import LocalCluster, Options
from localcluster.pytest_plugin import TargetNamespace

pytestmark = pytest.mark.cluster

QUICK = holding(MANAGED, "2s")
CLUSTER_ROLE = MANIFESTS / "cluster-wide" / "rbac.yaml"


@contextlib.contextmanager
def settlement(cluster: LocalCluster, name: str, operator: Operator) -> Iterator[World]:
    """Give another namespace with a fleet, looked after by an operator of one's choice."""
    namespace = TargetNamespace(cluster, name)
    namespace.create()
    world = World(namespace, operator)
    try:
        yield world
        world.check_lawful()
        world.leave()
    finally:
        world.tape.close()
        world.kube.client.close()
        namespace.clear()


def beside(world: World, word: str) -> str:
    """Name a namespace beside a world's."""
    return f"{world.name[:50]}-{word}"


def in_breach(world: World, name: str = "rlm-engine"):
    """Give a rollout of which the first step is taken."""
    rollout = world.rollout(spec(mode=holding(MANAGED, HOLD)), name)
    rollout.reach("Fallback", "Judging", taken=1)
    world.holds_fallback(rollout, canary_flags=RLM | STEP_1)
    return rollout


def test_two_operators_side_by_side(install, zygote, localcluster, tmp_path):
    world = install()
    name = beside(world, "b")
    other = Operator(zygote, localcluster, name, tmp_path / "other.log")
    with settlement(localcluster, name, other) as second:
        other.start()
        second.install(violating(until=1))
        rollout = in_canary(world)
        in_breach(second)  # of the same name
        world.operator.kill()
        second.scenario(healthy())
        handle = second.rollouts[0]
        handle.acknowledge()
        handle.reach("Canary", run=2)
        world.operator.start()
        rollout.reach("Canary", "Judging", run=1)
        world.holds(rollout, canary_flags=RLM, locks=HELD)
    other.stop()
    assert name not in world.operator.log.read_text()
    assert f"{world.name}/" not in other.log.read_text()


def test_one_operator_for_two_namespaces(world, localcluster):
    name = beside(world, "c")
    world.operator.arguments += ["--namespace", name]
    with settlement(localcluster, name, world.operator) as second:
        world.operator.start()
        world.install(healthy())
        second.install(violating(until=1))
        rollout = world.rollout(spec(mode=QUICK, promotion={"bake": "2s"}))
        in_breach(second)
        rollout.reach("Completed", "Idle")
        world.holds(rollout, fleet_flags=RLM, report="Completed")


def test_the_whole_cluster(tmp_path: Path) -> None:
    """On a cluster of its own: it would look after the other tests' rollouts, too."""
    with LocalCluster(tmp_path / "state", Options(nodes=2)) as cluster:
        install_resource(cluster)
        zygote = Zygote(cluster)
        cluster.kubectl("apply", "-f", CLUSTER_ROLE)
        operator = Operator(zygote, cluster, "unused", tmp_path / "operator.log")
        place = operator.arguments.index("-n")
        operator.arguments[place : place + 2] = ["--all-namespaces"]
        try:
            with settlement(cluster, "early", operator) as early:
                operator.start()
                early.install(violating(until=1))
                in_breach(early)
                with settlement(cluster, "late", operator) as late:  # made while it runs
                    late.install(healthy())
                    rollout = late.rollout(spec(mode=QUICK, promotion={"bake": "2s"}))
                    rollout.reach("Completed", "Idle")
                    late.holds(rollout, fleet_flags=RLM, report="Completed")
            assert operator.stop() == 0
        finally:
            zygote.close()
