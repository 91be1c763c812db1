"""Suspending stops progress, never a fallback."""

import pytest

from integration.harness.phases import holding, in_fallback, in_promoting, signal, stays
from integration.harness.scenarios import healthy, violating
from integration.harness.specs import MANAGED, RLM, STEP_1, STEP_2, spec
from integration.harness.world import HELD

pytestmark = pytest.mark.cluster


def test_in_pending_nothing_starts(install):
    world = install()
    rollout = world.rollout(spec(mode=holding(MANAGED), suspend=True))
    rollout.says("Suspended", "nothing is changed")
    stays(rollout, lambda s: s["phase"] == "Pending")
    world.untouched(rollout)
    rollout.change(suspend=False)
    rollout.reach("Canary", "Judging", run=1)
    world.holds(rollout, canary_flags=RLM, locks=HELD)


def test_in_canary_no_step_is_taken_but_a_breach_is_answered(install):
    world = install()
    rollout = world.rollout(spec(promotion="Manual"))
    rollout.reach("Canary", "Judging")
    rollout.change(suspend=True, promotion={"strategy": "Automatic"})
    rollout.await_(lambda s: s["slo"] == "Within", what="the hold is over")
    stays(rollout, lambda s: s["phase"] == "Canary")
    assert "Suspended" in rollout.status["message"]
    world.scenario(violating(until=1))
    rollout.reach("Fallback", "Judging", taken=1)
    world.holds_fallback(rollout, canary_flags=RLM | STEP_1)


def test_in_fallback_no_recovery_but_the_next_step(install):
    world = install()
    rollout = in_fallback(world, promotion="Manual")
    first = rollout.incident
    rollout.change(suspend=True)
    rollout.acknowledge(first)
    stays(rollout, lambda s: (s["phase"], s["run"]) == ("Fallback", 1))
    world.scenario(violating(until=2))
    status = rollout.reach("Fallback", "Judging", taken=2)
    assert status["incident"]["number"] == 2
    world.holds_fallback(rollout, canary_flags=RLM | STEP_2)
    world.scenario(healthy())
    rollout.acknowledge()
    stays(rollout, lambda s: (s["phase"], s["run"]) == ("Fallback", 1))
    rollout.change(suspend=False)
    rollout.reach("Canary", "Judging", run=2)
    world.holds(rollout, canary_flags=RLM, locks=HELD, report=("Fallback", 1))


def test_in_promoting_the_bake_does_not_end_but_a_breach_is_answered(install):
    world = install()
    rollout = in_promoting(world)
    rollout.change(suspend=True, promotion={"bake": "2s"})
    rollout.await_(lambda s: signal(s).get("verdict") == "Within", what="the bake is over")
    stays(rollout, lambda s: s["phase"] == "Promoting")
    world.scenario(violating(until=1))
    status = rollout.reach("Fallback", "Judging", taken=1)
    assert status["fallback"]["scope"] == "Fleet"
    flags = RLM | STEP_1
    world.holds_fallback(rollout, fleet_flags=flags, canary_flags=flags)


def test_a_guarded_fleet_is_guarded_while_suspended(install):
    world = install()
    promotion = {"bake": "2s", "guard": "Always"}
    rollout = world.rollout(spec(mode=holding(MANAGED, "2s"), promotion=promotion))
    rollout.reach("Completed", "Judging")
    rollout.change(suspend=True)
    rollout.says("guarded")
    world.scenario(violating(until=1))
    rollout.reach("Fallback", "Judging", taken=1)
    world.holds(
        rollout, fleet_flags=RLM | STEP_1, locks=rollout.incident, finalizer=True, report="Fallback"
    )
