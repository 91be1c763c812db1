"""What the documents say can be done: files are there, values are known, samples build."""

import re
import shlex
import subprocess

import pytest
import yaml

from localcluster.binaries import Binaries
from pecr_packaging.render import CHART, ROOT, render
from pecr_rollout.cli.main import run

COMMAND = re.compile(r"^(?: {4}| {7})((?:kubectl|helm|pecr-rollout) .*)$", re.MULTILINE)
DOCUMENTS = [
    ROOT / "docs" / f"{name}.md"
    for name in ("install", "security", "upgrade", "gitops", "reliability")
]
DOCUMENTS.append(ROOT / "SECURITY.md")


def commands():
    """Give the commands of the documents: indented lines, continued ones joined."""
    for document in DOCUMENTS:
        text = document.read_text().replace("\\\n", " ")
        for line in re.findall(
            r"^(?: {4}|\t| {7})((?:kubectl|helm|pecr-rollout) .*)$", text, re.MULTILINE
        ):
            yield document.name, line


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document):
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", document.read_text()):
        if not target.startswith("http"):
            assert (document.parent / target).exists(), target


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_files_that_are_named_are_there(document):
    for path in re.findall(r"(?<![\w/])((?:charts|manifests|crds)/[\w./-]*)", document.read_text()):
        assert (ROOT / path.rstrip(".")).exists(), path


@pytest.mark.parametrize(("document", "command"), list(commands()))
def test_commands_are_complete(document, command):
    """Every one can be split as a shell does, and its values are known to the chart."""
    words = shlex.split(command)
    sets = [words[i + 1] for i, word in enumerate(words) if word == "--set"]
    if words[0] == "helm" and sets:
        more = [f"--set={each}" for each in sets]
        url = {"prometheus": {"url": "http://prometheus:9090"}}
        assert render(Binaries().path("helm"), url, *more)
    if words[0] == "pecr-rollout":
        assert run([words[1], "--help"]) == 0


def test_values_that_are_named_exist():
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    named = re.findall(r"`(\w+(?:\.\w+)+)[`:=]", "".join(d.read_text() for d in DOCUMENTS))
    known = [name for name in named if name.split(".")[0] in values and not name.endswith(".yaml")]
    assert len(known) > 8
    for name in known:
        part = values
        for key in name.split("."):
            assert key in part, name
            part = part[key]


def test_the_overlay_of_the_documents_builds(tmp_path):
    [sample] = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs/install.md").read_text(), re.DOTALL)
    remote = re.compile(r"https://\S+//(manifests/[\w-]+)\S*")
    local = remote.sub(lambda m: str(ROOT / m[1]), sample)
    link = tmp_path / "overlay"
    link.mkdir()
    # kustomize takes relative paths only
    local = local.replace(str(ROOT), "../" * len(link.parts[1:]) + str(ROOT)[1:])
    (link / "kustomization.yaml").write_text(local)
    kubectl = Binaries().path("kubectl")
    built = subprocess.run([kubectl, "kustomize", link], capture_output=True, text=True, check=True)
    assert "value: http://prometheus.observability.svc:9090" in built.stdout
    assert "--all-namespaces" in built.stdout
    assert "name: PECR_NOTIFY_URLS_FILE\n          value: /notifications/urls" in built.stdout
    assert "secretName: pecr-rollout-receivers" in built.stdout


@pytest.mark.parametrize("folder", ["namespaced", "cluster-wide", "monitoring", "policies/fill-in"])
def test_bases_build(folder):
    kubectl = Binaries().path("kubectl")
    place = ROOT / "manifests" / folder
    built = subprocess.run(
        [kubectl, "kustomize", place], capture_output=True, text=True, check=True
    )
    text = built.stdout
    if folder == "namespaced":
        assert "--namespace=pecr" in text
        assert "values:\n        - pecr\n" in text
        assert "kind: ClusterRoleBinding" not in text
    assert "CustomResourceDefinition" not in text, "`delete -k` would delete every rollout"


def test_the_flux_sample_reads_what_the_status_has():
    [sample] = yaml.safe_load_all((ROOT / "manifests/flux/rollouts.yaml").read_text())
    [check] = sample["spec"]["healthCheckExprs"]
    crd = yaml.safe_load((ROOT / "crds/controllerrollouts.pecr.dev.yaml").read_text())
    schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    for name in ("current", "failed", "inProgress"):
        for field in re.findall(r"status\.(\w+)", check[name].replace("c.status", "")):
            assert field in schema["properties"]["status"]["properties"]
