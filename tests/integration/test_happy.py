"""Runs in which nothing goes wrong: all three modes, all three strategies."""

import pytest

from integration.harness.lawful import kstatus
from integration.harness.specs import (
    ADAPTIVE,
    BATCH,
    ENGINE,
    EXISTING,
    FLEET,
    LATENCY,
    MANAGED,
    POLICIES,
    RLM,
    TWO_STEPS,
    spec,
)
from integration.harness.world import HELD

pytestmark = pytest.mark.cluster


def test_managed_in_two_steps(install):
    world = install()
    rollout = world.rollout(spec(mode=TWO_STEPS))
    rollout.reach("Canary", "Judging", step=1)
    world.holds(rollout, canary_flags=RLM, replicas=1, locks=HELD)
    rollout.reach("Canary", "Judging", step=2)
    world.holds(rollout, canary_flags=RLM, replicas=2, locks=HELD)
    rollout.reach("Promoting", "Judging")
    world.holds(rollout, fleet_flags=RLM, canary_flags=RLM, replicas=2, locks=HELD)
    assert kstatus(rollout.body) == "InProgress"
    status = rollout.reach("Completed", "Idle")
    world.holds(rollout, fleet_flags=RLM, report="Completed")
    world.told(rollout, "CanaryStarted", "StepStarted", "Promoting", "Completed")
    assert world.history(rollout) == ["Canary", "Canary", "Promoting", "Completed"]
    assert status["promoted"]
    assert status.get("promotedBy") is None
    assert kstatus(rollout.body) == "Current"


def test_shares_are_rounded_up_and_the_share_of_traffic_is_shown(install):
    world = install(replicas=4)
    steps = [{"cohort": "26%", "hold": "10m"}]
    rollout = world.rollout(spec(mode=MANAGED | {"steps": steps}))
    status = rollout.reach("Canary", "Judging")
    world.holds(rollout, canary_flags=RLM, replicas=2, locks=HELD)
    assert status["cohort"] == "2 of 4 pods, 33% of traffic"


def test_every_flag_is_written_as_the_service_reads_it(install):
    world = install()
    delta = {
        "engine": "rlm",
        "adaptiveParallelism": False,
        "batchMode": False,
        "operatorConcurrencyPolicies": {"search": {"maxInFlight": 4, "fairnessWeight": 2}},
    }
    rollout = world.rollout(spec(delta=delta))
    rollout.reach("Completed", "Idle")
    flags = {
        ENGINE: "rlm",
        ADAPTIVE: "false",
        BATCH: "false",
        POLICIES: '{"search":{"fairness_weight":2,"max_in_flight":4}}',
    }
    world.holds(rollout, fleet_flags=flags, report="Completed")


def test_existing(install):
    world = install(existing=2)
    rollout = world.rollout(spec(mode=EXISTING))
    rollout.reach("Canary", "Judging")
    world.holds(rollout, existing_flags=RLM, locks=HELD)
    rollout.reach("Promoting", "Judging")
    world.holds(rollout, fleet_flags=RLM, existing_flags=RLM, locks=HELD)
    rollout.reach("Completed", "Idle")
    world.holds(rollout, fleet_flags=RLM, existing_flags=RLM, report="Completed")
    world.told(rollout, "CanaryStarted", "Promoting", "Completed")


def test_fleet_goes_straight_to_the_bake(install):
    world = install()
    rollout = world.rollout(spec(mode=FLEET))
    status = rollout.reach("Canary", "Judging")
    world.holds(rollout, fleet_flags=RLM, locks=HELD)
    assert status["cohort"] == "3 of 3 pods, 100% of traffic"
    rollout.reach("Promoting", "Judging")
    pods = {pod.uid for pod in world.namespace.fleet.pods(world.name)}
    rollout.reach("Completed", "Idle")
    world.holds(rollout, fleet_flags=RLM, report="Completed")
    world.told(rollout, "CanaryStarted", "Promoting", "Completed")
    same = {pod.uid for pod in world.namespace.fleet.pods(world.name)}
    assert same == pods, "the same environment never restarts anything"


