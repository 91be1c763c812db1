"""The same cases on a real API server: it says what the models say."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.cases import BAD, GOOD, good
from api.strategies import specs
from pecr_rollout.api.crd import definition
from pecr_rollout.api.rollout import ControllerRollout, read
from pecr_rollout.api.status import Phase
from pecrfleet.kube import KubeError

pytestmark = pytest.mark.cluster

ONLINE = settings(deadline=None, max_examples=25, suppress_health_check=list(HealthCheck))


@pytest.mark.parametrize("bad", BAD, ids=lambda bad: bad.name)
def test_refuses_what_is_bad_with_the_field_and_the_cure(refusal, bad):
    message = refusal(good(bad.changes))
    assert bad.field in message
    assert bad.cure in message
    # No words for programmers: a pattern, or a rule that could not be evaluated.
    assert "should match" not in message
    assert "no such key" not in message
    assert "no such overload" not in message


@pytest.mark.parametrize("changes", GOOD, ids=str)
def test_takes_what_is_good(try_create, changes):
    assert read(try_create(good(changes))).status.phase is Phase.PENDING


@ONLINE
@given(spec=specs())
def test_takes_what_the_models_take(try_create, spec):
    body = good({"spec": spec})
    assert read(try_create(body)).spec == read(body).spec


@ONLINE
@given(spec=specs(), data=st.data())
def test_judges_a_spoilt_spec_as_the_models_do(try_create, spec, data):
    path, value = data.draw(st.sampled_from(SPOILS))
    body = good({"spec": spec})
    try:
        body = good({"spec": spec, path: value})
    except (KeyError, IndexError):
        return  # it has no such field to spoil
    assert _taken(try_create, body) == _readable(body), body


SPOILS = [
    (path, value)
    for bad in BAD
    if bad.twin and len(bad.changes) == 1 and "metadata" not in bad.name
    for path, value in bad.changes.items()
]


def _taken(try_create, body) -> bool:
    try:
        try_create(body)
    except KubeError:
        return False
    return True


def _readable(body) -> bool:
    try:
        ControllerRollout.model_validate_json(json.dumps(body), strict=True)
    except ValueError:
        return False
    return True


def _doubled(node: Any) -> Any:
    if isinstance(node, list):
        return [_doubled(inner) for inner in node]
    if not isinstance(node, dict):
        return node
    bounds = ("maxItems", "maxLength", "maxProperties")
    return {
        key: 2 * value if key in bounds and isinstance(value, int) else _doubled(value)
        for key, value in node.items()
    }


def test_the_rules_cost_less_than_half_of_what_the_api_server_allows(localcluster):
    """It estimates the cost of the rules from the bounds, and refuses a definition over it."""
    manifest = json.dumps(_doubled(definition()))
    localcluster.kubectl("apply", "--server-side", "--dry-run=server", "-f", "-", input=manifest)


def test_null_counts_as_absent(refusal):
    assert "spec.target.deployment" in refusal(good({"spec/target/deployment": None}))
