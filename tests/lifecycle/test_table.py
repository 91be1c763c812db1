"""The rows of the design's transition table, one by one."""

import pytest

from lifecycle.words import (
    ADAPTIVE,
    BATCH,
    BEFORE,
    ENGINE,
    EXISTING,
    FLEET,
    MODES,
    ONE_STEP,
    POLICIES,
)
from lifecycle.world import World
from pecr_rollout.api.status import Phase, Stage
from pecr_rollout.lifecycle import actions
from pecr_rollout.lifecycle.table import TABLE

DELTA = {ENGINE: "rlm"}
EVERY = pytest.mark.parametrize("mode", sorted(MODES))


def judging(mode: str = "Managed", *more, **world) -> World:
    """A rollout whose first step is being judged."""
    return World(**world).apply(changes=(MODES[mode], *more)).to_stage(Phase.CANARY, Stage.JUDGING)


def promoting(mode: str = "Managed", *more, **world) -> World:
    made = World(**world).apply(changes=(MODES[mode], *more))
    return made.until_phase(Phase.PROMOTING, Stage.JUDGING)


def in_fallback(mode: str = "Managed", *more, **world) -> World:
    """A rollout whose first fallback step is in force."""
    made = judging(mode, *more, **world)
    made.mood = "bad"
    made.until_phase(Phase.FALLBACK)
    made.mood = "good"
    return made.until_phase(Phase.FALLBACK, Stage.JUDGING)


def uid(world: World, name: str = "demo") -> str:
    return world.rollouts[name]["metadata"]["uid"]


def owned(world: World, name: str = "demo") -> list[str]:
    return world.left_behind(uid(world, name))


# Pending


def test_a_start_takes_finalizer_locks_and_snapshot_before_anything_is_written():
    world = World().apply()
    world.to_stage(Phase.CANARY, Stage.WRITING)
    kinds = [type(action) for _, action in world.log]
    # the finalizer's write is seen as a conflict, so what follows it is done again
    assert kinds[0] is actions.AddFinalizer
    assert set(kinds) == {actions.AddFinalizer, actions.AcquireLocks, actions.TakeSnapshot}
    assert world.clone() is None
    assert world.flags() == BEFORE
    status = world.status()
    assert (status.run, status.step.index, status.step.of, status.step.replicas) == (1, 1, 2, 1)
    assert status.environment == DELTA


def test_a_failed_preflight_is_named_and_leaves_nothing():
    world = World(errors=("FlagShadowed",)).apply().wait(2)
    status = world.status()
    assert status.phase is Phase.PENDING
    assert "FlagShadowed is wrong; put it right." in status.message
    assert owned(world) == []
    world.errors = ()
    world.until_phase(Phase.CANARY)


def test_preflight_fails_before_a_fresh_run_and_nothing_wedges_an_uninstall():
    world = in_fallback()
    world.errors = ("NoTraffic",)
    world.acknowledge().until_phase(Phase.PENDING, Stage.PREPARING).wait(1)
    assert owned(world) == ["snapshot"]
    world.delete()
    assert not world.rollouts


def test_a_lock_that_is_held_is_waited_for():
    world = World().apply("first").settle().apply("second").wait(2)
    assert world.status("second").phase is Phase.PENDING
    assert "held by rollout first" in world.status("second").message
    assert owned(world, "second") == []
    world.until_phase(Phase.CANARY, name="second")
    assert world.status("first").phase is Phase.COMPLETED


def test_suspended_before_the_start():
    world = World().apply(changes=({"suspend": True},)).wait(5)
    assert world.status().phase is Phase.PENDING
    assert world.preflights == 0
    assert owned(world) == []
    world.edit().until_phase(Phase.CANARY)


