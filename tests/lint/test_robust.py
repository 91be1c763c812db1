"""Whatever stands in a manifest, lint says something of it, and never fails."""

import copy

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from lint.harness import GOOD, config_map, deployment, dump, good
from pecr_rollout.cli.lint.check import Known, lint
from pecr_rollout.cli.lint.render import Format, render

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=4,
)


def places(value, around=()):
    """Give the path of every part of a document."""
    yield around
    if not isinstance(value, dict | list):
        return
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
        yield from places(inner, (*around, key))


@st.composite
def manifests(draw: st.DrawFn) -> str:
    """Draw a rollout and its target with one part replaced by anything."""
    documents = [good(), config_map(), deployment(env=[{"name": "A", "value": "b"}])]
    number = draw(st.integers(0, 2))
    path = draw(st.sampled_from([path for path in places(documents[number]) if path]))
    part = documents[number] = copy.deepcopy(documents[number])
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = draw(ANYTHING)
    return dump(*documents)


@settings(max_examples=150, deadline=None)
@given(manifests())
def test_any_part_may_be_anything(text: str):
    findings = lint([("f.yaml", text)], Known(rps=50, replicas=10))
    for form in Format:
        assert render(findings, form)
    lines = len(text.splitlines())
    assert all(1 <= item.place.line <= lines for item in findings)


@settings(max_examples=200, deadline=None)
@given(st.text() | st.text(alphabet="{}[]&*!|>-?:,#'\"%@` \n\tab1"))
def test_any_text(text: str):
    lint([("f.yaml", text)], Known())


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2000), st.characters())
def test_one_character_wrong(at: int, character: str):
    text = GOOD.read_text()
    lint([("f.yaml", text[:at] + character + text[at + 1 :])], Known())


def test_lists_as_kubectl_writes_them():
    listed = {"apiVersion": "v1", "kind": "List", "items": [config_map(), good(flagDelta={})]}
    text = yaml.safe_dump(listed, sort_keys=False)
    (finding,) = [item for item in lint([("f", text)], Known()) if item.severity == "error"]
    assert finding.field == "spec.flagDelta"
    assert "flagDelta" in text.splitlines()[finding.place.line - 1]
