"""Deletion, incidents that outlive their rollout, locks, drift, and a target that is gone."""

import pytest

from lifecycle.edge import Deployment, Lease
from lifecycle.words import ADAPTIVE, BATCH, BEFORE, ENGINE, MODES, ONE_STEP
from lifecycle.world import World
from pecr_rollout.api.status import Phase, Stage
from pecr_rollout.lifecycle import actions

EVERY = pytest.mark.parametrize("mode", sorted(MODES))
STAGES = [
    (Phase.CANARY, Stage.WRITING),
    (Phase.CANARY, Stage.ROLLING_OUT),
    (Phase.CANARY, Stage.JUDGING),
    (Phase.PROMOTING, Stage.WRITING),
    (Phase.PROMOTING, Stage.ROLLING_OUT),
    (Phase.PROMOTING, Stage.JUDGING),
    (Phase.FALLBACK, Stage.WRITING),
    (Phase.FALLBACK, Stage.ROLLING_OUT),
    (Phase.FALLBACK, Stage.JUDGING),
    (Phase.ABORTED, Stage.RESTORING),
    (Phase.ABORTED, Stage.ROLLING_BACK),
    (Phase.ABORTED, Stage.CLOSING),
]


def at(phase: Phase, stage: Stage, *changes) -> World:
    world = World().apply(changes=changes)
    if phase is Phase.FALLBACK:
        world.mood = "bad"
    if phase is Phase.ABORTED:
        world.to_stage(Phase.CANARY, Stage.JUDGING).abort()
    return world.to_stage(phase, stage)


def writes(world: World, since: int) -> list[actions.Action]:
    kinds = actions.WriteFlags | actions.StampTemplate | actions.ApplyClone | actions.RemoveClone
    return [action for _, action in world.log[since:] if isinstance(action, kinds)]


@EVERY
def test_nothing_comes_before_the_cure(mode):
    world = at(Phase.CANARY, Stage.JUDGING, MODES[mode])
    world.mood = "bad"
    since = len(world.log)
    world.to_stage(Phase.FALLBACK, Stage.ROLLING_OUT)
    done = [action for _, action in world.log[since:]]
    assert done[: len(writes(world, since))] == writes(world, since)
    assert any(isinstance(action, actions.MarkIncident) for action in done)


# Deletion


@EVERY
@pytest.mark.parametrize(("phase", "stage"), STAGES)
def test_deleted_with_restore(mode, phase, stage):
    world = at(phase, stage, MODES[mode])
    incident = world.status().incident
    world.delete().wait(4)
    assert not world.rollouts
    assert all(c.flags == BEFORE for c in world.config_maps.values())
    assert all(d.stamp is None and d.running == BEFORE for d in world.deployments.values())
    assert world.clone() is None
    assert world.snapshots == {}
    assert {k.incident for k in world.leases.values()} == ({incident.id} if incident else set())
    assert all(k.owner is None for k in world.leases.values())


@EVERY
@pytest.mark.parametrize(("phase", "stage"), STAGES[:9])
def test_deleted_with_retain(mode, phase, stage):
    world = at(phase, stage, MODES[mode], {"onDelete": "Retain"})
    flags = {name: dict(there.data) for name, there in world.config_maps.items()}
    incident, since = world.status().incident, len(world.log)
    world.delete().wait(2)
    assert not world.rollouts
    assert {name: there.data for name, there in world.config_maps.items()} == flags
    assert writes(world, since) == []
    assert {k.incident for k in world.leases.values()} == ({incident.id} if incident else set())


def test_pending_completed_and_aborted_rollouts_go_at_once():
    pending = World(errors=("X",)).apply().settle().delete()
    assert not pending.rollouts
    completed = World().apply(changes=(ONE_STEP,)).until_phase(Phase.COMPLETED, Stage.IDLE)
    assert not completed.delete().rollouts
    assert completed.flags()[ENGINE] == "rlm"


def test_a_deletion_with_a_target_that_is_gone_is_not_wedged():
    world = at(Phase.PROMOTING, Stage.JUDGING, ONE_STEP)
    del world.deployments["pecr-controller"]
    world.delete().wait(1)
    assert not world.rollouts
    assert world.leases == {}