@pytest.mark.parametrize("fate", ["noroom", "noroom-stuck"])
def test_no_room_for_the_first_cohort_is_nobodys_fault(fate):
    world = World(fate=fate).apply().to_stage(Phase.PENDING, Stage.RESTORING)
    world.errors = ("NoRoom",)
    world.settle()
    status = world.status()
    assert (status.phase, status.incident) == (Phase.PENDING, None)
    assert world.clone() is None
    assert owned(world) == ["snapshot"]
    world.errors, world.fate = (), "ok"
    world.until_phase(Phase.COMPLETED)
    assert world.status().run == 2


def test_no_room_for_a_later_cohort_either():
    world = World().apply().until(lambda w: w.status().step and w.status().step.index == 2)
    world.fate = "noroom"
    world.to_stage(Phase.PENDING, Stage.RESTORING)
    assert world.status().incident is None


def test_a_crash_is_answered_before_the_lack_of_room():
    world = World().apply().to_stage(Phase.CANARY, Stage.ROLLING_OUT)
    world.fate = "crash"
    world.tick()
    assert world.status().incident is not None


def test_a_spec_that_changes_before_the_start_is_looked_at_first():
    """What was observed for the old target must not become the new run's snapshot."""
    world = World(errors=("X",)).apply().wait(1)
    world.add_workload("pecr-blue", "pecr-blue-env", 4)
    world.set_flag(ADAPTIVE, "false", "pecr-blue-env")
    world.errors = ()
    target = {"target": {"deployment": "pecr-blue", "configMap": "pecr-blue-env"}}
    world.edit(target, ONE_STEP).until_phase(Phase.CANARY)
    snapshot = world.snapshots[uid(world)][-1]
    assert snapshot["target"]["deployment"] == "pecr-blue"
    assert snapshot["target"]["values"][ADAPTIVE] == "false"
    assert set(world.leases) == {"deployment/pecr-blue", "configmap/pecr-blue-env"}


def test_a_target_that_is_replaced_before_a_fresh_run_is_no_dead_end():
    world = World(fate="noroom").apply().to_stage(Phase.PENDING, Stage.RESTORING)
    world.errors = ("NoRoom",)
    world.settle()
    del world.config_maps["pecr-env"], world.deployments["pecr-controller"]
    world.add_workload("pecr-controller", "pecr-env", 3)
    world.errors, world.fate = (), "ok"
    world.until_phase(Phase.COMPLETED)


# Canary


def test_a_step_needs_its_hold_and_positive_evidence():
    world = judging()
    world.wait(5)
    assert world.status().step.index == 1
    world = World(mood="silent").apply().wait(30)
    assert (world.status().phase, world.status().step.index) == (Phase.CANARY, 1)
    world.mood = "good"
    world.wait(1)
    assert world.status().step.index == 2
    world.wait(2)
    assert world.clone().replicas == 5


@EVERY
def test_the_last_step_with_positive_evidence_is_promoted_and_completed(mode):
    world = promoting(mode)
    assert world.flags() == {**BEFORE, **DELTA}
    assert world.condition("Promoted") == "True"
    world.until_phase(Phase.COMPLETED, Stage.IDLE)
    assert owned(world) == []
    assert world.deployments["pecr-controller"].running == {**BEFORE, **DELTA}
    assert world.condition("Ready") == "True"
    assert world.status().promoted_by is None


@EVERY
def test_the_same_environment_is_rolled_once(mode):
    world = promoting(mode).until_phase(Phase.COMPLETED, Stage.IDLE)
    assert world.deployments["pecr-controller"].rolls == 1
    assert world.deployments["pecr-next"].rolls == (1 if mode == "Existing" else 0)


def test_manual_waits_for_a_person():
    manual = {"promotion": {"strategy": "Manual"}}
    world = judging("Managed", manual).wait(90)
    status = world.status()
    assert status.phase is Phase.CANARY
    assert f"pecr.dev/promote={world.run_id()}" in status.message
    assert next(c for c in status.conditions if c.type == "Promoted").reason == "AwaitingPromotion"
    world.promote().settle()
    assert world.status().phase is Phase.PROMOTING
    assert world.status().promoted_by is None, "the word did not stand in for evidence"
    world.until_phase(Phase.COMPLETED, Stage.IDLE)


