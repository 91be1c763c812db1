"""The samples: what people copy is good, by the models, by lint and by the API server."""

import re
from pathlib import Path

import pytest
import yaml

from api.cases import ROOT
from localcluster.pytest_plugin import TargetNamespace
from pecr_rollout.api.enums import CanaryMode
from pecr_rollout.api.rollout import read
from pecr_rollout.api.types import seconds
from pecr_rollout.cli.lint.check import Known, lint
from pecr_rollout.cli.lint.finding import Severity
from pecrfleet import target_manifests

SAMPLES = ROOT / "manifests" / "samples"
DEMO = SAMPLES / "demo"
ROLLOUTS = [*sorted(SAMPLES.glob("*.yaml")), DEMO / "rollout.yaml"]
each = pytest.mark.parametrize("path", ROLLOUTS, ids=lambda path: str(path.relative_to(SAMPLES)))


def _load(path: Path) -> dict:
    return yaml.safe_load(path.read_text())


def _example() -> dict:
    """Give the rollout that the README shows."""
    text = (ROOT / "README.md").read_text()
    return yaml.safe_load(re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)[0])


def test_there_is_one_for_each_mode():
    modes = {path.stem: read(_load(path)).spec.canary.mode for path in ROLLOUTS[:-1]}
    assert modes == {
        "managed": CanaryMode.MANAGED,
        "existing": CanaryMode.EXISTING,
        "fleet": CanaryMode.FLEET,
    }


@each
def test_begins_with_a_comment_and_names_the_usual_target(path):
    assert path.read_text().startswith("# ")
    target = read(_load(path)).spec.target
    assert (target.deployment, target.config_map) == ("pecr-controller", "pecr-controller-env")


@each
def test_has_nothing_for_lint_to_find(path):
    findings = lint([(path.name, path.read_text())], Known())
    found = {item.rule for item in findings if item.severity is not Severity.NOTE}
    assert found == ({"window"} if path.parent == DEMO else set()), "only the demo's are short"


def test_the_demos_windows_are_seconds():
    spec = read(_load(DEMO / "rollout.yaml")).spec
    windows = [spec.slo.sustained_for, spec.promotion.bake, *(s.hold for s in spec.canary.steps)]
    assert max(map(seconds, windows)) <= 10


def test_the_demos_target_is_the_fleets():
    documents = list(yaml.safe_load_all((DEMO / "target.yaml").read_text()))
    assert documents == target_manifests("pecr", replicas=4)


def _try(namespace: TargetNamespace, documents: list[dict]) -> None:
    for document in documents:
        del document["metadata"]["namespace"]
    manifest = yaml.safe_dump_all(documents)
    namespace.kubectl("apply", "--dry-run=server", "--validate=strict", "-f", "-", input=manifest)


def test_the_readmes_example_is_good():
    assert read(_example()).spec.canary.mode is CanaryMode.MANAGED


@pytest.mark.cluster
def test_the_api_server_takes_the_readmes_example(crd, namespace):
    _try(namespace, [_example()])


@pytest.mark.cluster
@each
def test_the_api_server_takes_it(crd, namespace, path):
    _try(namespace, [_load(path)])


@pytest.mark.cluster
def test_the_api_server_takes_the_demos_target(namespace):
    _, *documents = yaml.safe_load_all((DEMO / "target.yaml").read_text())
    _try(namespace, documents)
