"""Recovery needs a person who names the open incident, and then a fresh run. Nothing else."""

import pytest

from integration.harness.lawful import kstatus
from integration.harness.phases import in_fallback, stays
from integration.harness.rollout import arguments, conditions
from integration.harness.scenarios import healthy, violating
from integration.harness.specs import FLEET, RLM, STEP_1, STEP_2, TWO_STEPS, spec
from integration.harness.world import HELD

pytestmark = pytest.mark.cluster


def still_in_fallback(world, rollout, incident, flags=RLM | STEP_1):
    """Assert that an open incident stays, with all that belongs to it."""
    assert rollout.incident == incident
    world.holds(rollout, canary_flags=flags, locks=incident, finalizer=True, report="Fallback")


def test_right_is_followed_by_a_fresh_run_from_the_first_step(install):
    world = install(violating(until=1))
    rollout = world.rollout(spec(mode=TWO_STEPS))
    status = rollout.reach("Fallback", "Judging", taken=1)
    incident = status["incident"]["id"]
    world.scenario(healthy())
    # the very command that the status gives
    world.namespace.kubectl(*arguments(status["incident"]["command"]))
    status = rollout.reach("Canary", "Judging", run=2, step=1)
    assert (status.get("incident"), status.get("fallback")) == (None, None)
    assert status["handled"]["acknowledge"] == incident
    world.holds(rollout, canary_flags=RLM, replicas=1, locks=HELD, report=("Fallback", 1))
    rollout.reach("Canary", "Judging", run=2, step=2)
    rollout.reach("Completed", "Idle", run=2)
    world.holds(rollout, fleet_flags=RLM, report="Completed")
    world.told(
        rollout,
        *("CanaryStarted", "FallbackStep", "Acknowledged"),
        *("CanaryStarted", "StepStarted", "Promoting", "Completed"),
    )


def test_who_it_was_is_recorded(install):
    world = install(violating(until=1))
    rollout = world.rollout(spec())
    rollout.reach("Fallback", "Judging")
    rollout.acknowledge(by="oncall@example.com")
    status = rollout.await_(lambda s: s["run"] == 2)
    assert status["history"][-1]["by"] == "oncall@example.com"
    assert "oncall@example.com" in status["history"][-1]["message"]


def test_in_mode_fleet_what_was_there_before_comes_back_first(install):
    world = install(violating(until=1))
    rollout = world.rollout(spec(mode=FLEET))
    rollout.reach("Fallback", "Judging")
    world.holds_fallback(rollout, fleet_flags=RLM | STEP_1)
    world.scenario(healthy())
    rollout.acknowledge()
    restored = rollout.reach("Canary", "Preparing", run=2)
    assert restored.get("environment", {}) == {}
    rollout.reach("Completed", "Idle", run=2)
    world.holds(rollout, fleet_flags=RLM, report="Completed")


def test_stale_does_nothing(install):
    world = install(violating(until=2))
    rollout = world.rollout(spec())
    first = rollout.reach("Fallback", taken=1)["incident"]["id"]
    rollout.reach("Fallback", "Judging", taken=2)
    second = rollout.incident
    assert first != second, "nobody acknowledges what he has not seen"
    rollout.annotate(acknowledge=first)
    rollout.refused("acknowledge", first)
    stays(rollout, lambda s: s["phase"] == "Fallback" and s["run"] == 1)
    still_in_fallback(world, rollout, second, RLM | STEP_2)
    refusal = next(e for e in world.events(rollout) if e["reason"] == "IntentRefused")
    assert f"--overwrite pecr.dev/acknowledge={second}" in refusal["note"], "what would be right"


def test_replayed_from_the_manifest_closes_no_other_incident(install):
    world = install(violating(until=1))
    manifest = spec()
    rollout = world.rollout(manifest)
    first = rollout.reach("Fallback", "Judging")["incident"]["id"]
    rollout.acknowledge()
    second = rollout.reach("Fallback", "Judging", run=2)["incident"]["id"]
    assert second == f"{rollout.uid[:8]}-2-1"
    rollout.annotate(acknowledge=None)
    rollout.apply(manifest, annotations={"pecr.dev/acknowledge": first})
    stays(rollout, lambda s: s["phase"] == "Fallback" and s["run"] == 2)
    still_in_fallback(world, rollout, second)
    rollout.acknowledge(second)
    rollout.reach("Canary", run=3)


def test_of_another_rollout_does_nothing(install):
    world = install()
    rollout = in_fallback(world)
    incident = rollout.incident
    other = world.rollout(spec(delta={"batchMode": False}), "another")
    other.says("held by rollout rlm-engine", incident)
    other.annotate(acknowledge=incident)
    other.refused("acknowledge", incident)
    stays(rollout, lambda s: s["phase"] == "Fallback")
    still_in_fallback(world, rollout, incident)
    rollout.annotate(acknowledge=f"{other.uid[:8]}-1-1")
    rollout.refused("acknowledge", f"{other.uid[:8]}-1-1")
    still_in_fallback(world, rollout, incident)
    assert other.status["phase"] == "Pending"
    assert other.body["metadata"].get("finalizers") is None


def test_the_same_name_created_again_is_no_way_round(install):
    world = install()
    rollout = in_fallback(world)
    incident = rollout.incident
    rollout.delete()
    rollout.gone()
    world.scenario(healthy())
    assert set(map(incident_on, world.locks().values())) == {incident}
    again = world.rollout(spec())
    assert again.uid != rollout.uid
    status = again.condition("AcknowledgmentRequired")
    assert f"--overwrite pecr.dev/acknowledge={incident}" in status["message"]
    assert kstatus(again.body) == "InProgress"
    again.annotate(acknowledge=f"{again.uid[:8]}-1-1")
    again.refused("acknowledge", f"{again.uid[:8]}-1-1")
    stays(again, lambda s: s["phase"] == "Pending")
    world._check_place("pecr-controller", {})
    again.acknowledge(incident)
    again.reach("Completed", "Idle")
    world.holds(again, fleet_flags=RLM, report="Completed")


def test_an_incident_of_another_name_holds_the_target_too(install):
    world = install()
    rollout = in_fallback(world)
    incident = rollout.incident
    rollout.delete()
    rollout.gone()
    other = world.rollout(spec(delta={"batchMode": False}), "another")
    status = other.condition("AcknowledgmentRequired")
    assert "deleted rollout rlm-engine" in status["message"]
    other.acknowledge(incident)
    other.reach("Canary", "Judging")
    assert conditions(other.status)["AcknowledgmentRequired"]["status"] == "False"


def incident_on(lease):
    """Give the incident that is open on a lock."""
    return lease["metadata"]["annotations"].get("pecr.dev/incident")