@EVERY
def test_strategy_none_withdraws_after_its_holds(mode):
    world = judging(mode, {"promotion": {"strategy": "None"}})
    world.until_phase(Phase.COMPLETED, Stage.IDLE)
    assert world.flags() == BEFORE
    assert world.flags("pecr-next-env") == BEFORE
    assert all(d.stamp is None and d.running == BEFORE for d in world.deployments.values())
    assert owned(world) == []
    assert world.condition("Promoted") == "False"
    assert world.status().history[-1].phase is Phase.COMPLETED


def test_a_strategy_that_becomes_none_in_the_bake_takes_nothing_back():
    world = promoting().edit(ONE_STEP, {"promotion": {"strategy": "None"}})
    world.until_phase(Phase.COMPLETED, Stage.IDLE)
    assert world.flags()[ENGINE] == "rlm"
    assert world.condition("Promoted") == "True"


def test_a_persons_promote_stands_in_for_evidence_and_is_recorded():
    world = judging(mood="silent").wait(15)
    world.promote().settle()
    assert world.status().phase is Phase.PROMOTING
    assert world.status().promoted_by == f"pecr.dev/promote={world.run_id()}"
    assert world.status().history[-1].by == f"pecr.dev/promote={world.run_id()}"
    world.until_phase(Phase.COMPLETED, Stage.IDLE)


@pytest.mark.parametrize("mood", ["blip", "bad", "deaf"])
def test_a_persons_promote_is_not_taken_over_a_breach_nor_blindly(mood):
    world = judging(mood="silent").wait(11)
    world.mood = mood
    world.promote().wait(2)
    assert world.status().phase is not Phase.PROMOTING
    world.mood = "silent"
    world.settle()
    assert world.status().phase in (Phase.PROMOTING, Phase.FALLBACK)


def test_a_promote_before_the_last_step_waits_for_it():
    world = World(mood="silent").apply().wait(20)
    world.promote().wait(2)
    assert world.status().step.index == 1
    assert world.notes[-1][1].reason != "IntentRefused"
    assert "promote" not in world.status().message


# Undecided


def test_inconclusive_holds_and_goes_on_looking():
    world = judging(mood="silent").wait(75)
    status = world.status()
    assert "onInconclusive: Hold" in status.message
    assert f"pecr.dev/promote={world.run_id()}" in status.message
    assert world.look().now < world.reconcile().plan.due <= world.now + 60
    world.mood = "bad"
    world.until_phase(Phase.FALLBACK)


def test_inconclusive_before_the_last_step_offers_what_can_be_done():
    world = World(mood="silent").apply().wait(75)
    assert "pecr.dev/abort=" in world.status().message
    assert "pecr.dev/promote=" not in world.status().message
    world.mood = "good"
    world.until_phase(Phase.COMPLETED)


@pytest.mark.parametrize("phase", [Phase.CANARY, Phase.PROMOTING])
def test_inconclusive_aborts(phase):
    abort = {"analysis": {"onInconclusive": "Abort"}}
    world = (judging if phase is Phase.CANARY else promoting)("Managed", abort)
    world.mood = "silent"
    world.until_phase(Phase.ABORTED, Stage.IDLE)
    assert world.flags() == BEFORE
    assert owned(world) == []


def test_max_duration_leaves_time_for_the_hold():
    """A hold as long as maxDuration, after a slow roll-out, is not cut short."""
    tight = {"analysis": {"onInconclusive": "Abort", "maxDuration": "10m"}}
    judging("Managed", tight, ticks_to_roll=4).until_phase(Phase.COMPLETED)