@EVERY
@pytest.mark.parametrize(("phase", "stage"), STAGES)
def test_a_namespace_that_is_deleted_is_not_held_up(mode, phase, stage):
    """The operator's role goes with it: who waits for the deletion may be too late to let go."""
    world = at(phase, stage, MODES[mode])
    world.namespace_ends = True
    since = len(world.log)
    world.wait(2)
    assert writes(world, since) == []
    assert world.rollouts["demo"]["metadata"]["finalizers"] == []
    assert "namespace is being deleted" in world.status().message


def test_a_deletion_that_cannot_restore_for_now_waits_and_says_the_way_out():
    world = at(Phase.PROMOTING, Stage.JUDGING, ONE_STEP)
    world.unreadable = "deployments is forbidden"
    world.delete().wait(1)
    assert "onDelete: Retain" in world.status().message
    assert world.condition("Stalled") == "True"
    world.unreadable = ""
    world.wait(2)
    assert not world.rollouts
    assert world.flags() == BEFORE


def test_a_deletion_whose_lock_was_lost_writes_nothing_and_is_not_wedged():
    world = at(Phase.PROMOTING, Stage.JUDGING, ONE_STEP).apply("other")
    other = world.rollouts["other"]["metadata"]["uid"]
    for subject in world.leases:
        world.leases[subject] = Lease(subject, other, "other", owner=other)
    since = len(world.log)
    world.delete().settle("demo")
    assert "demo" not in world.rollouts
    assert writes(world, since) == []
    assert {k.holder for k in world.leases.values()} == {other}


# Incidents that outlive their rollout


@pytest.mark.parametrize("where", ["fallback", "withdrawn", "aborted", "just opened"])
def test_deleting_and_creating_again_is_no_way_round(where):
    world = World(mood="bad").apply(changes=(ONE_STEP,))
    if where == "withdrawn":
        world.fate = lambda _, environment: "crash" if environment.get(ENGINE) == "rlm" else "ok"
        world.until_phase(Phase.FALLBACK, Stage.IDLE)
    elif where == "just opened":
        world.to_stage(Phase.FALLBACK, Stage.WRITING)
    else:
        world.until_phase(Phase.FALLBACK, Stage.JUDGING)
    world.mood, world.fate = "good", "ok"
    if where == "aborted":
        world.abort().until_phase(Phase.ABORTED, Stage.IDLE)
    incident = world.status().incident.id
    world.delete().wait(1)
    world.apply(changes=(ONE_STEP,)).wait(10)
    status = world.status()
    assert status.phase is Phase.PENDING
    assert world.condition("AcknowledgmentRequired") == "True"
    assert f"pecr.dev/acknowledge={incident}" in status.message
    world.edit(ONE_STEP, {"flagDelta": {"batchMode": False}}).wait(2)
    world.acknowledge("nonsense").wait(2)
    assert world.status().phase is Phase.PENDING
    world.acknowledge(incident).until_phase(Phase.COMPLETED, Stage.IDLE)
    assert world.leases == {}


def test_an_orphaned_incident_that_was_acknowledged_leaves_no_lock_with_one_that_cannot_start():
    world = World(mood="bad").apply(changes=(ONE_STEP,)).until_phase(Phase.FALLBACK, Stage.JUDGING)
    incident = world.status().incident.id
    world.delete().wait(1)
    world.mood, world.errors = "good", ("X",)
    world.apply(changes=(ONE_STEP,)).settle().acknowledge(incident).wait(1)
    assert world.leases == {}
    assert world.incidents == {}


def test_an_incident_of_another_living_rollout_is_that_ones_to_acknowledge():
    world = World(mood="bad").apply(changes=(ONE_STEP,)).until_phase(Phase.FALLBACK, Stage.JUDGING)
    world.mood = "good"
    incident = world.status().incident.id
    world.apply("other", changes=(ONE_STEP,)).settle().acknowledge(incident, "other").wait(2)
    assert world.status("other").phase is Phase.PENDING
    assert world.status().incident.id == incident
    assert f"incident {incident} open" in world.status("other").message


# Locks


@EVERY
def test_two_rollouts_on_one_target_go_one_after_the_other(mode):
    world = World().apply("one", changes=(MODES[mode],)).apply("two", changes=(MODES[mode],))
    seen = set()
    for _ in range(200):
        world.tick()
        busy = [
            n for n in world.rollouts if world.status(n).phase in (Phase.CANARY, Phase.PROMOTING)
        ]
        assert len(busy) <= 1
        seen |= set(busy)
        if world.status("two").phase is Phase.COMPLETED:
            break
    assert seen == {"one", "two"}
    assert world.leases == {}


