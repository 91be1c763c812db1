"""The models refuse what the API server refuses, and keep what they read."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from pydantic import ValidationError

from api.cases import BAD, GOOD, good
from api.strategies import specs
from pecr_rollout.api.rollout import ControllerRollout, read
from pecr_rollout.api.spec import Spec
from pecr_rollout.api.status import Status, StepStatus
from pecr_rollout.api.types import seconds


def _strictly(body: dict) -> ControllerRollout:
    """Read it as `lint` does: as JSON, nothing coerced."""
    body = {key: value for key, value in body.items() if value is not None}
    return ControllerRollout.model_validate_json(json.dumps(body), strict=True)


@pytest.mark.parametrize("bad", [bad for bad in BAD if bad.twin], ids=lambda bad: bad.name)
def test_refuses_what_is_bad(bad):
    with pytest.raises(ValidationError):
        _strictly(good(bad.changes))


@pytest.mark.parametrize("changes", [case for case in GOOD if None not in case.values()], ids=str)
def test_reads_what_is_good(changes):
    assert _strictly(good(changes)) == read(good(changes))


def test_a_refusal_is_the_sentence_of_the_api_server():
    with pytest.raises(ValidationError, match="let p95 be at most p99"):
        read(good({"spec/slo/latency": {"p95": "2s", "p99": "1s"}}))


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=50)
@given(spec=specs())
def test_a_spec_survives_the_wire(spec):
    read_once = Spec.model_validate(spec)
    wire = read_once.model_dump(mode="json", exclude_none=True)
    assert Spec.model_validate_json(json.dumps(wire), strict=True) == read_once
    assert Spec.model_validate(wire).identity() == read_once.identity()


def test_a_status_survives_the_wire():
    status = Status(step=StepStatus(index=2, of=3))
    wire = status.model_dump(mode="json", exclude_none=True)
    assert wire["step"]["progress"] == "2/3"
    assert Status.model_validate(wire) == status


@pytest.mark.parametrize(
    ("text", "value"), [("1h30m", 5400), ("1200ms", 1.2), ("90s", 90), ("1s500ms", 1.5)]
)
def test_durations_in_seconds(text, value):
    assert seconds(text) == value