def test_a_bake_promoted_by_a_person_on_evidence_ends_by_evidence_or_in_the_end_by_his_word():
    world = judging("Managed", {"promotion": {"strategy": "Manual"}}).wait(15)
    world.promote().settle()
    world.mood = "silent"
    world.wait(30)
    assert world.status().phase is Phase.PROMOTING
    world.wait(45)
    assert world.status().phase is Phase.COMPLETED
    assert world.status().promoted_by is not None


def test_little_traffic_in_the_bake_is_helped_by_a_person():
    world = promoting()
    world.mood = "silent"
    world.wait(75)
    assert f"pecr.dev/promote={world.run_id()}" in world.status().message
    world.promote().until_phase(Phase.COMPLETED, Stage.IDLE)
    assert world.status().promoted_by is not None


# Fallback


@EVERY
@pytest.mark.parametrize("promoted", [False, True])
def test_each_step_in_the_order_until_exhausted_then_fresh(mode, promoted):
    world = (promoting if promoted else judging)(mode)
    world.mood = "bad"
    seen = []
    for _ in range(4):
        world.until(lambda w: w.status().incident and w.status().incident.id not in seen)
        seen.append(world.status().incident.id)
        world.until(lambda w: w.status().stage is Stage.JUDGING)
    run = world.run_id()
    assert seen == [f"{run}-{n}" for n in (1, 2, 3, 4)]
    status = world.status()
    assert status.fallback.exhausted
    assert world.condition("Escalated") == "True"
    assert status.environment == {ENGINE: "baseline", ADAPTIVE: "false", BATCH: "false"}
    assert status.fallback.scope == ("Fleet" if promoted or mode == "Fleet" else "Cohort")
    if promoted or mode == "Fleet":
        assert world.flags() == status.environment
    elif mode == "Existing":
        assert world.flags("pecr-next-env") == status.environment
        assert world.flags() == BEFORE
    else:
        assert world.clone().overlay == status.environment
        assert world.flags() == BEFORE
    world.wait(30)
    assert world.status().incident.id == seen[-1], "exhausted once"
    world.mood = "good"
    world.acknowledge().settle()
    assert world.status().run == 2
    assert world.status().incident is None
    world.until_phase(Phase.COMPLETED, Stage.IDLE)
    assert world.flags() == {**BEFORE, **DELTA}
    assert world.status().incident is None


def test_the_fresh_run_starts_from_the_first_step_with_nothing_carried_over():
    world = World().apply().until(lambda w: w.status().step and w.status().step.index == 2)
    world.mood = "bad"
    world.until_phase(Phase.FALLBACK)
    world.mood = "good"
    world.until_phase(Phase.FALLBACK, Stage.JUDGING)
    world.acknowledge().to_stage(Phase.CANARY, Stage.WRITING)
    status = world.status()
    assert (status.run, status.step.index, status.environment) == (2, 1, DELTA)
    assert (status.signals, status.window, status.fallback) == ([], None, None)


def test_withdraw_on_exhaustion():
    world = promoting("Managed", {"fallback": {"onExhausted": "Withdraw"}})
    world.mood = "bad"
    world.until_phase(Phase.FALLBACK, Stage.IDLE)
    status = world.status()
    assert status.fallback.exhausted
    assert status.fallback.withdrawn
    assert world.flags() == BEFORE
    assert world.condition("Escalated") == "True"
    assert not world.rollouts["demo"]["metadata"]["finalizers"]
    world.mood = "good"
    world.acknowledge().until_phase(Phase.COMPLETED)


def test_steps_that_are_safe_already_are_skipped():
    world = World()
    world.set_flag(ADAPTIVE, "false")
    world.apply().to_stage(Phase.CANARY, Stage.JUDGING)
    world.mood = "bad"
    world.until_phase(Phase.FALLBACK)
    assert world.status().fallback.taken == ["disable_batch_mode"]


