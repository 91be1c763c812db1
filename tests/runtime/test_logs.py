"""Logs: every line of a rollout names it, its run and its step, also for machines."""

import json
import logging
from collections.abc import Iterator

import pytest

from pecr_rollout.api.rollout import ControllerRollout
from pecr_rollout.api.status import Status, StepStatus
from pecr_rollout.runtime import logs


@pytest.fixture(autouse=True)
def handlers_as_before() -> Iterator[None]:
    before = logging.root.handlers[:]
    yield
    logging.root.handlers[:] = before


def a_rollout() -> ControllerRollout:
    metadata = {"name": "a", "namespace": "ns"}
    status = Status(run=3, step=StepStatus(index=2, of=4))
    built = ControllerRollout.model_construct(status=status)
    return built.model_copy(
        update={"metadata": ControllerRollout.model_fields["metadata"].annotation(**metadata)}
    )


def test_a_line_for_machines_is_one_json_object(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("json", verbose=False)
    logs.of_rollout(a_rollout(), "json").info("breach: %s", "too slow")
    line = json.loads(capsys.readouterr().err)
    assert (line["rollout"], line["run"], line["step"]) == ("ns/a", 3, 2)
    assert (line["message"], line["level"]) == ("breach: too slow", "INFO")


def test_a_line_for_people_begins_with_the_rollout(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("plain", verbose=False)
    logs.of_rollout(a_rollout(), "plain").warning("breach")
    logs.LOGGER.info("of no rollout")
    first, second = capsys.readouterr().err.splitlines()
    assert first.endswith("ns/a run 3: breach")
    assert second.endswith("of no rollout")


def test_a_text_of_a_resource_forges_no_line(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("plain", verbose=False)
    logs.of_rollout(a_rollout(), "plain").info("%s", "x\ny\u2028z\x1b[31m Größe")
    [line] = capsys.readouterr().err.splitlines()
    assert line.endswith("ns/a run 3: x\\ny\\u2028z\\x1b[31m Größe")
    logs.LOGGER.error("a bug", exc_info=ValueError("why"))
    assert "\nValueError: why" in capsys.readouterr().err, "a traceback keeps its lines"
