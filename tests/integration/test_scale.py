"""The target is scaled by others in the middle; the same environment never restarts a pod."""

import pytest

from integration.harness.phases import (
    holding,
    in_canary,
    in_promoting,
    pods,
    replica_sets,
    stays,
)
from integration.harness.specs import EXISTING, FLEET, NEXT, RLM, spec
from integration.harness.world import CLONE, HELD

pytestmark = pytest.mark.cluster

HALF = {"mode": "Managed", "steps": [{"cohort": "50%", "hold": "10m"}]}


def scale(world, replicas, name="pecr-controller"):
    world.kube.patch("deployments", name, {"spec": {"replicas": replicas}})


def test_a_share_is_of_what_the_target_has(install):
    world = install(replicas=2)
    rollout = in_canary(world, HALF)
    world.holds(rollout, canary_flags=RLM, replicas=1, locks=HELD)
    survivor = pods(world, CLONE)
    scale(world, 4)
    rollout.await_(lambda s: s["step"]["replicas"] == 2)
    status = rollout.reach("Canary", "Judging", run=1)
    assert status["cohort"].startswith("2 of 4 pods")
    world.await_rolled_out("pecr-controller")
    world.remember()
    world.holds(rollout, canary_flags=RLM, replicas=2, locks=HELD)
    assert survivor.items() <= pods(world, CLONE).items(), "it grew, and nothing was restarted"
    scale(world, 2)
    rollout.await_(lambda s: s["step"]["replicas"] == 1)
    rollout.reach("Canary", "Judging", run=1)
    world.await_rolled_out("pecr-controller")
    world.remember()
    world.holds(rollout, canary_flags=RLM, replicas=1, locks=HELD)


def test_a_number_of_pods_stays(install):
    world = install(replicas=2)
    rollout = in_canary(world)
    version = rollout.status["stageSince"]
    scale(world, 3)
    world.await_rolled_out("pecr-controller")
    stays(rollout, lambda s: s["step"]["replicas"] == 1, 2)
    assert rollout.status["stageSince"] == version
    world.remember()
    world.holds(rollout, canary_flags=RLM, replicas=1, locks=HELD)


def test_while_promoting_and_of_an_existing_canary(install):
    world = install(replicas=2, existing=1)
    rollout = in_promoting(world, EXISTING)
    scale(world, 4)
    scale(world, 2, NEXT)
    for name in ("pecr-controller", NEXT):
        world.await_rolled_out(name)
    rollout.change(promotion={"bake": "2s"})
    rollout.reach("Completed", "Idle")
    for name in ("pecr-controller", NEXT):
        assert len(pods(world, name)) == (4 if name != NEXT else 2)
        assert len(replica_sets(world, name)) == 2, "one template before, one with the delta"


@pytest.mark.parametrize("mode", [FLEET, EXISTING], ids=["fleet", "existing"])
def test_what_runs_already_is_not_restarted(install, mode):
    world = install(existing=1 if mode is EXISTING else 0)
    rollout = world.rollout(spec(mode=holding(mode, "2s"), promotion={"bake": "2s"}))
    rollout.reach("Completed", "Idle")
    before = pods(world), pods(world, NEXT)
    sets = replica_sets(world) | replica_sets(world, NEXT)
    # asked for again under another envelope: a new run, in which no environment would be new
    rollout.change(slo={"minRequests": 30})
    status = rollout.says("changes nothing")
    assert (status["phase"], status["run"]) == ("Pending", 2)
    stays(rollout, lambda s: s["phase"] == "Pending", 2)
    assert (pods(world), pods(world, NEXT)) == before, rollout.story()
    assert replica_sets(world) | replica_sets(world, NEXT) == sets
