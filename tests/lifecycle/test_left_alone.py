"""A fallback that nobody looks at for thirty days: nothing grows, nothing recovers by itself."""

import pickle
from dataclasses import replace

import pytest

from judge.feeds import DEFAULT, RELATIVE, evaluations, history
from lifecycle.words import MODES
from lifecycle.world import World
from pecr_rollout.api.status import Phase, Stage
from pecr_rollout.judge import SignalJudge

DAYS = 30
HOUR = 3600.0


@pytest.mark.parametrize("mode", sorted(MODES))
def test_thirty_days_in_a_fallback(mode):
    world = World(mood="bad").apply(changes=(MODES[mode],))
    world.until_phase(Phase.FALLBACK, Stage.JUDGING)
    world.mood = "good"
    before = world.tick().status()
    told, done, kept = len(world.notes), len(world.log), len(str(world.rollouts))
    writes = int(world.rollout().metadata.resource_version)
    for hour in range(DAYS * 24):
        world.mood = ("good", "silent", "blip")[hour // 240]
        world.tick(HOUR)
        status = world.status()
        assert (status.phase, status.stage, status.run) == (before.phase, before.stage, before.run)
        assert status.incident == before.incident
        assert status.environment == before.environment
    assert len(world.notes) == told
    assert len(world.log) == done, "nothing was written to the cluster"
    assert len(str(world.rollouts)) < kept + 500, "the status does not grow"
    written = int(world.rollout().metadata.resource_version) - writes
    assert written <= DAYS * 24 + 2, "at most one write an evaluation, of figures"
    assert status.history == before.history
    assert len(world.reports[world.rollout().metadata.uid]) == 1
    assert status.message == before.message, "the command that ends it is still there"
    world.mood = "good"
    world.acknowledge().until_phase(Phase.COMPLETED, Stage.IDLE)


def test_a_judge_remembers_no_more_after_thirty_days():
    settings = replace(DEFAULT, tick=300)
    judge = SignalJudge(RELATIVE, settings, history())
    sizes = []
    for number, evaluation in enumerate(evaluations(DAYS * 288, 0.012, settings=settings)):
        judge.add(evaluation)
        if number % 288 == 287:
            sizes.append(len(pickle.dumps(judge)))
    assert max(sizes[1:]) < 1.05 * sizes[1]
    assert judge.verdict().sentence
