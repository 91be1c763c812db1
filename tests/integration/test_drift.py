"""Somebody else changes what a run wrote: noticed, shown, and never fought in a loop."""

import pytest

from integration.harness.phases import (
    LONG,
    in_canary,
    in_fallback,
    in_promoting,
    pods,
    set_flags,
    stays,
)
from integration.harness.rollout import conditions
from integration.harness.scenarios import healthy
from integration.harness.specs import (
    ADAPTIVE,
    BATCH,
    CONFIG_MAP,
    DEPLOYMENT,
    ENGINE,
    EXISTING,
    FLEET,
    NEXT_CONFIG_MAP,
    RLM,
    STEP_1,
    spec,
)
from integration.harness.world import CLONE, HELD

pytestmark = pytest.mark.cluster


def data(world, name=CONFIG_MAP):
    return world.kube.get("configmaps", name)["data"]


@pytest.mark.parametrize("mode", [EXISTING, FLEET], ids=["existing", "fleet"])
def test_a_flag_of_the_cohort_is_left_and_stops_progress(install, mode):
    existing = mode is EXISTING
    world = install(existing=1 if existing else 0)
    place = NEXT_CONFIG_MAP if existing else CONFIG_MAP
    rollout = world.rollout(spec(mode=mode, promotion={"strategy": "Manual", "bake": LONG}))
    rollout.reach("Canary", "Judging")
    set_flags(world, place, **{ENGINE: "baseline"})
    status = rollout.condition("Drifted")
    assert ENGINE in status["message"]
    assert "retrieval-oncall" in status["message"], "the owner is named"
    rollout.change(promotion={"strategy": "Automatic"})
    stays(rollout, lambda s: s["phase"] == "Canary")
    assert data(world, place)[ENGINE] == "baseline", "not fought over"
    set_flags(world, place, **{ENGINE: "rlm"})
    rollout.condition("Drifted", "False")
    rollout.reach("Promoting")
    world.holds(rollout, fleet_flags=RLM, existing_flags=RLM if existing else None, locks=HELD)


def test_a_flag_of_the_fleet_beside_a_managed_cohort(install):
    """The baseline is to stay what it was, or the comparison says nothing."""
    world = install()
    rollout = in_canary(world)
    set_flags(world, CONFIG_MAP, **{BATCH: "false"})
    assert BATCH in rollout.condition("Drifted")["message"]
    set_flags(world, CONFIG_MAP, **{BATCH: None})
    rollout.condition("Drifted", "False")
    rollout.reach("Canary", "Judging")
    world.holds(rollout, canary_flags=RLM, locks=HELD)


def test_in_promoting_the_bake_waits(install):
    world = install()
    rollout = in_promoting(world)
    set_flags(world, CONFIG_MAP, **{ENGINE: None})
    rollout.condition("Drifted")
    rollout.change(promotion={"bake": "2s"})
    stays(rollout, lambda s: s["phase"] == "Promoting")
    assert ENGINE not in data(world), "not fought over"
    set_flags(world, CONFIG_MAP, **{ENGINE: "rlm"})
    rollout.reach("Completed", "Idle")
    world.holds(rollout, fleet_flags=RLM, report="Completed")


def test_an_undone_roll_out_is_drift(install):
    world = install()
    rollout = in_promoting(world)
    world.namespace.kubectl("rollout", "undo", f"deployment/{DEPLOYMENT}")
    status = rollout.condition("Drifted")
    assert f"the pod template of Deployment {DEPLOYMENT}" in status["message"]
    stays(rollout, lambda s: s["phase"] == "Promoting", 2)
    world.namespace.kubectl("rollout", "undo", f"deployment/{DEPLOYMENT}")
    rollout.condition("Drifted", "False")
    rollout.reach("Promoting", "Judging")
    world.holds(rollout, fleet_flags=RLM, canary_flags=RLM, locks=HELD)


def test_in_fallback_a_safer_setting_is_put_back_once(install):
    world = install()
    rollout = in_fallback(world, FLEET)
    world.scenario(healthy())
    safer, incident = RLM | STEP_1, rollout.incident
    set_flags(world, CONFIG_MAP, **{ADAPTIVE: "true"})
    rollout.says("put back, once")
    rollout.reach("Fallback", "Judging")
    world.holds(rollout, fleet_flags=safer, locks=incident, finalizer=True, report="Fallback")
    before = pods(world)
    set_flags(world, CONFIG_MAP, **{ADAPTIVE: "true"})
    status = rollout.condition("Drifted")
    assert conditions(status)["Stalled"]["reason"] == "Drifted"
    assert incident in status["message"]
    stays(rollout, lambda s: s["phase"] == "Fallback")
    assert data(world)[ADAPTIVE] == "true", "once is enough"
    set_flags(world, CONFIG_MAP, **{ADAPTIVE: "false"})
    rollout.condition("Drifted", "False")
    world.holds(rollout, fleet_flags=safer, locks=incident, finalizer=True, report="Fallback")
    assert pods(world) == before, "the same environment restarts nothing"
    world.told(rollout, "CanaryStarted", "FallbackStep", "DriftPutBack", "Drifted", "Followed")


def test_in_fallback_an_undone_roll_out_is_put_back_once(install):
    world = install()
    rollout = in_fallback(world, FLEET)
    world.scenario(healthy())
    world.namespace.kubectl("rollout", "undo", f"deployment/{DEPLOYMENT}")
    rollout.says("put back, once")
    rollout.reach("Fallback", "Judging")
    world.holds_fallback(rollout, fleet_flags=RLM | STEP_1)


def test_the_operators_own_cohort_is_put_right(install):
    world = install()
    rollout = in_canary(world)
    world.kube.patch("deployments", CLONE, {"spec": {"replicas": 3}})
    rollout.says("cohort follows")
    rollout.reach("Canary", "Judging")
    world.holds(rollout, canary_flags=RLM, replicas=1, locks=HELD)
    world.kube.delete("deployments", CLONE)
    rollout.says("cohort follows")
    rollout.reach("Canary", "Judging")
    world.holds(rollout, canary_flags=RLM, replicas=1, locks=HELD)
    assert rollout.status["run"] == 1