def test_nothing_left_to_take_is_exhausted_at_once():
    world = World()
    world.set_flag(ADAPTIVE, "false").set_flag(BATCH, "false")
    policies = {"operatorConcurrencyPolicies": {"search": {"maxInFlight": 4}}, "engine": None}
    world.apply(changes=({"flagDelta": policies},)).to_stage(Phase.CANARY, Stage.JUDGING)
    assert set(world.status().environment) == {POLICIES}
    world.mood = "bad"
    world.until(lambda w: w.status().fallback)
    assert world.status().fallback.exhausted
    assert world.status().fallback.taken == []


def test_straight_to_the_safest_mode():
    world = judging(safest=True)
    world.mood = "bad"
    world.until_phase(Phase.FALLBACK)
    assert world.status().fallback.taken == [
        "disable_adaptive_parallelism",
        "disable_batch_mode",
        "switch_engine_to_baseline",
    ]
    assert world.status().incident.number == 1


@EVERY
@pytest.mark.parametrize("promoted", [False, True])
@pytest.mark.parametrize("fate", ["crash", "stuck"])
def test_a_crash_withdraws_at_once(mode, promoted, fate):
    broken = {"pecr-controller"} if promoted or mode == "Fleet" else {"pecr-next"}
    if mode == "Managed" and not promoted:
        broken = {"pecr-controller-canary"}

    def fates(name, environment):
        return fate if name in broken and environment.get(ENGINE) == "rlm" else "ok"

    world = World(fate=fates).apply(changes=(MODES[mode],))
    world.until_phase(Phase.FALLBACK, Stage.IDLE)
    status = world.status()
    assert status.fallback.withdrawn
    assert status.incident.number == 1
    assert world.clone() is None
    assert all(c.flags == BEFORE for c in world.config_maps.values())
    assert all(d.stamp is None and d.running == BEFORE for d in world.deployments.values())
    assert {lease.incident for lease in world.leases.values()} == {status.incident.id}
    assert all(lease.owner is None for lease in world.leases.values())
    world.fate = "ok"
    world.acknowledge().until_phase(Phase.COMPLETED, Stage.IDLE)


@pytest.mark.parametrize("mode", ["Existing", "Fleet"])
def test_pods_that_are_not_ready_by_the_deadline_are_withdrawn(mode):
    """No room is no reason to try for ever where that restarts the user's own pods."""
    world = World().apply(changes=(MODES[mode],))
    world.to_stage(Phase.CANARY, Stage.ROLLING_OUT)
    world.fate = lambda _, environment: "noroom" if environment[ENGINE] == "rlm" else "ok"
    world.until_phase(Phase.FALLBACK, Stage.IDLE)
    assert world.status().incident is not None


@pytest.mark.parametrize("mode", sorted(MODES))
def test_pods_that_got_ready_while_nobody_looked_are_not_late(mode):
    """An operator that was away for longer than the deadline blames no good change."""
    world = World().apply(changes=(MODES[mode],))
    world.to_stage(Phase.CANARY, Stage.ROLLING_OUT)
    for deployment in world.deployments.values():
        deployment.left = 0
    world.tick(3600)
    assert world.status().incident is None
    world.until_phase(Phase.COMPLETED, Stage.IDLE)


def test_a_fleet_that_finds_no_room_while_promoting_is_withdrawn():
    world = World().apply(changes=(ONE_STEP,)).to_stage(Phase.PROMOTING, Stage.ROLLING_OUT)
    world.fate = lambda _, environment: "noroom" if environment[ENGINE] == "rlm" else "ok"
    world.until_phase(Phase.FALLBACK, Stage.IDLE)
    assert world.flags() == BEFORE