def test_a_lock_that_was_removed_by_hand_is_taken_again_before_the_next_write():
    world = at(Phase.CANARY, Stage.JUDGING, ONE_STEP)
    world.leases.clear()
    world.until_phase(Phase.PROMOTING, Stage.JUDGING)
    assert len(world.leases) == 2


@pytest.mark.parametrize(("phase", "stage"), STAGES[:-1])
def test_a_lock_that_was_lost_to_another_rollout_stalls(phase, stage):
    world = at(phase, stage, ONE_STEP).apply("other")
    other = world.rollouts["other"]["metadata"]["uid"]
    for subject in world.leases:
        world.leases[subject] = Lease(subject, other, "other", owner=other)
    since = len(world.log)
    for _ in range(20):
        world.now += 30
        world.settle("demo")
    assert writes(world, since) == []
    assert world.condition("Stalled") == "True"
    assert "is held by rollout other" in world.status().message


def test_a_clones_name_that_is_taken_is_never_touched():
    world = World().apply(changes=(ONE_STEP,)).to_stage(Phase.CANARY, Stage.WRITING)
    theirs = Deployment("pecr-controller-canary", "pecr-env", 3, running=dict(BEFORE))
    world.deployments[theirs.name] = theirs
    world.wait(2)
    assert world.condition("Stalled") == "True"
    assert world.status().observed_generation == 1
    world.abort().until_phase(Phase.ABORTED, Stage.IDLE)
    assert world.deployments[theirs.name] is theirs


# Drift


@EVERY
def test_drift_in_a_canary_is_shown_and_not_fought(mode):
    config_map = "pecr-next-env" if mode == "Existing" else "pecr-env"
    world = at(Phase.CANARY, Stage.JUDGING, MODES[mode])
    since = len(world.log)
    world.set_flag(ENGINE, "oops", config_map).wait(30)
    assert world.flags(config_map)[ENGINE] == "oops"
    assert writes(world, since) == []
    assert world.condition("Drifted") == "True"
    assert world.status().phase is Phase.CANARY
    began = world.now
    world.set_flag(ENGINE, "rlm" if mode != "Managed" else "baseline", config_map).wait(3)
    assert world.condition("Drifted") == "False"
    assert world.status().window.since > began, "evidence starts again"
    world.until_phase(Phase.COMPLETED)


@pytest.mark.parametrize("mode", ["Managed", "Existing"])
def test_the_fleet_changed_during_the_canary_is_drift_too(mode):
    world = at(Phase.CANARY, Stage.JUDGING, MODES[mode]).set_flag(BATCH, "false").wait(30)
    assert world.condition("Drifted") == "True"
    assert "PECR_CONTROLLER_BATCH_MODE_ENABLED" in world.status().message
    assert world.status().phase is Phase.CANARY


def test_an_undone_roll_out_is_drift():
    world = at(Phase.PROMOTING, Stage.JUDGING, ONE_STEP).undo().wait(20)
    assert world.condition("Drifted") == "True"
    assert "pod template" in world.status().message
    assert world.status().phase is Phase.PROMOTING


@pytest.mark.parametrize("mode", ["Existing", "Fleet"])
def test_a_fallbacks_key_is_put_back_once(mode):
    config_map = "pecr-next-env" if mode == "Existing" else "pecr-env"
    world = at(Phase.FALLBACK, Stage.JUDGING, MODES[mode])
    world.mood = "good"
    world.set_flag(ADAPTIVE, "true", config_map).wait(5)
    assert world.flags(config_map)[ADAPTIVE] == "false"
    world.set_flag(ADAPTIVE, "true", config_map).wait(5)
    assert world.flags(config_map)[ADAPTIVE] == "true"
    assert world.status().message.startswith("Somebody else changed")
    told = [note for _, note in world.notes if note.reason == "DriftPutBack"]
    assert len(told) == 1
    assert told[0].owner is not None
    left = [note for _, note in world.notes if note.reason == "Drifted"]
    assert len(left) == 1, "told when it begins, and not at every look"
    assert left[0].owner is not None
    world.abort().until_phase(Phase.ABORTED, Stage.IDLE)
    assert all(c.flags == BEFORE for c in world.config_maps.values())


