"""Deletion in each phase: restored or retained, and nothing is ever wedged."""

import pytest

from integration.harness.phases import (
    holding,
    in_canary,
    in_fallback,
    in_promoting,
    left,
    stays,
)
from integration.harness.scenarios import healthy
from integration.harness.specs import EXISTING, FLEET, MANAGED, RLM, STEP_1, spec
from integration.harness.world import HELD

pytestmark = pytest.mark.cluster

BOTH = pytest.mark.parametrize("on_delete", ["Restore", "Retain"])


def kept(on_delete, flags):
    return flags if on_delete == "Retain" else None


@BOTH
def test_in_canary_on_the_users_own(install, on_delete):
    world = install(existing=1)
    rollout = in_canary(world, EXISTING, onDelete=on_delete)
    world.holds(rollout, existing_flags=RLM, locks=HELD)
    rollout.delete()
    rollout.gone()
    left(world, existing_flags=kept(on_delete, RLM))


@BOTH
def test_in_promoting(install, on_delete):
    """The cohort is the operator's own and goes; what the fleet was given is restored or stays."""
    world = install()
    rollout = in_promoting(world, onDelete=on_delete)
    world.holds(rollout, fleet_flags=RLM, canary_flags=RLM, locks=HELD)
    rollout.delete()
    rollout.gone()
    left(world, fleet_flags=kept(on_delete, RLM))


@BOTH
def test_in_fallback_of_the_whole_fleet(install, on_delete):
    world = install()
    rollout = in_fallback(world, FLEET, onDelete=on_delete)
    incident = rollout.incident
    rollout.delete()
    rollout.gone()
    left(world, fleet_flags=kept(on_delete, RLM | STEP_1), incident=incident)


def test_while_the_fleet_rolls_and_the_operator_is_down(install):
    world = install()
    rollout = world.rollout(spec(mode=holding(MANAGED, "2s")))
    rollout.reach("Promoting", "RollingOut")
    world.operator.kill()
    rollout.delete()
    assert "deletionTimestamp" in rollout.body["metadata"], "it waits until all is put back"
    world.operator.start()
    rollout.gone()
    left(world)


def test_what_is_not_begun_or_over_needs_no_operator(install):
    """Finished and pending rollouts never wedge an uninstall."""
    world = install()
    rollout = world.rollout(spec(mode=holding(MANAGED), suspend=True))
    rollout.says("Suspended")
    world.operator.kill()
    rollout.delete()
    rollout.gone()
    world.operator.start()
    rollout = in_canary(world)
    rollout.abort()
    rollout.reach("Aborted", "Idle")
    world.operator.kill()
    rollout.delete()
    rollout.gone()
    world.operator.start()
    left(world)
    rollout = world.rollout(spec(mode=holding(MANAGED, "2s"), promotion={"bake": "2s"}))
    rollout.reach("Completed", "Idle")
    world.operator.kill()
    rollout.delete()
    rollout.gone()
    world.operator.start()
    left(world, fleet_flags=RLM)


def test_creating_it_again_is_no_way_round_an_incident(install):
    world = install()
    old = in_fallback(world)
    incident = old.incident
    old.delete()
    old.gone()
    left(world, incident=incident)
    world.scenario(healthy())
    new = world.rollout(spec(mode=holding(MANAGED)))
    status = new.condition("AcknowledgmentRequired")
    assert status["phase"] == "Pending"
    assert f"pecr.dev/acknowledge={incident}" in status["message"], "the exact command"
    new.acknowledge(f"{new.uid[:8]}-1-1")
    new.refused("acknowledge", f"{new.uid[:8]}-1-1")
    stays(new, lambda s: s["phase"] == "Pending")
    new.acknowledge(incident)
    new.reach("Canary", "Judging", run=1)
    world.holds(new, canary_flags=RLM, locks=HELD)


def test_an_aborted_rollouts_incident_outlives_it(install):
    world = install()
    old = in_fallback(world)
    incident = old.incident
    old.abort()
    old.reach("Aborted", "Idle")
    old.delete()
    old.gone()
    left(world, incident=incident)
    new = world.rollout(spec(mode=holding(MANAGED)), "another-name")
    status = new.condition("AcknowledgmentRequired")
    assert incident in status["message"]
    stays(new, lambda s: s["phase"] == "Pending", 2)
