"""Pods that crash or never become ready give no evidence: the change is withdrawn at once."""

import pytest

from integration.harness.phases import holding
from integration.harness.scenarios import faulty, healthy, under_rlm
from integration.harness.specs import EXISTING, FLEET, MANAGED, RLM, canary, spec
from integration.harness.world import HELD
from pecrfleet import Effect, Rule, When

pytestmark = pytest.mark.cluster

MODES = pytest.mark.parametrize(
    "mode", [MANAGED, EXISTING, FLEET], ids=["managed", "existing", "fleet"]
)


def withdrawn(world, rollout, *told):
    """Assert that a change is withdrawn, with the incident open and nothing else left."""
    status = rollout.reach("Fallback", "Idle")
    assert status["fallback"]["withdrawn"]
    assert status["fallback"].get("taken", []) == [], "no step of the order was taken"
    assert status["incident"]["command"] in status["message"]
    world.holds(rollout, locks=rollout.incident, report="Fallback")
    assert world.report(rollout)["recommended_fallback"]["step"] == "withdraw"
    world.told(rollout, "CanaryStarted", *told, "Withdrawn")
    return status


@MODES
def test_a_crash_loop_withdraws(install, mode):
    world = install(under_rlm(crash_after=0.3), existing=1 if mode is EXISTING else 0)
    rollout = world.rollout(spec(mode=holding(mode)))
    status = withdrawn(world, rollout)
    assert "crashed" in status["incident"]["cause"]
    world.scenario(healthy())
    rollout.acknowledge()
    rollout.reach("Canary", "Judging", run=2)
    flags = {
        "canary_flags": RLM if mode is MANAGED else None,
        "existing_flags": RLM if mode is EXISTING else None,
        "fleet_flags": RLM if mode is FLEET else None,
    }
    world.holds(rollout, **flags, locks=HELD, report=("Fallback", 1))


def test_a_crash_loop_of_the_fleet_while_promoting_withdraws(install):
    rule = Rule(When(engine="rlm", deployment="pecr-controller"), Effect(crash_after=0.3))
    world = install(faulty(rule))
    rollout = world.rollout(spec())
    status = withdrawn(world, rollout, "Promoting")
    assert status["fallback"]["scope"] == "Fleet"


def test_one_crash_is_no_crash_loop(install):
    world = install()
    rollout = world.rollout(spec(mode=holding()))
    rollout.reach("Canary", "Judging")
    pods = world.namespace.fleet.pods(world.name)
    pod = next(pod for pod in pods if pod.deployment.endswith("-canary"))
    world.namespace.fleet.restart_container(world.name, pod.name)
    rollout.reach("Canary", "Judging")
    world.holds(rollout, canary_flags=RLM, locks=HELD)


@MODES
def test_never_ready_withdraws_by_the_deadline(install, mode):
    world = install(under_rlm(ready=False), existing=1 if mode is EXISTING else 0)
    rollout = world.rollout(spec(mode=mode) | {"canary": canary(mode, readyWithin="4s")})
    status = withdrawn(world, rollout)
    assert "not ready within 4s" in status["incident"]["cause"]
