"""When several things apply at once: crash > abort > breach > drift > suspend > ack > progress."""

import itertools
from collections.abc import Callable
from dataclasses import replace

import pytest

from lifecycle.words import ADAPTIVE, BEFORE, ENGINE, MODES, ONE_STEP
from lifecycle.world import World
from pecr_rollout.api.rollout import ACKNOWLEDGE
from pecr_rollout.api.status import Phase, Stage
from pecr_rollout.lifecycle.observation import Finding, Preflight, Severity
from pecr_rollout.lifecycle.plan import plan
from pecr_rollout.lifecycle.stages import LOOK_AGAIN

Act = Callable[[World], object]


def crash(world: World) -> None:
    world.fate = "crash"
    for there in world.deployments.values():
        there.fate = "crash"


def breach(world: World) -> None:
    world.mood = "bad"


def drift(world: World) -> None:
    world.set_flag(ENGINE, "oops")


def suspend(world: World) -> None:
    body = world.rollouts["demo"]
    world.apply("demo", wanted={**body["spec"], "suspend": True})


def new_spec(world: World) -> None:
    body = world.rollouts["demo"]
    world.apply("demo", wanted={**body["spec"], "flagDelta": {"batchMode": False}})


def follow(world: World) -> None:
    world.set_flag("PECR_PORT", "8082")


def progress(_: World) -> None:
    """The window is held and within."""


RUNNING: dict[str, tuple[Act, str]] = {
    "crash": (crash, "crash"),
    "abort": (World.abort, "abort"),
    "breach": (breach, "breach"),
    "drift": (drift, "drift"),
    "spec changed": (new_spec, "spec changed"),
    "follow": (follow, "follow"),
    "progress": (progress, "promote"),
}
ORDER = list(RUNNING)


def held(phase: Phase) -> World:
    """Give a rollout whose last step, or bake, is held, and that has not been looked at since."""
    world = World().apply(changes=(ONE_STEP,)).to_stage(phase, Stage.JUDGING)
    world.now += 1200
    return world


@pytest.mark.parametrize(("first", "second"), list(itertools.combinations(ORDER, 2)))
@pytest.mark.parametrize("phase", [Phase.CANARY, Phase.PROMOTING])
def test_every_pair_in_a_run(phase, first, second):
    world = held(phase)
    RUNNING[second][0](world)
    RUNNING[first][0](world)
    assert world.reconcile().plan.row == RUNNING[first][1]


@pytest.mark.parametrize("act", ORDER)
def test_suspending_stops_progress_and_nothing_stronger(act):
    world = held(Phase.CANARY)
    suspend(world)
    RUNNING[act][0](world)
    row = world.reconcile().plan.row
    # to follow is no progress: the cohort stays what is being judged
    stopped = act in ("progress", "spec changed")
    assert row == ("judging" if stopped else RUNNING[act][1])


FALLBACK: dict[str, tuple[Act, str]] = {
    "abort": (World.abort, "abort"),
    "breach": (breach, "breach"),
    "drift": (lambda world: world.set_flag(ADAPTIVE, "true", "pecr-next-env"), "drift"),
    "acknowledge": (World.acknowledge, "acknowledge"),
    "follow": (follow, "follow"),
}


@pytest.mark.parametrize(("first", "second"), list(itertools.combinations(FALLBACK, 2)))
def test_every_pair_in_a_fallback(first, second):
    world = World(mood="bad").apply(
        changes=(MODES["Existing"], {"flagDelta": {"batchMode": False}})
    )
    world.to_stage(Phase.FALLBACK, Stage.JUDGING)
    world.mood = "good"
    world.now += 1200
    FALLBACK[second][0](world)
    FALLBACK[first][0](world)
    assert world.reconcile().plan.row == FALLBACK[first][1]


def test_a_crash_in_a_fallback_is_no_new_answer():
    world = World(mood="bad").apply(changes=(ONE_STEP,)).to_stage(Phase.FALLBACK, Stage.JUDGING)
    crash(world)
    world.now += 1200
    assert world.reconcile().plan.row == "breach"


def test_a_new_breach_and_the_acknowledgement_of_the_old_incident():
    """Nobody acknowledges what he has not seen."""
    world = World(mood="bad").apply(changes=(ONE_STEP,)).to_stage(Phase.FALLBACK, Stage.JUDGING)
    world.acknowledge()
    world.now += 1200
    assert world.reconcile().plan.row == "breach"
    world.mood = "good"
    world.settle()
    assert world.status().incident.number == 2
    assert world.notes[-1][1].reason == "IntentRefused"
    assert world.status().incident.command in world.notes[-1][1].message