def test_the_fleets_own_drift_in_a_fallback_of_the_cohort_is_not_put_back():
    world = at(Phase.FALLBACK, Stage.JUDGING, ONE_STEP)
    world.mood = "good"
    since = len(world.log)
    world.set_flag(ADAPTIVE, "false").wait(5)
    assert writes(world, since) == []
    assert world.condition("Drifted") == "True"
    assert "After that, incident" in world.status().message
    world.set_flag(ADAPTIVE, "true").wait(3)
    world.acknowledge().until_phase(Phase.COMPLETED)


def test_a_fresh_run_restores_what_its_owner_wrote_while_it_waited():
    world = at(Phase.FALLBACK, Stage.JUDGING, ONE_STEP)
    world.mood, world.errors = "good", ("X",)
    world.acknowledge().until_phase(Phase.PENDING, Stage.PREPARING)
    world.set_flag(ADAPTIVE, "false")
    world.errors = ()
    world.until_phase(Phase.PROMOTING, Stage.JUDGING).abort()
    world.until_phase(Phase.ABORTED, Stage.IDLE)
    assert world.flags() == {**BEFORE, ADAPTIVE: "false"}


# What is followed


@EVERY
@pytest.mark.parametrize("phase", [Phase.CANARY, Phase.PROMOTING, Phase.FALLBACK])
@pytest.mark.parametrize("what", ["template", "key"])
def test_others_changes_are_followed_and_evidence_starts_again(mode, phase, what):
    world = at(phase, Stage.JUDGING, MODES[mode])
    world.mood = "good"
    step, since = world.status().step, world.status().window.since
    if what == "template":
        world.change_template("v2")
    else:
        world.set_flag("PECR_PORT", "8082")
    world.wait(3)
    status = world.status()
    assert (status.phase, status.step.index) == (phase, step.index)
    assert status.window.since > since
    if mode == "Managed":
        assert world.clone().template == world.deployments["pecr-controller"].template
    assert world.config_maps["pecr-env"].data["PECR_PORT"] in ("8081", "8082")


def test_a_scaled_target_resizes_the_step():
    world = at(Phase.CANARY, Stage.JUDGING, ONE_STEP).scale(30).wait(3)
    assert world.clone().replicas == 3
    assert world.status().step.replicas == 3


def test_a_cohort_that_somebody_removed_or_scaled_is_put_right():
    world = at(Phase.CANARY, Stage.JUDGING, ONE_STEP)
    del world.deployments["pecr-controller-canary"]
    world.wait(2)
    assert world.clone().replicas == 1
    world.scale(7, "pecr-controller-canary").wait(2)
    assert world.clone().replicas == 1


# Gone


@pytest.mark.parametrize(("phase", "stage"), STAGES[:-1])
@pytest.mark.parametrize(
    "what", ["deployment", "config map", "replaced", "immutable", "unreadable"]
)
def test_a_target_that_is_gone_stalls_and_nothing_is_written(phase, stage, what):
    world = at(phase, stage, ONE_STEP)
    kept = (world.deployments["pecr-controller"], world.config_maps["pecr-env"])
    if what == "deployment":
        del world.deployments["pecr-controller"]
    elif what == "config map":
        del world.config_maps["pecr-env"]
    elif what == "replaced":
        del world.config_maps["pecr-env"], world.deployments["pecr-controller"]
        world.add_workload("pecr-controller", "pecr-env", 10)
    elif what == "immutable":
        world.config_maps["pecr-env"].immutable = True
    else:
        world.unreadable = "deployments is forbidden"
    since = len(world.log)
    world.wait(2)
    assert writes(world, since) == []
    assert world.status().phase is phase
    assert world.condition("Stalled") == "True"
    assert world.condition("Reconciling") == "False"
    assert world.status().message.startswith("Stalled, and nothing is written:")
    world.unreadable, kept[1].immutable = "", False
    world.deployments["pecr-controller"], world.config_maps["pecr-env"] = kept
    world.mood = "good"
    world.wait(3)
    assert "nothing is written" not in world.status().message


def test_a_snapshot_that_was_removed_stalls():
    world = at(Phase.PROMOTING, Stage.JUDGING, ONE_STEP)
    world.snapshots.clear()
    world.wait(1)
    assert "ControllerRevision" in world.status().message
