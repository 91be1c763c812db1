"""The operator may end between any two steps: what comes of it in the end is the same."""

import os
from collections.abc import Callable
from typing import Any

import pytest

from lifecycle.words import ENGINE, MODES, Json
from lifecycle.world import Crash, World
from pecr_rollout.api.status import Phase, Stage

LONG = os.environ.get("PECR_HYPOTHESIS") == "long"
Story = Callable[[Json], World]


def promoted(mode: Json, world: World) -> World:
    return world.apply(changes=(mode,)).until_phase(Phase.COMPLETED, Stage.IDLE)


def fallen_and_acknowledged(mode: Json, world: World) -> World:
    world.mood = "bad"
    world.apply(changes=(mode,))
    world.until(lambda w: w.status().fallback and w.status().fallback.exhausted)
    world.mood = "good"
    world.until_phase(Phase.FALLBACK, Stage.JUDGING)
    return world.acknowledge().until_phase(Phase.COMPLETED, Stage.IDLE)


def crashed_aborted_acknowledged(mode: Json, world: World) -> World:
    world.fate = lambda _, environment: "crash" if environment.get(ENGINE) == "rlm" else "ok"
    world.apply(changes=(mode,)).until_phase(Phase.FALLBACK, Stage.IDLE)
    world.abort().until_phase(Phase.ABORTED, Stage.IDLE)
    world.fate = "ok"
    world.acknowledge().until_phase(Phase.PROMOTING)
    world.edit(mode, {"flagDelta": {"batchMode": False}})
    return world.until(
        lambda w: w.status().phase is Phase.COMPLETED and w.status().stage is Stage.IDLE
    )


def guarded_then_deleted(mode: Json, world: World) -> World:
    always = {"promotion": {"guard": "Always"}}
    world.apply(changes=(mode, always)).until_phase(Phase.COMPLETED, Stage.JUDGING)
    world.mood = "bad"
    world.until_phase(Phase.FALLBACK, Stage.JUDGING)
    world.delete().settle()
    return world.tick()


def created_again_and_acknowledged(mode: Json, world: World) -> World:
    world.mood = "bad"
    world.apply(changes=(mode,)).until_phase(Phase.FALLBACK, Stage.JUDGING)
    incident = world.status().incident.id
    world.delete().settle()
    world.mood = "good"
    world.tick().apply(changes=(mode,)).tick()
    world.acknowledge(incident).until_phase(Phase.COMPLETED, Stage.IDLE)
    assert "IntentRefused" not in [note.reason for _, note in world.notes]
    return world


STORIES = [
    promoted,
    fallen_and_acknowledged,
    crashed_aborted_acknowledged,
    guarded_then_deleted,
    created_again_and_acknowledged,
]


class Mortal(World):
    """A world whose operator ends once, after a given number of steps, and starts again."""

    steps: int = 0
    dies_at: int = -1

    def _live(self) -> None:
        self.steps += 1
        if self.steps == self.dies_at:
            raise Crash


def outcome(world: World) -> dict[str, Any]:
    """Give what there is in the end, without times and counters."""
    first = {uid: n for n, uid in enumerate(sorted({k.holder for k in world.leases.values()}))}
    statuses = {}
    for name in world.rollouts:
        status = world.status(name)
        statuses[name] = (
            status.phase,
            status.stage,
            status.run,
            status.environment,
            status.promoted,
            status.incident is None,
            [(entry.run, entry.phase) for entry in status.history],
        )
    return {
        "statuses": statuses,
        "flags": {name: there.data for name, there in world.config_maps.items()},
        "pods": {
            name: (there.stamp, there.running, there.rolls)
            for name, there in world.deployments.items()
        },
        "leases": {k: (first[v.holder], v.incident is None) for k, v in world.leases.items()},
        "incidents": [i[8:] for i in world.incidents],
        "snapshots": len(world.snapshots),
    }


@pytest.mark.parametrize("mode", sorted(MODES))
@pytest.mark.parametrize("story", STORIES)
def test_a_crash_at_any_point_changes_nothing_in_the_end(mode, story):
    whole = Mortal()
    expected = outcome(story(MODES[mode], whole))
    every = 1 if LONG else 7 if mode == "Managed" else 13
    for step in range(1, whole.steps + 1, every):
        world = Mortal()
        world.dies_at = step
        assert outcome(story(MODES[mode], world)) == expected, f"after step {step}"


def guarded(mode: Json) -> World:
    """Give a world whose completed run is guarded, and falls at the next reconcile."""
    world = World()
    always = {"promotion": {"guard": "Always"}}
    world.apply(changes=(mode, always)).until_phase(Phase.COMPLETED, Stage.JUDGING).wait(12)
    world.mood = "bad"
    return world


@pytest.mark.parametrize("mode", sorted(MODES))
@pytest.mark.parametrize("after", range(6))
def test_an_incident_outlives_the_guarded_run_that_goes_as_it_falls(mode, after):
    """However soon after the breach it is deleted: a guarded run had no finalizer before."""
    world = guarded(MODES[mode])
    for _ in range(after):
        world.reconcile("demo")
    incident = world.status().incident
    world.delete().settle().tick()
    marks = {lease.incident for lease in world.leases.values()}
    assert marks == ({incident.id} if incident else set())
    assert world.rollouts == {}


def test_a_guarded_run_whose_breach_was_over_at_once_is_as_before():
    world = guarded(MODES["Managed"])
    world.reconcile("demo")
    assert world.rollouts["demo"]["metadata"]["finalizers"], "the incident is recorded next"
    world.mood = "good"
    world.settle().tick()
    assert world.rollouts["demo"]["metadata"]["finalizers"] == []
    assert world.status().incident is None