def test_a_fallback_whose_roll_out_cannot_finish_keeps_its_flags_and_says_why():
    world = promoting()
    world.mood = "bad"
    world.to_stage(Phase.FALLBACK, Stage.ROLLING_OUT)
    world.fate = "crash"
    world.wait(20)
    status = world.status()
    assert (status.phase, status.stage) == (Phase.FALLBACK, Stage.ROLLING_OUT)
    assert world.flags()[ADAPTIVE] == "false"
    assert "crashed 3 times" in status.message
    assert status.incident.command in status.message


# Abort


@EVERY
@pytest.mark.parametrize("phase", [Phase.CANARY, Phase.PROMOTING, Phase.FALLBACK])
@pytest.mark.parametrize("stage", [Stage.WRITING, Stage.ROLLING_OUT, Stage.JUDGING])
def test_an_abort_puts_back_what_was_there(mode, phase, stage):
    world = World().apply(changes=(MODES[mode],))
    if phase is Phase.FALLBACK:
        world.mood = "bad"
    world.to_stage(phase, stage)
    incident = world.status().incident
    world.abort().until_phase(Phase.ABORTED, Stage.IDLE)
    assert all(c.flags == BEFORE for c in world.config_maps.values())
    assert all(d.running == BEFORE for d in world.deployments.values())
    assert world.clone() is None
    assert world.condition("Promoted") == "False"
    if incident is None:
        assert owned(world) == []
        return
    assert world.status().incident == incident
    assert {lease.incident for lease in world.leases.values()} == {incident.id}
    world.edit(MODES[mode], {"flagDelta": {"batchMode": False}}).wait(3)
    assert world.status().phase is Phase.ABORTED, "a new spec is no way round"
    world.mood = "good"
    world.acknowledge().until_phase(Phase.COMPLETED, Stage.IDLE)
    assert world.flags() == {**BEFORE, **DELTA, BATCH: "false"}
    assert world.status().run == 2
    assert owned(world) == []


@pytest.mark.parametrize("stage", [Stage.RESTORING, Stage.ROLLING_BACK, Stage.PREPARING])
def test_an_abort_on_the_way_to_a_fresh_run(stage):
    world = in_fallback()
    world.acknowledge().to_stage(Phase.CANARY, stage)
    world.abort().until_phase(Phase.ABORTED, Stage.IDLE)
    assert owned(world) == []
    assert world.flags() == BEFORE


@pytest.mark.parametrize("stage", [Stage.CLOSING, Stage.PREPARING])
def test_an_abort_after_an_abort_was_acknowledged_is_no_dead_end(stage):
    """There is no snapshot any more, and nothing to restore."""
    world = in_fallback().abort().until_phase(Phase.ABORTED, Stage.IDLE)
    world.acknowledge().to_stage(Phase.CANARY, stage)
    world.abort().until_phase(Phase.ABORTED, Stage.IDLE)
    assert owned(world) == []
    world.edit({"flagDelta": {"batchMode": False}}).until_phase(Phase.CANARY)


def test_abort_while_the_withdrawal_is_being_written():
    world = World(fate=lambda n, e: "crash" if e.get(ENGINE) == "rlm" else "ok").apply()
    world.to_stage(Phase.FALLBACK, Stage.RESTORING)
    world.abort().until_phase(Phase.ABORTED, Stage.IDLE)
    assert world.status().incident is not None
    assert world.flags() == BEFORE


# A new spec


@EVERY
@pytest.mark.parametrize("phase", [Phase.CANARY, Phase.PROMOTING])
@pytest.mark.parametrize("stage", [Stage.WRITING, Stage.ROLLING_OUT, Stage.JUDGING])
def test_a_new_spec_in_the_middle_restores_first(mode, phase, stage):
    world = World().apply(changes=(MODES[mode],)).to_stage(phase, stage)
    other = {"flagDelta": {"engine": None, "batchMode": False}}
    world.edit(MODES[mode], other).to_stage(Phase.CANARY, Stage.PREPARING)
    assert all(c.flags == BEFORE for c in world.config_maps.values())
    assert all(d.running == BEFORE and d.left == 0 for d in world.deployments.values())
    world.until_phase(Phase.COMPLETED, Stage.IDLE)
    assert world.flags() == {**BEFORE, BATCH: "false"}
    assert world.status().run == 2
    assert owned(world) == []