def test_deleted_is_before_all():
    world = held(Phase.PROMOTING)
    for act, _ in RUNNING.values():
        act(world)
    world.delete()
    assert world.reconcile().plan.row == "deleted"
    assert world.flags() == BEFORE


def test_gone_is_before_all_but_deletion():
    world = held(Phase.PROMOTING)
    for act, _ in RUNNING.values():
        act(world)
    del world.config_maps["pecr-env"]
    drawn = world.reconcile().plan
    assert drawn.row == "gone"
    assert drawn.actions == ()


@pytest.mark.parametrize("phase", [Phase.CANARY, Phase.PROMOTING, Phase.FALLBACK, Phase.COMPLETED])
@pytest.mark.parametrize("mode", sorted(MODES))
def test_a_breach_is_answered_while_suspended(mode, phase):
    always = {"promotion": {"guard": "Always"}}
    world = World().apply(changes=(MODES[mode], always))
    world.mood = "bad" if phase is Phase.FALLBACK else "good"
    world.to_stage(phase, Stage.JUDGING)
    taken = list(world.status().fallback.taken) if world.status().fallback else []
    suspend(world)
    world.mood = "bad"
    world.until(lambda w: w.status().fallback and len(w.status().fallback.taken) > len(taken), 10)
    world.mood = "good"
    world.acknowledge().wait(5)
    assert world.status().incident is not None, "an acknowledgement is progress"
    world.apply("demo", wanted={**world.rollouts["demo"]["spec"], "suspend": False})
    world.settle()
    assert world.status().incident is None


@pytest.mark.parametrize("stage", [Stage.WRITING, Stage.ROLLING_OUT, Stage.JUDGING])
@pytest.mark.parametrize("phase", [Phase.CANARY, Phase.PROMOTING])
def test_suspended_in_any_stage_never_promotes_nor_grows(phase, stage):
    world = World().apply().to_stage(phase, stage)
    suspend(world)
    step, before = world.status().step.index, world.status().phase
    world.wait(60)
    assert (world.status().step.index, world.status().phase) == (step, before)
    assert world.status().stage is Stage.JUDGING
    assert "Suspended" in world.status().message


# Intents


def refused(world: World) -> list[str]:
    return [note.message for _, note in world.notes if note.reason == "IntentRefused"]


@pytest.mark.parametrize("value", ["1", "00000000-1-1", "x" * 600, "--"])
def test_a_wrong_acknowledgement_does_nothing_but_one_event_with_the_command(value):
    world = World(mood="bad").apply(changes=(ONE_STEP,)).until_phase(Phase.FALLBACK)
    world.mood = "good"
    world.acknowledge(value).wait(3)
    assert world.status().phase is Phase.FALLBACK
    assert len(refused(world)) == 1
    assert f"To acknowledge, run: {world.status().incident.command}" in refused(world)[0]
    assert "--overwrite" in refused(world)[0]


def test_an_acknowledgement_of_another_rollout_of_the_same_name_does_nothing():
    world = World(mood="bad").apply(changes=(ONE_STEP,)).until_phase(Phase.FALLBACK)
    old = world.status().incident.id
    world.mood = "good"
    world.acknowledge().settle()
    world.delete().settle()
    assert not world.rollouts
    world.mood = "bad"
    world.apply(changes=(ONE_STEP,), annotations={ACKNOWLEDGE: old}).until_phase(Phase.FALLBACK)
    assert world.status().incident.id != old
    world.wait(1)
    assert world.status().phase is Phase.FALLBACK
    assert len(refused(world)) == 1, "there was nothing to acknowledge, said once"


def test_a_handled_value_is_never_handled_again():
    world = World(mood="bad").apply(changes=(ONE_STEP,)).until_phase(Phase.FALLBACK)
    world.mood = "good"
    world.acknowledge().settle()
    world.mood = "bad"
    world.until(lambda w: w.status().incident is not None)
    assert world.status().incident.id.endswith("-2-1")
    assert refused(world) == []


def test_all_three_wrong_at_once_come_to_rest():
    world = World().apply().to_stage(Phase.CANARY, Stage.JUDGING)
    for n in range(4):
        world.annotate("pecr.dev/promote", f"p{n}").annotate("pecr.dev/abort", f"a{n}")
        world.acknowledge(f"k{n}").settle()
    assert len(refused(world)) == 12
    assert world.status().phase is Phase.CANARY


