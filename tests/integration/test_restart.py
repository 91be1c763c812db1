"""The operator is killed in the middle: the same verdicts, no step twice, nothing lost."""

import os
import signal as signals
import time
from collections import Counter
from datetime import datetime

import pytest

from integration.harness.phases import LONG, holding, in_fallback, signal
from integration.harness.scenarios import healthy, violating
from integration.harness.specs import (
    EXISTING,
    FLEET,
    HOLD,
    MANAGED,
    ORDER,
    RLM,
    STEP_3,
    TWO_STEPS,
    spec,
)
from integration.harness.waiting import PATIENCE, wait_until
from integration.harness.world import HELD

pytestmark = pytest.mark.cluster


def killed_at_each_stage(world, rollout, done, within=2 * PATIENCE):
    """Kill the operator whenever something new is recorded, until `done`; give what was seen."""
    seen, deadline = [], time.monotonic() + within
    while not done(status := rollout.status):
        assert time.monotonic() < deadline, rollout.story()
        taken = len((status.get("fallback") or {}).get("taken", []))
        index = (status.get("step") or {}).get("index")
        now = (
            (status["run"], status["phase"], status["stage"], index, taken)
            if status.get("run")
            else ()
        )
        if now and now not in seen:
            seen.append(now)
            world.operator.restart()
        time.sleep(0.02)
    return seen


def once_each(world, rollout):
    """Assert that no transition was told twice, and that nothing is left to be told."""
    names = Counter(event["metadata"]["name"] for event in world.events(rollout))
    notes = Counter(event["note"] for event in world.events(rollout))
    assert max(names.values()) == 1
    assert max(notes.values()) == 1, notes
    wait_until(lambda: not rollout.status["outbox"], explain=lambda: str(rollout.status["outbox"]))


def test_a_whole_run(install):
    world = install()
    rollout = world.rollout(spec(mode=TWO_STEPS, promotion={"bake": "2s"}))
    seen = killed_at_each_stage(world, rollout, lambda s: s.get("stage") == "Idle")
    stages = {(phase, stage) for _, phase, stage, _, _ in seen}
    assert stages >= {("Canary", "Judging"), ("Promoting", "Judging")}, seen
    world.holds(rollout, fleet_flags=RLM, report="Completed")
    assert world.history(rollout) == ["Canary", "Canary", "Promoting", "Completed"]
    assert rollout.status["run"] == 1
    world.told(rollout, "CanaryStarted", "StepStarted", "Promoting", "Completed")
    once_each(world, rollout)


@pytest.mark.parametrize("mode", [FLEET, EXISTING], ids=["fleet", "existing"])
def test_a_whole_fallback_and_the_recovery(install, mode):
    world = install(violating(until=3), existing=1 if mode is EXISTING else 0)
    rollout = world.rollout(spec(mode=holding(mode, HOLD)))
    flags = "existing_flags" if mode is EXISTING else "fleet_flags"

    def safest(status):
        return len((status.get("fallback") or {}).get("taken", [])) == 3

    killed_at_each_stage(world, rollout, safest)
    status = rollout.reach("Fallback", "Judging", taken=3)
    assert status["fallback"]["taken"] == list(ORDER)
    assert status["incident"]["number"] == 3
    assert world.history(rollout) == ["Canary", "Fallback", "Fallback", "Fallback"]
    incident = rollout.incident
    world.holds(rollout, locks=incident, finalizer=True, report="Fallback", **{flags: RLM | STEP_3})
    world.scenario(healthy())
    world.operator.kill()
    rollout.acknowledge(incident)
    rollout.change(canary={"steps": holding(mode)["steps"]})
    world.operator.start()
    killed_at_each_stage(
        world, rollout, lambda s: (s["run"], s["phase"], s["stage"]) == (2, "Canary", "Judging")
    )
    world.holds(rollout, locks=HELD, report=("Fallback", 1), **{flags: RLM})
    once_each(world, rollout)


def test_since_when_it_is_bad_is_read_from_prometheus(install):
    world = install(violating(until=1))
    slo = {"sustainedFor": "8s", "budgetViolationRate": {"maxIncrease": 0.1}}
    rollout = world.rollout(spec(mode=holding(MANAGED), slo=slo))
    before = rollout.await_(lambda s: signal(s).get("since"))
    world.operator.restart()
    status = rollout.reach("Fallback", taken=1)
    assert signal(status)["since"] == signal(before)["since"]
    bad = datetime.fromisoformat(signal(before)["since"])
    opened = datetime.fromisoformat(status["incident"]["openedAt"])
    window = datetime.fromtimestamp(before["window"]["since"], tz=bad.tzinfo)
    assert (opened - bad).total_seconds() >= 8, "not before it was sustained"
    assert window <= bad


def test_in_completed_and_aborted_nothing_happens_again(install):
    world = install()
    rollout = in_fallback(world, promotion={"bake": LONG})
    rollout.abort()
    rollout.reach("Aborted", "Idle")
    version = rollout.body["metadata"]["resourceVersion"]
    for _ in range(2):
        world.operator.restart()
        time.sleep(1.5)  # a reconcile of everything follows a start
    assert rollout.body["metadata"]["resourceVersion"] == version
    world.holds(rollout, locks=rollout.incident, snapshot=True, finalizer=False, report="Aborted")


def test_told_to_stop_again_and_again_it_stops_once(install):
    """Who presses Ctrl-C twice reads no traceback; the last one may find it at its very end."""
    operator, deadline = install().operator, time.monotonic() + PATIENCE
    while not operator.zombie:
        assert time.monotonic() < deadline, operator.tail()
        os.kill(operator.pid, signals.SIGTERM)
        time.sleep(0.002)
    assert operator.ended() in {0, -signals.SIGTERM}
    assert operator.faults() == []