def test_a_new_spec_in_a_fallback_is_remembered():
    world = in_fallback()
    other = {"flagDelta": {"engine": None, "batchMode": False}}
    world.edit(other).wait(20)
    status = world.status()
    assert (status.phase, status.run) == (Phase.FALLBACK, 1)
    assert status.environment == {**DELTA, ADAPTIVE: "false"}
    world.acknowledge().settle()
    assert world.status().history[-2].phase is Phase.PENDING
    world.until_phase(Phase.COMPLETED, Stage.IDLE)
    assert world.flags() == {**BEFORE, BATCH: "false"}


@pytest.mark.parametrize("aborted", [False, True])
def test_a_new_spec_after_the_end_is_a_new_run(aborted):
    world = judging()
    if aborted:
        world.abort().until_phase(Phase.ABORTED, Stage.IDLE)
    else:
        world.until_phase(Phase.COMPLETED, Stage.IDLE)
    world.edit(ONE_STEP, {"flagDelta": {"batchMode": False}})
    world.until(lambda w: w.status().run == 2 and w.status().phase is Phase.CANARY)
    world.until_phase(Phase.COMPLETED, Stage.IDLE)
    assert world.flags() == {**BEFORE, **DELTA, BATCH: "false"}


def test_owner_promotion_and_suspend_are_no_new_run():
    world = judging()
    world.edit(ONE_STEP, {"promotion": {"bake": "5m"}, "rollbackOwner": {"name": "night"}}).wait(3)
    assert world.status().run == 1
    world.mood = "bad"
    world.edit(ONE_STEP, {"fallback": {"onExhausted": "Withdraw"}})
    world.until_phase(Phase.FALLBACK, Stage.IDLE)
    assert world.status().fallback.withdrawn


def test_old_and_new_parts_of_a_spec_need_not_fit_each_other():
    """The interval applies at once, the slo of the run is the old one."""
    world = in_fallback()
    later = {"analysis": {"interval": "10m"}, "slo": {"sustainedFor": "20m"}}
    world.edit(ONE_STEP, later).wait(3)
    assert world.status().phase is Phase.FALLBACK
    world.acknowledge().until_phase(Phase.COMPLETED)


def test_back_to_the_old_spec_before_the_new_run_began():
    world = judging().edit(ONE_STEP, {"flagDelta": {"batchMode": False}})
    world.to_stage(Phase.CANARY, Stage.ROLLING_BACK)
    world.edit(ONE_STEP).until_phase(Phase.COMPLETED, Stage.IDLE)
    assert world.flags() == {**BEFORE, **DELTA}
    assert world.status().run == 2


def test_another_target_after_an_abort_with_an_incident_leaves_no_mark_on_the_old_one():
    world = in_fallback().abort().until_phase(Phase.ABORTED, Stage.IDLE)
    world.add_workload("pecr-blue", "pecr-blue-env", 4)
    target = {"target": {"deployment": "pecr-blue", "configMap": "pecr-blue-env"}}
    world.edit(ONE_STEP, target).wait(1)
    world.acknowledge().until_phase(Phase.COMPLETED, Stage.IDLE)
    assert world.flags("pecr-blue-env")[ENGINE] == "rlm"
    assert world.leases == {}


# Guard


def guarded(*more) -> World:
    always = {"promotion": {"guard": "Always"}}
    return (
        World().apply(changes=(ONE_STEP, always, *more)).until_phase(Phase.COMPLETED, Stage.JUDGING)
    )


