"""Several operators: one acts, another takes over, and two share a cluster."""

import logging
import time
from collections import Counter
from collections.abc import Iterator

import pytest

from integration.harness.phases import LONG, holding, in_canary
from integration.harness.process import Operator
from integration.harness.scenarios import violating
from integration.harness.specs import FLEET, HOLD, RLM, STEP_1, spec
from integration.harness.waiting import wait_until
from integration.harness.wire import Wire
from integration.harness.world import HELD

pytestmark = pytest.mark.cluster

LOG = logging.getLogger(__name__)
"""Of figures: `pytest --log-cli-level=INFO`."""
ALARM = 14
SOON = 5
"""Seconds of a Lease where the shipped ten show nothing more."""


def electing(world, *more):
    """Give the options of one of several."""
    return ["--leader-elect", "--lease-namespace", world.name, "--lease-name", "leader", *more]


@pytest.fixture
def another(world, zygote, localcluster, tmp_path) -> Iterator[Operator]:
    """A second operator over the same namespace, not started yet."""
    made = Operator(zygote, localcluster, world.name, tmp_path / "another.log")
    yield made
    if made.running:
        made.kill()


@pytest.fixture
def wire(localcluster, zygote, tmp_path) -> Iterator[Wire]:
    made = Wire(localcluster, zygote.kubeconfig, tmp_path)
    yield made
    made.close()


def role(operator):
    return operator.get("/readyz")


def leads(operator):
    return role(operator) == (200, "leading")


def acts(rollout, word):
    """Ask for something that whoever leads has to answer, and wait for the answer."""
    rollout.annotate(promote=word)
    rollout.refused("promote", word)


def once_each(world, rollout):
    notes = Counter(event["note"] for event in world.events(rollout))
    assert max(notes.values()) == 1, notes


def test_a_standby_takes_over(install, another):
    """With the shipped ten seconds: after SIGKILL within 15 s, after SIGTERM within 2 s."""
    world = install()
    another.arguments += electing(world)
    world.operator.stop()
    world.operator.arguments += electing(world)
    world.operator.start()
    wait_until(lambda: leads(world.operator))
    another.start()
    assert role(another) == (200, "standby")
    assert "pecr_rollout_leading 0.0" in another.get("/metrics")[1]
    assert "pecr_rollout_leading 1.0" in world.operator.get("/metrics")[1]
    rollout = in_canary(world)

    killed = time.time()
    world.operator.kill()
    acts(rollout, "after-the-kill")
    LOG.info("%.1f s from SIGKILL to the next act", seconds := time.time() - killed)
    assert seconds < 15
    assert leads(another)

    world.operator.start()
    assert role(world.operator) == (200, "standby")
    told = time.time()
    assert another.stop() == 0
    wait_until(lambda: leads(world.operator))
    LOG.info("%.2f s from SIGTERM to the next leader", seconds := time.time() - told)
    assert seconds < 2
    acts(rollout, "after-the-stop")
    assert another.faults() == []
    world.holds(rollout, canary_flags=RLM, locks=HELD)
    once_each(world, rollout)


@pytest.fixture
def in_the_middle(world, another, wire, install):
    """A leader in the middle of writing a fallback's flags, and a standby."""
    another.arguments += electing(world, "--lease-duration", str(SOON))
    another.arguments += ["--kubeconfig", str(wire.kubeconfig)]
    another.start()
    wait_until(lambda: leads(another))
    world.operator.arguments += electing(world, "--lease-duration", str(SOON))
    install(violating(until=1))
    wait_until(lambda: role(world.operator) == (200, "standby"))
    rollout = world.rollout(spec(mode=holding(FLEET, HOLD), promotion={"bake": LONG}))
    rollout.reach("Canary", "RollingOut")
    path = world.kube.path("configmaps", "pecr-controller-env")
    wire.hold(f"PATCH {path}?fieldManager=pecr-rollout HTTP".encode())
    wire.await_held()
    return rollout


def check_taken_over(world, rollout):
    """The other one took the step, once."""
    rollout.reach("Fallback", "Judging", taken=1)
    assert leads(world.operator)
    return world.kube.get("configmaps", "pecr-controller-env")["metadata"]["resourceVersion"]


def check_nothing_came_of_it(world, rollout, version):
    found = world.kube.get("configmaps", "pecr-controller-env")["metadata"]["resourceVersion"]
    assert found == version
    world.holds_fallback(rollout, fleet_flags=RLM | STEP_1)
    assert world.history(rollout) == ["Canary", "Fallback"]
    once_each(world, rollout)


def test_paused_in_the_middle_of_a_write(world, another, wire, in_the_middle):
    """It never comes to itself again, and what it had begun to say comes to nothing."""
    rollout = in_the_middle
    another.freeze()
    version = check_taken_over(world, rollout)
    said, asked = another.lines(), len(wire.passed)
    another.thaw()
    assert another.ended() == ALARM
    assert wire.let_go() == b"HTTP/1.1 409 Conflict"
    assert another.lines() == said
    assert len(wire.passed) == asked
    check_nothing_came_of_it(world, rollout, version)


def test_cut_off_in_the_middle_of_a_write(world, another, wire, in_the_middle):
    """It runs, and knows by its own clock that it may not act any more."""
    rollout = in_the_middle
    wire.cut()
    assert another.ended() == 1
    [fault] = another.faults()
    assert fault.startswith("no longer leading, so this process ends: Lease")
    version = check_taken_over(world, rollout)
    assert wire.let_go() == b"HTTP/1.1 409 Conflict"
    check_nothing_came_of_it(world, rollout, version)


def test_two_share_a_namespace_by_labels(install, another):
    """Each with a Lease of its own; what changes its label changes hands, and nothing else does."""
    world = install()
    world.operator.stop()
    for operator, team in ((world.operator, "a"), (another, "b")):
        operator.arguments += ["--selector", f"team={team}"]
        operator.arguments += ["--leader-elect", "--lease-namespace", world.name]
        operator.start()
    wait_until(lambda: leads(world.operator))
    wait_until(lambda: leads(another))
    ours = world.rollout(spec(mode=holding()), labels={"team": "a"})
    nobodys = world.rollout(spec(), "nobodys")
    ours.reach("Canary", "Judging")
    assert shown(world.operator, ours)
    assert not shown(another, ours)

    ours.patch({"metadata": {"labels": {"team": "b"}}})
    wait_until(lambda: shown(another, ours))
    wait_until(lambda: not shown(world.operator, ours))
    world.operator.stop()
    acts(ours, "to-the-other")
    world.holds(ours, canary_flags=RLM, locks=HELD)
    once_each(world, ours)
    assert nobodys.status["observedGeneration"] == -1
    assert "finalizers" not in nobodys.body["metadata"]
    world.operator.arguments[-5:] = []
    another.kill()
    world.operator.start()
    assert another.faults() == []


def shown(operator, rollout):
    return f'name="{rollout.name}"' in operator.get("/metrics")[1]
