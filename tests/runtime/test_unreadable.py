"""A resource that cannot be read: it says so, once, and nothing else of it is touched."""

from copy import deepcopy
from typing import Any

import pytest
from pydantic import ValidationError

from cluster.builders import rollout_body
from pecr_rollout.api.rollout import read
from pecr_rollout.runtime.unreadable import sentence, stall_unreadable


class Editor:
    """Takes JSON patches, and carries them out on what is under /status."""

    def __init__(self, body: dict[str, Any]) -> None:
        self.body = deepcopy(body)
        self.edits = 0

    async def edit(self, resource, namespace, name, operations, *, subresource=None):
        assert (namespace, name, subresource) == ("ns", "rlm-engine", "status")
        self.edits += 1
        guard, *changes = operations
        assert guard["path"] == "/metadata/resourceVersion"
        assert guard["value"] == self.body["metadata"]["resourceVersion"]
        for change in changes:
            *parents, last = change["path"].strip("/").split("/")
            place = self.body
            for parent in parents:
                place = place[parent]
            place[last] = change["value"]
        self.body["metadata"]["resourceVersion"] = str(int(guard["value"]) + 1)
        return deepcopy(self.body)


def refused(**changes: Any) -> tuple[dict[str, Any], ValidationError]:
    body = rollout_body(**changes)
    with pytest.raises(ValidationError) as caught:
        read(body)
    return body, caught.value


def test_the_sentence_names_the_field_and_what_was_found() -> None:
    _, error = refused(slo={"sustainedFor": "2 weeks", "latency": {"p95": "1s"}})
    assert "spec.slo.sustainedFor: " in sentence(error)
    assert "(found '2 weeks')" in sentence(error)


def test_many_problems_are_counted() -> None:
    steps = [{"cohort": "x", "hold": "y"} for _ in range(4)]
    _, error = refused(canary={"steps": steps})
    said = sentence(error)
    assert f"and {error.error_count() - 3} more." in said


async def test_it_stalls_and_keeps_the_rest_of_its_status() -> None:
    body, error = refused(slo={"latency": {"p95": "soon"}})
    mine = {"type": "SLOMet", "status": "True", "reason": "Within"}
    body["metadata"]["generation"] = 4
    body["status"] = {
        "phase": "Canary",
        "run": 2,
        "conditions": [mine, {"type": "Ready", "status": "True", "reason": "Old"}],
    }
    editor = Editor(body)
    written = await stall_unreadable(editor, body, error, 0.0)
    assert written is not None
    status = written["status"]
    assert (status["phase"], status["run"], status["observedGeneration"]) == ("Canary", 2, 4)
    found = {c["type"]: c for c in status["conditions"]}
    assert found["SLOMet"] == mine
    assert {name: found[name]["status"] for name in ("Ready", "Reconciling", "Stalled")} == {
        "Ready": "False",
        "Reconciling": "False",
        "Stalled": "True",
    }
    assert found["Stalled"]["reason"] == "Unreadable"
    assert "spec.slo.latency.p95" in status["message"]
    assert written["spec"] == body["spec"]


async def test_it_says_so_once() -> None:
    body, error = refused(slo={"latency": {"p95": "soon"}})
    editor = Editor(body)
    written = await stall_unreadable(editor, body, error, 0.0)
    assert written is not None
    assert await stall_unreadable(editor, written, error, 60.0) is None
    assert editor.edits == 1


async def test_a_resource_without_any_status_is_written_too() -> None:
    body, error = refused(slo={"latency": {"p95": "soon"}})
    body.pop("status", None)
    written = await stall_unreadable(Editor(body), body, error, 0.0)
    assert written is not None
    assert written["status"]["message"].startswith("Stalled, and nothing is written")
