"""A person ends a run, in each phase; an incident that is open stays open."""

import pytest

from integration.harness.lawful import kstatus
from integration.harness.phases import in_canary, in_fallback, in_promoting, stays
from integration.harness.scenarios import healthy
from integration.harness.specs import EXISTING, FLEET, MANAGED, RLM, spec
from integration.harness.world import HELD

pytestmark = pytest.mark.cluster

MODES = pytest.mark.parametrize(
    "mode", [MANAGED, EXISTING, FLEET], ids=["managed", "existing", "fleet"]
)


@MODES
def test_in_the_canary(install, mode):
    world = install(existing=1 if mode is EXISTING else 0)
    rollout = in_canary(world, mode)
    rollout.abort()
    status = rollout.reach("Aborted", "Idle")
    world.untouched(rollout, report="Aborted")
    world.told(rollout, "CanaryStarted", "Aborted")
    assert status.get("incident") is None
    assert status["history"][-1]["by"] == f"pecr.dev/abort={rollout.run_id(1)}"
    assert kstatus(rollout.body) == "Failed"
    stays(rollout, lambda s: s["phase"] == "Aborted")


def test_while_promoting(install):
    world = install()
    rollout = in_promoting(world)
    rollout.abort()
    rollout.reach("Aborted", "Idle")
    world.untouched(rollout, report="Aborted")
    world.told(rollout, "CanaryStarted", "Promoting", "Aborted")


@MODES
def test_in_a_fallback_the_incident_stays_open(install, mode):
    world = install(existing=1 if mode is EXISTING else 0)
    rollout = in_fallback(world, mode)
    incident = rollout.incident
    rollout.abort()
    status = rollout.reach("Aborted", "Idle")
    assert status["incident"]["id"] == incident
    assert incident in status["message"]
    world.holds(rollout, locks=incident, report="Aborted")
    # neither another abort nor a new spec starts a run
    world.scenario(healthy())
    rollout.change(flagDelta={"batchMode": False})
    rollout.await_(lambda s: s["observedGeneration"] == 2)
    stays(rollout, lambda s: s["phase"] == "Aborted" and s["incident"]["id"] == incident)
    rollout.change(flagDelta={"batchMode": None})
    rollout.acknowledge()
    rollout.reach("Canary", "Judging", run=2)
    flags = {
        "canary_flags": RLM if mode is MANAGED else None,
        "existing_flags": RLM if mode is EXISTING else None,
        "fleet_flags": RLM if mode is FLEET else None,
    }
    world.holds(rollout, **flags, locks=HELD, report=("Aborted", 1))


def test_before_the_start_and_after_the_end_there_is_nothing_to_abort(install):
    world = install()
    rollout = world.rollout(spec(suspend=True))
    rollout.says("Suspended")
    rollout.annotate(abort=f"{rollout.uid[:8]}-1")
    rollout.refused("abort", f"{rollout.uid[:8]}-1")
    world.untouched(rollout)
    rollout.annotate(abort=None)
    rollout.change(suspend=False)
    rollout.reach("Completed", "Idle")
    rollout.annotate(abort=f"{rollout.uid[:8]}-9")
    rollout.refused("abort", f"{rollout.uid[:8]}-9")
    assert rollout.status["phase"] == "Completed"
    world.holds(rollout, fleet_flags=RLM, report="Completed")


def test_of_another_run_does_nothing(install):
    world = install()
    rollout = in_canary(world)
    rollout.abort(run=2)
    rollout.refused("abort", rollout.run_id(2))
    stays(rollout, lambda s: s["phase"] == "Canary")
    world.holds(rollout, canary_flags=RLM, locks=HELD)


def test_a_new_spec_after_an_abort_is_a_new_run(install):
    world = install()
    rollout = in_canary(world)
    rollout.abort()
    rollout.reach("Aborted", "Idle")
    rollout.change(canary={"steps": [{"cohort": 1, "hold": "2s"}]})
    rollout.reach("Completed", "Idle", run=2)
    world.holds(rollout, fleet_flags=RLM, report="Completed")
