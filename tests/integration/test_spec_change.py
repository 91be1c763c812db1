"""A changed spec in each phase: never mixed settings, never a way round an incident."""

import pytest

from integration.harness.phases import (
    holding,
    in_canary,
    in_fallback,
    in_promoting,
    pods,
    replica_sets,
    stays,
)
from integration.harness.scenarios import healthy
from integration.harness.specs import ADAPTIVE, BATCH, MANAGED, RLM, spec
from integration.harness.world import HELD
from pecrfleet.kube import KubeError

pytestmark = pytest.mark.cluster

OTHER = {"engine": "rlm", "batchMode": False}
OTHER_FLAGS = RLM | {BATCH: "false"}
QUICK = holding(MANAGED, "2s")


def test_in_pending_the_new_spec_runs(install):
    world = install()
    rollout = world.rollout(spec(mode=holding(MANAGED), suspend=True))
    rollout.says("Suspended")
    rollout.change(flagDelta=OTHER)
    rollout.await_(lambda s: s["observedGeneration"] == rollout.body["metadata"]["generation"])
    rollout.change(suspend=False)
    status = rollout.reach("Canary", "Judging")
    assert status["run"] == 1
    world.holds(rollout, canary_flags=OTHER_FLAGS, locks=HELD)


def test_in_canary_it_restores_and_starts_anew(install):
    world = install()
    rollout = in_canary(world)
    before = pods(world)
    with pytest.raises(KubeError, match="cannot be changed in the middle of a run"):
        rollout.change(target={"configMap": "another"})
    with pytest.raises(KubeError, match="cannot be changed in the middle of a run"):
        rollout.change(canary=spec(mode={"mode": "Fleet", "steps": [{"hold": "2s"}]})["canary"])
    rollout.change(flagDelta=OTHER)
    rollout.reach("Canary", "Restoring", run=2)
    rollout.reach("Canary", "Preparing", run=2)
    status = rollout.reach("Canary", "Judging", run=2, step=1)
    assert status["handled"].get("refused", []) == []
    world.holds(rollout, canary_flags=OTHER_FLAGS, locks=HELD)
    world.told(rollout, "CanaryStarted", "SpecChanged", "CanaryStarted")
    assert pods(world) == before, "the fleet was not touched"


def test_what_is_no_part_of_a_run_applies_at_once(install):
    world = install()
    rollout = world.rollout(spec(mode=QUICK, promotion="Manual"))
    rollout.says("AwaitingPromotion")
    before = pods(world, "pecr-controller-canary")
    owner = spec()["rollbackOwner"] | {"name": "night-shift"}
    rollout.change(rollbackOwner=owner, promotion={"strategy": "Automatic"})
    status = rollout.reach("Promoting")
    assert status["run"] == 1
    assert pods(world, "pecr-controller-canary") == before
    world.told(rollout, "CanaryStarted", "Promoting")


def test_in_promoting_the_fleet_is_restored_first(install):
    world = install()
    rollout = in_promoting(world)
    rollout.change(flagDelta=OTHER, canary=spec(mode=holding(MANAGED))["canary"])
    rollout.reach("Canary", "RollingBack", run=2)
    status = rollout.reach("Canary", "Judging", run=2, step=1)
    assert not status["promoted"]
    world.holds(rollout, canary_flags=OTHER_FLAGS, locks=HELD)
    assert len(replica_sets(world)) == 2, "what was before came back as the very same template"


def test_in_fallback_it_waits_for_the_acknowledgement(install):
    world = install()
    rollout = in_fallback(world)
    incident = rollout.incident
    world.scenario(healthy())
    rollout.change(flagDelta=OTHER, canary=spec(mode=holding(MANAGED))["canary"])
    stays(rollout, lambda s: (s["phase"], s["run"]) == ("Fallback", 1))
    world.holds(
        rollout,
        canary_flags=RLM | {ADAPTIVE: "false"},
        locks=incident,
        finalizer=True,
        report="Fallback",
    )
    rollout.acknowledge(incident)
    rollout.reach("Pending", run=2)
    rollout.reach("Canary", "Judging", run=2, step=1)
    world.holds(rollout, canary_flags=OTHER_FLAGS, locks=HELD, report=("Fallback", 1))


def test_in_completed_another_run_starts_from_what_is_there(install):
    world = install()
    rollout = world.rollout(spec(mode=QUICK, promotion={"bake": "2s"}))
    rollout.reach("Completed", "Idle")
    world.holds(rollout, fleet_flags=RLM, report="Completed")
    rollout.change(flagDelta={"engine": "rlm"}, rollbackOwner=spec()["rollbackOwner"])
    stays(rollout, lambda s: (s["phase"], s["run"]) == ("Completed", 1), 2)
    world.remember()
    rollout.change(flagDelta=OTHER, canary=spec(mode=holding(MANAGED))["canary"])
    rollout.reach("Pending", run=2)
    status = rollout.reach("Canary", "Judging", run=2)
    assert not status["promoted"]
    rollout.abort()
    rollout.reach("Aborted", "Idle")


def test_in_aborted_another_run_starts(install):
    world = install()
    rollout = in_canary(world)
    rollout.abort()
    rollout.reach("Aborted", "Idle")
    world.untouched(rollout, report="Aborted")
    rollout.change(flagDelta=OTHER)
    rollout.reach("Canary", "Judging", run=2)
    world.holds(rollout, canary_flags=OTHER_FLAGS, locks=HELD, report=("Aborted", 1))