def test_manual_waits_for_a_person(install):
    world = install()
    rollout = world.rollout(spec(promotion="Manual"))
    status = rollout.says("AwaitingPromotion")
    command = f"kubectl annotate controllerrollout rlm-engine -n {world.name} --overwrite"
    assert f"{command} pecr.dev/promote={rollout.run_id()}" in status["message"]
    world.holds(rollout, canary_flags=RLM, locks=HELD)
    rollout.annotate(promote="yes")
    rollout.refused("promote", "yes")
    rollout.promote(run=7)
    rollout.refused("promote", rollout.run_id(7))
    assert rollout.status["phase"] == "Canary"
    rollout.await_(lambda s: s.get("slo") == "Within")
    rollout.promote()
    decided = rollout.reach("Promoting")
    status = rollout.reach("Completed", "Idle")
    world.holds(rollout, fleet_flags=RLM, report="Completed")
    world.told(rollout, "CanaryStarted", "IntentRefused", "IntentRefused", "Promoting", "Completed")
    promoting = next(entry for entry in status["history"] if entry["phase"] == "Promoting")
    assert promoting["by"] == f"pecr.dev/promote={rollout.run_id(1)}"
    # Where there was evidence nobody had to vouch for it; a scrape may be late just then.
    assert (status.get("promotedBy") is None) == (decided["slo"] == "Within")


def test_a_promotion_in_the_manifest_promotes_nothing(install):
    world = install()
    annotations = {"pecr.dev/promote": "0a1b2c3d-1"}
    rollout = world.rollout(spec(promotion="Manual"), annotations=annotations)
    rollout.refused("promote", "0a1b2c3d-1")
    rollout.says("AwaitingPromotion")
    world.holds(rollout, canary_flags=RLM, locks=HELD)


def test_none_withdraws_the_cohort_after_its_holds(install):
    world = install()
    rollout = world.rollout(spec(promotion="None", slo=LATENCY))
    rollout.reach("Canary", "Judging")
    world.holds(rollout, canary_flags=RLM, locks=HELD)
    status = rollout.reach("Completed", "Idle")
    world.untouched(rollout, report="Completed")
    world.told(rollout, "CanaryStarted", "Completed")
    promoted = next(c for c in status["conditions"] if c["type"] == "Promoted")
    assert promoted["status"] == "False"
    assert kstatus(rollout.body) == "Current"


def test_none_with_an_existing_canary_puts_its_flags_back(install):
    world = install(existing=1)
    rollout = world.rollout(spec(mode=EXISTING, promotion="None"))
    rollout.reach("Canary", "Judging")
    world.holds(rollout, existing_flags=RLM, locks=HELD)
    rollout.reach("Completed", "Idle")
    world.untouched(rollout, report="Completed")


def test_a_new_spec_after_completion_is_a_new_run(install):
    world = install()
    rollout = world.rollout(spec())
    rollout.reach("Completed", "Idle", run=1)
    rollout.change(rollbackOwner={"contact": "#another"})
    rollout.await_(lambda s: s["observedGeneration"] == 2)
    assert rollout.status["run"] == 1, "the owner is no part of a run's identity"
    rollout.change(flagDelta={"adaptiveParallelism": False})
    rollout.reach("Canary", "Judging", run=2)
    world.remember()
    rollout.reach("Completed", "Idle", run=2)
    # what run 1 left is what run 2 began with
    data = world.kube.get("configmaps", "pecr-controller-env")["data"]
    assert (data[ENGINE], data[ADAPTIVE]) == ("rlm", "false")


def test_guard_always_keeps_watching_after_completion(install):
    world = install()
    rollout = world.rollout(spec(promotion={"strategy": "Automatic", "guard": "Always"}))
    rollout.reach("Completed", "Judging")
    world.holds(
        rollout, fleet_flags=RLM, locks=HELD, snapshot=True, finalizer=False, report="Completed"
    )
    assert kstatus(rollout.body) == "Current"
