"""A status that somebody wrote by hand: it cannot be read, or it is planned with; no third way."""

from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import ValidationError

from hostile.forms import check_forms
from hostile.schema import Json, example, schema
from hostile.texts import HOSTILE
from lifecycle.words import ONE_STEP
from lifecycle.world import World
from pecr_rollout.api.status import Phase, Status
from pecr_rollout.lifecycle.actions import WriteReport
from pecr_rollout.lifecycle.observation import FIGURES_EVERY
from pecr_rollout.lifecycle.plan import plan, worth_writing

STATUS = schema()["status"]
NUMBERS = (-1, 0, 2, 2**63 - 1, -(2**63), 1e300, -1e300, 1e-300)
TIMES = ("0000-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2026-11-01t10:00:00z")
TIMES += ("2026-11-01T10:00:00.123456789Z", "2026-11-01T10:00:00+14:00", "2026-12-31T23:59:60Z")
PHASES = (Phase.CANARY, Phase.FALLBACK, Phase.COMPLETED)
TEXTS = ("", *HOSTILE[::8])


def world_in(phase: Phase) -> World:
    """Give a world with a rollout in a phase."""
    world = World(mood="bad" if phase is Phase.FALLBACK else "good")
    return world.apply(changes=(ONE_STEP,)).until_phase(phase)


def spoilt(node: Json, there: Any) -> Iterator[Any]:
    """Give values in place of one, each with garbage that the schema takes at one place."""
    if "enum" in node:
        yield from node["enum"]
    elif "properties" in node:
        for name, inner in node["properties"].items():
            yield from ({**there, name: garbage} for garbage in spoilt(inner, there[name]))
            yield {key: value for key, value in there.items() if key != name}
    elif isinstance(node.get("additionalProperties"), dict):
        yield from ({text: value} for value in there.values() for text in TEXTS)
        for key, value in there.items():
            found = spoilt(node["additionalProperties"], value)
            yield from ({**there, key: garbage} for garbage in found)
    elif "items" in node:
        yield from ([], there[:1] * node["maxItems"])
        yield from ([value] for value in spoilt(node["items"], there[0]))
    elif node.get("format") == "date-time":
        yield from TIMES
    else:
        yield from scalars(node)


def scalars(node: Json) -> Iterator[Any]:
    """Give garbage in place of a text, a number or a truth."""
    if node["type"] == "string":
        longest = node.get("maxLength", 16)
        yield from (text[:longest] for text in (*TEXTS, "😀" * longest))
    elif node["type"] == "boolean":
        yield from (True, False)
    else:
        whole = node["type"] == "integer"
        yield from (number for number in NUMBERS if isinstance(number, int) or not whole)


def completed(node: Json, there: Any) -> Any:
    """Give a status with what it lacks."""
    if there in (None, [], {}):
        return example(node)
    if isinstance(there, list):
        return [completed(node["items"], entry) for entry in there]
    if isinstance(there, dict) and "properties" in node:
        inner = node["properties"]
        return {name: completed(inner[name], there.get(name)) for name in inner}
    return there


@pytest.mark.parametrize("phase", PHASES)
def test_no_garbage_is_a_bug(phase):
    world = world_in(phase)
    body = world.rollouts["demo"]
    before = completed(STATUS, body["status"])
    unreadable = 0
    for status in spoilt(STATUS, before):
        body["status"] = status | {"reported": "another"}
        world.read.clear()
        try:
            observation = world.look()
        except ValidationError:
            unreadable += 1  # it stalls alone, as runtime/unreadable.py says
            continue
        drawn = plan(observation)
        worth_writing(observation.rollout.status, drawn.status, world.now, FIGURES_EVERY)
        Status.model_validate_json(drawn.status.model_dump_json(by_alias=True))
        for action in drawn.actions:
            if isinstance(action, WriteReport):
                check_forms(action.report)
    assert unreadable
