"""The generated definition: up to date, structural, bounded, every rule tried by a bad case."""

from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from api.cases import BAD, ROOT
from pecr_rollout.api.crd import definition, render, schema
from pecr_rollout.api.schema import RULES

MODELS = ROOT / "operator" / "pecr_rollout" / "api"
COMMITTED = ROOT / "crds" / "controllerrollouts.pecr.dev.yaml"


def _schemas(node: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    yield path, node
    for name, inner in node.get("properties", {}).items():
        yield from _schemas(inner, f"{path}.{name}")
    for name in ("items", "additionalProperties"):
        if name in node:
            yield from _schemas(node[name], f"{path}[]")


TEXT = render()
ALL = dict(_schemas(schema()))
OURS = {path: node for path, node in ALL.items() if path.startswith((".spec", ".status"))}
RULES_OF_ALL = [(path, entry) for path, node in ALL.items() for entry in node.get(RULES, ())]


def test_the_committed_definition_is_the_generated_one():
    assert COMMITTED.read_text(encoding="utf-8") == TEXT, "run `make crds`"


def test_it_is_the_same_at_each_call_and_says_that_it_is_generated():
    assert definition() == definition()
    assert TEXT.startswith("# Generated from")
    assert yaml.load(TEXT, yaml.CSafeLoader) == definition()


def test_its_names():
    spec = definition()["spec"]
    assert (spec["group"], spec["scope"]) == ("pecr.dev", "Namespaced")
    assert spec["names"]["shortNames"] == ["cro"]
    assert spec["names"]["categories"] == ["pecr"]
    (version,) = spec["versions"]
    assert version["name"] == "v1alpha1"
    assert version["subresources"] == {"status": {}}


@pytest.mark.parametrize(("path", "node"), OURS.items(), ids=OURS)
def test_every_part_is_structural_bounded_and_described(path, node):
    kind = node.get("type", "integer or string")
    assert kind == "integer or string" or "x-kubernetes-int-or-string" not in node
    bound = {"string": "maxLength", "array": "maxItems", "integer or string": "maxLength"}
    if "additionalProperties" in node:
        assert "maxProperties" in node
    elif kind in bound and "enum" not in node:
        assert bound[kind] in node
    if not path.endswith("[]"):
        assert node["description"].endswith(".")
    unknown = {"$ref", "anyOf", "title", "examples", "propertyNames", "patternProperties", "const"}
    assert not unknown & node.keys()
    assert isinstance(node.get("exclusiveMinimum", True), bool)


def test_an_object_defaults_to_nothing_so_that_its_fields_defaults_apply():
    spec = schema()["properties"]["spec"]["properties"]
    for name in ("analysis", "baseline", "promotion", "fallback"):
        assert spec[name]["default"] == {}
    assert spec["analysis"]["properties"]["interval"]["default"] == "30s"


def test_the_status_is_defaulted_as_a_whole():
    status = schema()["properties"]["status"]
    assert status["default"] == {"observedGeneration": -1, "phase": "Pending"}
    inner = [node for path, node in _schemas(status) if path]
    assert not any("default" in node for node in inner)


def _tried(path: str, entry: dict[str, str]) -> bool:
    cure = entry["message"]
    return any(bad.cure.split("; found")[0] in cure or cure in bad.cure for bad in BAD)


@pytest.mark.parametrize(
    ("path", "entry"), [r for r in RULES_OF_ALL if "oldSelf" not in r[1]["rule"]], ids=str
)
def test_every_rule_has_a_bad_case(path, entry):
    assert _tried(path, entry), f"{path}: no case in cases.py is refused with {entry['message']!r}"


def test_every_rule_is_a_sentence_that_says_what_to_write():
    starts = {entry["message"].split()[0] for _, entry in RULES_OF_ALL}
    assert starts - {"write", "give", "name", "let", "use", "say"} == {
        "mode",  # Fleet leaves no rest of the fleet: use …
        "target",  # cannot be changed …: wait …
        "canary.mode",
        "canary.existing",
    }


@pytest.mark.parametrize("path", sorted(MODELS.glob("*.py")), ids=lambda path: path.stem)
def test_no_validator_refuses_without_a_rule_of_the_api_server(path):
    """Twins share one sentence: a validator says `require(…, RULE)`, in the rule's own words."""
    if path.stem not in {"types", "schema"}:  # `require` itself, and what is no validator
        assert "raise ValueError" not in path.read_text()


MAPS = [
    (path, node) for path, node in OURS.items()
    if "additionalProperties" in node and path.startswith(".spec")
]  # fmt: skip


@pytest.mark.parametrize(("path", "node"), MAPS, ids=[path for path, _ in MAPS])
def test_every_map_has_a_rule_for_its_keys(path, node):
    assert any("self.all(k, " in entry["rule"] for entry in node[RULES])