def test_guard_always_falls_back_after_completion():
    world = guarded()
    assert not world.rollouts["demo"]["metadata"]["finalizers"]
    assert set(world.leases) == {"deployment/pecr-controller", "configmap/pecr-env"}
    assert world.condition("Ready") == "True"
    world.mood = "bad"
    world.until_phase(Phase.FALLBACK, Stage.JUDGING)
    assert world.status().fallback.scope == "Fleet"
    assert world.flags() == {**BEFORE, **DELTA, ADAPTIVE: "false"}
    assert world.rollouts["demo"]["metadata"]["finalizers"]
    world.mood = "good"
    world.acknowledge().to_stage(Phase.CANARY, Stage.PREPARING)
    assert world.flags() == BEFORE
    world.until_phase(Phase.COMPLETED, Stage.JUDGING)


def test_a_guard_that_is_no_longer_asked_for_lets_everything_go():
    world = guarded().edit(ONE_STEP).until_phase(Phase.COMPLETED, Stage.IDLE)
    assert owned(world) == []
    world.mood = "bad"
    world.wait(20)
    assert world.status().phase is Phase.COMPLETED


def test_a_new_spec_ends_the_guard_and_releases_the_old_targets_locks():
    world = guarded()
    world.add_workload("pecr-blue", "pecr-blue-env", 4)
    target = {"target": {"deployment": "pecr-blue", "configMap": "pecr-blue-env"}}
    world.edit(ONE_STEP, target)
    world.until(lambda w: w.status().run == 2 and w.status().phase is Phase.CANARY)
    assert set(world.leases) == {"deployment/pecr-blue", "configmap/pecr-blue-env"}
    world.until_phase(Phase.COMPLETED, Stage.IDLE)


def test_a_suspended_new_spec_does_not_end_the_guard():
    always = {"promotion": {"guard": "Always"}, "suspend": True}
    world = guarded().edit(ONE_STEP, always, {"flagDelta": {"batchMode": False}}).wait(3)
    world.mood = "bad"
    world.until_phase(Phase.FALLBACK)


def test_flags_that_others_changed_after_completion_are_not_taken_back():
    world = guarded().set_flag(ENGINE, "baseline")
    world.mood = "bad"
    world.wait(15)
    assert world.status().phase is Phase.COMPLETED
    assert world.condition("Drifted") == "True"
    assert world.condition("Ready") == "True"
    assert world.flags()[ENGINE] == "baseline"
    world.mood = "good"
    world.set_flag(ENGINE, "rlm").wait(3)
    assert world.condition("Drifted") == "False"
    world.mood = "bad"
    world.until_phase(Phase.FALLBACK)


def test_a_guarded_fleet_that_is_deployed_anew_is_judged_anew():
    world = guarded().wait(20)
    since = world.status().window.since
    world.change_template("v2").wait(4)
    assert world.status().window.since > since
    assert world.status().phase is Phase.COMPLETED
    assert not world.rollouts["demo"]["metadata"]["finalizers"]


def test_a_guard_whose_target_is_gone_does_not_keep_a_new_run_from_starting():
    world = guarded()
    del world.deployments["pecr-controller"]
    world.wait(1)
    assert world.condition("Stalled") == "True"
    assert world.condition("Ready") == "False"
    world.add_workload("pecr-controller", "pecr-env", 3)
    world.edit(ONE_STEP, {"flagDelta": {"batchMode": False}})
    world.until(lambda w: w.status().run == 2 and w.status().phase is Phase.CANARY)


# All of it


def test_the_tables_rows_have_names_of_their_own_or_share_a_meaning():
    assert len({row.name for row in TABLE}) == len(TABLE)


@pytest.mark.parametrize("change", [EXISTING, FLEET])
def test_the_mode_is_the_snapshots_while_a_run_lasts(change):
    """The API server refuses this; a run that met it all the same ends as it began."""
    world = in_fallback().edit({"canary": change}).wait(2)
    assert world.clone() is not None
    world.acknowledge().until_phase(Phase.COMPLETED, Stage.IDLE)
    assert world.clone() is None
