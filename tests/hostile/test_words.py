"""What a resource says, in what people and machines are shown: report, Event, command."""

import shlex

import pytest

from hostile.forms import check_forms
from hostile.texts import HOSTILE
from lifecycle.words import ONE_STEP
from lifecycle.world import World
from pecr_rollout.api.rollout import ACKNOWLEDGE
from pecr_rollout.api.status import Phase
from pecr_rollout.cluster.events import LONGEST_NOTE, Announcement, event_manifest
from pecr_rollout.lifecycle.actions import WriteReport
from pecr_rollout.lifecycle.plan import plan


@pytest.fixture(scope="module")
def world() -> World:
    """A rollout in a fallback, whose report is due."""
    return World(mood="bad").apply(changes=(ONE_STEP,)).until_phase(Phase.FALLBACK)


@pytest.mark.parametrize("text", [*HOSTILE, "😀" * 64], ids=ascii)
def test_a_text_stays_a_text(world, text):
    body = world.rollouts["demo"]
    body["spec"]["rollbackOwner"] |= {"name": text, "contact": text}
    body["metadata"]["annotations"] = {
        f"pecr.dev/{name}": text * 3 for name in ("acknowledge", "promote", "abort")
    }
    body["status"]["reported"] = "another"
    world.read.clear()
    observation = world.look()
    drawn = plan(observation)
    [report] = [action.report for action in drawn.actions if isinstance(action, WriteReport)]
    assert report.rollout.owner.name == text
    check_forms(report)
    id_ = drawn.status.incident.id
    annotate = (
        f"kubectl annotate controllerrollout demo -n {observation.rollout.metadata.namespace}"
    )
    command = f"{annotate} --overwrite {ACKNOWLEDGE}={id_}"
    assert report.rollout.acknowledge_command == command == shlex.join(shlex.split(command))
    assert len(drawn.notes) == 3
    for note in drawn.notes:
        told = Announcement(note.key, note.reason, note.message, world.now)
        assert len(event_manifest(observation.rollout, told)["note"].encode()) <= LONGEST_NOTE
        assert note.message.isprintable(), "a terminal shows it"