def test_an_abort_or_a_promote_of_another_run_does_nothing():
    world = World().apply(changes=(ONE_STEP,)).to_stage(Phase.CANARY, Stage.JUDGING)
    run = world.run_id()
    new_spec(world)
    world.until(lambda w: w.status().run == 2 and w.status().stage is Stage.JUDGING)
    world.annotate("pecr.dev/abort", run).annotate("pecr.dev/promote", run).wait(1)
    assert world.status().phase is Phase.CANARY
    assert any(f"pecr.dev/abort={world.run_id()}" in text for text in refused(world))
    assert any(f"pecr.dev/promote={world.run_id()}" in text for text in refused(world))


def test_there_is_nothing_to_abort_when_nothing_runs():
    world = World(errors=("X",)).apply().settle()
    world.annotate("pecr.dev/abort", world.run_id()).wait(1)
    (text,) = refused(world)
    assert text.startswith(f"pecr.dev/abort={world.run_id()!r} does not fit and did nothing.")
    assert text.endswith("There is nothing to abort now.")


def test_an_acknowledgement_of_an_incident_to_come_never_counts_until_it_is_set_again():
    world = World().apply(changes=(ONE_STEP,)).to_stage(Phase.CANARY, Stage.JUDGING)
    world.acknowledge(f"{world.run_id()}-1").settle()
    assert refused(world)[0].endswith("There is nothing to acknowledge now.")
    world.mood = "bad"
    world.until_phase(Phase.FALLBACK)
    world.mood = "good"
    incident = world.status().incident
    assert incident.id == f"{world.run_id()}-1", "ids can be foretold"
    world.acknowledge().wait(5)
    assert world.status().phase is Phase.FALLBACK, "to set what is set already is no change"
    assert len(refused(world)) == 1
    removal, again = incident.command.split(" && ")
    assert removal.endswith(f" {ACKNOWLEDGE}-")
    assert again.endswith(f" --overwrite {ACKNOWLEDGE}={incident.id}")
    world.annotate(ACKNOWLEDGE, None).settle()
    world.acknowledge().until_phase(Phase.CANARY)
    assert world.status().run == 2


@pytest.mark.parametrize("key", ["pecr.dev/promote", "pecr.dev/abort"])
def test_a_promote_or_an_abort_of_a_run_to_come_never_counts(key):
    manual = {"promotion": {"strategy": "Manual"}}
    world = World().apply(changes=(ONE_STEP, manual)).to_stage(Phase.CANARY, Stage.JUDGING)
    world.annotate(key, world.rollout("demo").run_id(2)).settle()
    new_spec(world)
    world.until(lambda w: w.status().run == 2 and "AwaitingPromotion" in w.status().message)
    assert world.status().phase is Phase.CANARY
    verb = key.removeprefix("pecr.dev/")
    assert world.status().handled.refused == [f"{verb}={world.run_id()}"]
    world.annotate(key, None).settle()
    assert world.status().handled.refused == []
    wanted = {"promote": Phase.PROMOTING, "abort": Phase.ABORTED}[verb]
    world.annotate(key, world.run_id()).until_phase(wanted)


def test_an_acknowledgement_is_not_refused_while_the_locks_cannot_be_read():
    world = World(mood="bad").apply(changes=(ONE_STEP,)).until_phase(Phase.FALLBACK)
    incident = world.status().incident.id
    world.delete().settle()
    world.mood, world.unreadable = "good", "leases are forbidden"
    world.apply(changes=(ONE_STEP,)).acknowledge(incident).settle()
    world.unreadable = ""
    world.until_phase(Phase.CANARY)


def test_who_acknowledged_is_recorded_and_cut_to_what_the_status_takes():
    world = World(mood="bad").apply(changes=(ONE_STEP,)).until_phase(Phase.FALLBACK)
    world.mood = "good"
    world.annotate("pecr.dev/acknowledged-by", "o" * 600).acknowledge().settle()
    assert any(entry.by == "o" * 253 for entry in world.status().history)


def test_what_passes_by_itself_is_waited_for_and_is_no_stall():
    world = World().apply()
    finding = Finding(Severity.WAITING, "NoSeriesYet", "Too early.")
    observation = replace(world.look(), preflight=Preflight((finding,)))
    drawn = plan(observation)
    assert (drawn.row, drawn.stalled, drawn.due) == ("preflight", None, world.now + LOOK_AGAIN)
    assert drawn.status.phase is Phase.PENDING
    assert drawn.status.message == "NoSeriesYet: Too early."
