"""The outbox: recorded with the transition, told after it, and taken off with the next write."""

import pytest

from lifecycle.telling import EXPIRES
from lifecycle.words import MODES, ONE_STEP
from lifecycle.world import Crash, World
from pecr_rollout.api.status import OUTBOX_LENGTH, Phase, Stage
from pecr_rollout.lifecycle.outbox import GIVE_UP, LOOK_AGAIN, MOST_WAITING, NOT_TOLD, Told, without

HOUR = 3600.0


def fallen(**fields: object) -> World:
    world = World(mood="bad", **fields)
    return world.apply(changes=(ONE_STEP,)).until_phase(Phase.FALLBACK, Stage.JUDGING)


def waiting(world: World) -> list[str]:
    return [message.reason for message in world.status().outbox]


def test_a_transition_is_recorded_with_what_is_to_be_told():
    world = World().apply(changes=(ONE_STEP,)).to_stage(Phase.CANARY, Stage.WRITING)
    message = world.status().outbox[0]
    assert (message.reason, message.event, message.run) == ("CanaryStarted", True, 1)
    assert not world.telling.events, "it is told only once it is recorded"
    world.reconcile()
    assert sum(world.telling.events.values()) == 1
    assert world.status().outbox == []
    assert world.status().stage is Stage.ROLLING_OUT, "with the write that was due anyway"


def test_what_is_told_at_rest_costs_one_more_write_and_then_none():
    world = World().apply(changes=(ONE_STEP,)).until_phase(Phase.CANARY, Stage.JUDGING)
    world.annotate("pecr.dev/abort", "nonsense")
    assert world.reconcile().wrote
    assert waiting(world) == ["IntentRefused"]
    assert world.reconcile().wrote
    assert waiting(world) == []
    assert not world.reconcile().wrote


def test_a_process_that_ends_before_it_told_loses_nothing():
    world = World(mood="bad").apply(changes=(ONE_STEP,)).to_stage(Phase.FALLBACK, Stage.WRITING)
    told = sum(world.telling.events.values())
    world.crash_after = 0
    with pytest.raises(Crash):
        world.reconcile()
    world.crash_after = None
    world.telling.die()
    assert sum(world.telling.events.values()) == told
    assert waiting(world) == ["FallbackStep"]
    world.settle()
    assert sum(world.telling.events.values()) == told + 1
    assert waiting(world) == []


def test_it_survives_a_conflict_and_a_decision_made_anew():
    world = World(mood="bad").apply(changes=(ONE_STEP,)).to_stage(Phase.FALLBACK, Stage.WRITING)
    world.lose_status = True
    assert world.reconcile().conflict
    assert waiting(world) == ["FallbackStep"]
    world.abort().settle()
    reasons = [note.reason for _, note in world.notes]
    assert reasons[-2:] == ["FallbackStep", "Aborted"]
    assert waiting(world) == []


def test_before_a_deletion_lets_it_go_it_is_told():
    world = World(mood="bad").apply(changes=(ONE_STEP,)).to_stage(Phase.FALLBACK, Stage.WRITING)
    world.delete()
    for alive in range(20):  # the process ends after each of its steps in turn
        world.crash_after = alive
        try:
            world.reconcile()
        except Crash:
            world.telling.die()
        if not world.rollouts:
            break
    assert not world.rollouts, "and nothing is wedged"


def test_the_owner_is_told_the_evidence_the_deed_and_the_command():
    world = fallen()
    note = next(note for _, note in world.notes if note.reason == "FallbackStep")
    assert note.owner is not None
    assert note.owner.evidence == "9 of 1000 requests were bad.", "of the signal in breach alone"
    assert "ADAPTIVE_PARALLELISM_ENABLED=false to the cohort" in note.owner.done
    assert world.status().incident.command in note.owner.comes_next


@pytest.mark.parametrize("mode", sorted(MODES))
def test_every_message_to_the_owner_says_what_comes_next(mode):
    world = World().apply(changes=(MODES[mode],)).until_phase(Phase.COMPLETED, Stage.IDLE)
    told = {note.reason: note.owner for _, note in world.notes if note.owner is not None}
    assert told.keys() == {"Promoting", "Completed"}
    assert f"pecr.dev/abort={world.run_id()}" in told["Promoting"].comes_next
    assert "kubectl describe controllerrollout demo -n pecr" in told["Completed"].comes_next
    assert all(owner.done.startswith("It ") for owner in told.values())


def test_a_dead_receiver_keeps_the_letter_and_not_the_event():
    world = World().apply(changes=(ONE_STEP,)).until_phase(Phase.CANARY, Stage.JUDGING)
    world.telling.receiver = "dead"
    world.until_phase(Phase.COMPLETED, Stage.IDLE)
    assert waiting(world) == ["Promoting", "Completed"]
    assert not any(message.event for message in world.status().outbox)
    world.tick(EXPIRES)
    world.telling.die()
    world.tick(EXPIRES)  # a new process writes no Event again, whose name would be free
    assert not world.reconcile().moved, "and waiting costs nothing"
    assert world.reconcile().plan.due == world.now + LOOK_AGAIN
    world.telling.receiver = "up"
    world.settle()
    assert waiting(world) == []


def test_after_a_day_a_letter_is_given_up_and_an_event_says_so():
    world = World()
    world.telling.receiver = "dead"
    world.apply(changes=(ONE_STEP,)).until_phase(Phase.COMPLETED, Stage.IDLE)
    world.tick(GIVE_UP - HOUR)
    assert waiting(world) == ["Promoting", "Completed"]
    world.tick(HOUR)
    assert waiting(world) == []
    said = [note for _, note in world.notes if note.reason == NOT_TOLD]
    assert len(said) == 2
    assert all(note.owner is None for note in said), "it is not another letter"
    assert "not told of Promoting" in said[0].message


def test_of_many_letters_the_oldest_are_given_up():
    world = World()
    world.telling.receiver = "dead"
    world.apply(changes=(ONE_STEP,))
    for run in range(MOST_WAITING):
        world.until_phase(Phase.COMPLETED, Stage.IDLE)
        delta = {"flagDelta": {"engine": "rlm", "batchMode": bool(run % 2)}}
        world.edit(ONE_STEP, delta).tick()
    assert len(world.status().outbox) == MOST_WAITING
    assert NOT_TOLD in [note.reason for _, note in world.notes]
    assert MOST_WAITING + 20 < OUTBOX_LENGTH, "a start's Events have room beside them"


def test_what_is_told_comes_off_by_its_parts():
    world = World(mood="bad").apply(changes=(ONE_STEP,)).to_stage(Phase.FALLBACK, Stage.WRITING)
    status = world.status()
    key = frozenset({status.outbox[0].key})
    assert without(status, Told(events=key)).outbox[0].event is False
    assert without(status, Told(owner=key)).outbox[0].owner is None
    assert without(status, Told(key, key)).outbox == []
    assert without(status, Told()).outbox == status.outbox
