"""The fallback order: one step, a fresh window, the next only if the breach persists."""

import pytest

from integration.harness.lawful import kstatus
from integration.harness.rollout import conditions
from integration.harness.scenarios import faulty, healthy, under_rlm, violating
from integration.harness.specs import (
    ADAPTIVE,
    BATCH,
    ENGINE,
    EXISTING,
    FLEET,
    ORDER,
    RLM,
    STEP_1,
    STEP_2,
    STEP_3,
    spec,
)
from integration.harness.world import HELD
from pecrfleet import SAFE_ENVIRONMENT, Effect, Rule, When

pytestmark = pytest.mark.cluster

STEPS = {1: STEP_1, 2: STEP_2, 3: STEP_3}
NEVER_CURED = faulty(
    Rule(When(labels={"pecr.dev/cohort": "canary"}), Effect(violation_rate=0.5)),
)


def rests_after(rollout, steps):
    """Wait until so many steps were taken and the breach is over."""
    status = rollout.reach("Fallback", "Judging", taken=steps)
    rollout.condition("SLOMet")
    assert rollout.status["fallback"]["taken"] == list(ORDER[:steps])
    return status


@pytest.mark.parametrize("steps", [2, 3])
def test_managed_until_it_is_cured(install, steps):
    world = install(violating(until=steps))
    rollout = world.rollout(spec())
    rests_after(rollout, steps)
    incident = rollout.incident
    assert incident == f"{rollout.uid[:8]}-1-{steps}", "every step has an incident id of its own"
    world.holds(
        rollout,
        canary_flags=RLM | STEPS[steps],
        locks=incident,
        finalizer=True,
        report="Fallback",
    )
    world.told(rollout, "CanaryStarted", *["FallbackStep"] * steps)
    assert kstatus(rollout.body) == "Failed"
    report = world.report(rollout)
    assert report["recommended_fallback"]["step"] == ORDER[steps - 1]


def test_existing(install):
    world = install(violating(until=2), existing=1)
    rollout = world.rollout(spec(mode=EXISTING))
    rests_after(rollout, 2)
    world.holds_fallback(rollout, existing_flags=RLM | STEP_2)


def test_fleet_is_compared_with_what_it_did_before(install):
    world = install(violating(until=2))
    rollout = world.rollout(spec(mode=FLEET))
    rests_after(rollout, 2)
    assert rollout.status["fallback"]["scope"] == "Fleet"
    world.holds_fallback(rollout, fleet_flags=RLM | STEP_2)


def test_while_promoting_the_whole_fleet_falls_back(install):
    world = install()
    rollout = world.rollout(spec(promotion={"bake": "10m"}))
    rollout.reach("Promoting", "Judging")
    world.scenario(violating(until=1))
    rests_after(rollout, 1)
    assert rollout.status["fallback"]["scope"] == "Fleet"
    flags = RLM | STEP_1
    world.holds_fallback(rollout, fleet_flags=flags, canary_flags=flags)
    world.told(rollout, "CanaryStarted", "Promoting", "FallbackStep")


def test_after_completion_a_guarded_fleet_falls_back(install):
    world = install()
    rollout = world.rollout(spec(promotion={"guard": "Always"}))
    rollout.reach("Completed", "Judging")
    world.scenario(violating(until=1))
    rests_after(rollout, 1)
    world.holds_fallback(rollout, fleet_flags=RLM | STEP_1)
    world.told(rollout, "CanaryStarted", "Promoting", "Completed", "FallbackStep")
    rollout.abort()
    rollout.reach("Aborted", "Idle")
    world.holds(rollout, locks=rollout.incident, report="Aborted")


@pytest.mark.parametrize(
    ("delta", "flags", "scenario", "taken"),
    [
        pytest.param(
            {"engine": "rlm", "adaptiveParallelism": False},
            RLM | {ADAPTIVE: "false"} | {BATCH: "false"},
            faulty(Rule(When(engine="rlm", batch_mode=True), Effect(violation_rate=0.5))),
            ["disable_batch_mode"],
            id="the first, by the delta",
        ),
        pytest.param(
            {"engine": "rlm", "adaptiveParallelism": False, "batchMode": False},
            STEP_3,
            under_rlm(violation_rate=0.5),
            ["switch_engine_to_baseline"],
            id="two, by the delta",
        ),
        pytest.param(
            {"engine": "rlm", "batchMode": False},
            RLM | STEP_2 | {ENGINE: "baseline"},
            under_rlm(violation_rate=0.5),
            ["disable_adaptive_parallelism", "switch_engine_to_baseline"],
            id="the one in the middle",
        ),
    ],
)
def test_a_flag_at_its_safe_value_is_skipped(install, delta, flags, scenario, taken):
    world = install(scenario)
    rollout = world.rollout(spec(delta=delta))
    rollout.reach("Fallback", "Judging", taken=len(taken))
    rollout.condition("SLOMet")
    assert rollout.status["fallback"]["taken"] == taken
    world.holds_fallback(rollout, canary_flags=flags)


def test_a_flag_that_the_fleet_has_at_its_safe_value_is_skipped(install):
    world = install(
        faulty(Rule(When(engine="rlm", batch_mode=True), Effect(violation_rate=0.5))),
        env=dict(SAFE_ENVIRONMENT) | {ADAPTIVE: "false"},
    )
    target = {"deployment": "pecr-controller", "configMap": "pecr-controller-env"}
    rollout = world.rollout(spec(target=target | {"conflicts": "Take"}))
    rollout.reach("Fallback", "Judging", taken=1)
    rollout.condition("SLOMet")
    assert rollout.status["fallback"]["taken"] == ["disable_batch_mode"]
    world.holds_fallback(rollout, canary_flags=RLM | {BATCH: "false"})


def test_exhausted_and_held(install):
    world = install(NEVER_CURED)
    rollout = world.rollout(spec())
    status = rollout.condition("Escalated", within=120)
    assert status["fallback"]["taken"] == list(ORDER)
    assert "retrieval-oncall (#retrieval-oncall)" in status["message"]
    rollout.reach("Fallback", "Judging")
    assert rollout.incident == f"{rollout.uid[:8]}-1-4"
    world.holds_fallback(rollout, canary_flags=RLM | STEP_3)
    world.told(rollout, "CanaryStarted", *["FallbackStep"] * 3, "Escalated")
    rollout.condition("SLOMet", "False")
    assert rollout.incident.endswith("-1-4"), "escalated once, not again and again"


def test_exhausted_and_withdrawn(install):
    world = install(NEVER_CURED)
    rollout = world.rollout(spec(fallback={"onExhausted": "Withdraw"}))
    rollout.condition("Escalated", within=120)
    status = rollout.reach("Fallback", "Idle")
    assert status["fallback"]["withdrawn"]
    assert conditions(status)["FallbackActive"]["reason"] == "Withdrawn"
    world.holds(rollout, locks=rollout.incident, report="Fallback")
    world.told(rollout, "CanaryStarted", *["FallbackStep"] * 3, "Escalated")
    world.scenario(healthy())
    rollout.acknowledge()
    rollout.reach("Canary", "Judging", run=2)
    world.holds(rollout, canary_flags=RLM, locks=HELD, report=("Fallback", 1))
