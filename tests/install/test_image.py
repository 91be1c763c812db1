"""Dockerfile and workflows, as far as they can be checked where no Docker runs."""

import re
import subprocess
import sys
from pathlib import Path

import yaml

from localcluster.binaries import Binaries
from pecr_packaging.render import ROOT
from pecr_rollout import __version__

DOCKERFILE = ROOT / "operator" / "Dockerfile"
WORKFLOWS = ROOT / ".github" / "workflows"


def test_the_dockerfile_is_clean():
    hadolint = Path(sys.executable).parent / "hadolint"
    subprocess.run([hadolint, DOCKERFILE], check=True)


def test_the_image_is_locked_down():
    text = DOCKERFILE.read_text()
    final = text[text.rindex("\nFROM ") :]
    assert "USER 65532:65532" in final
    assert "PYTHONSAFEPATH=1" in final
    assert "distroless" in final
    assert "RUN" not in final, "it has no shell"
    assert "--require-hashes" in text
    [build, run] = re.findall(r"^FROM \S*python(?:3-debian|:3\.)(\d+)", text, re.MULTILINE)
    assert (build, run) == ("13", "13"), "both have Python 3.13 of Debian 13"


def test_the_context_holds_what_is_copied_and_no_more():
    kept = DOCKERFILE.with_name("Dockerfile.dockerignore").read_text().splitlines()
    allowed = {line.removeprefix("!") for line in kept if line.startswith("!")}
    copied = set(re.findall(r"^COPY (?!--from)(\S+)", DOCKERFILE.read_text(), re.MULTILINE))
    assert copied == allowed
    assert "*" in kept
    assert all((ROOT / path).exists() for path in copied)


def test_the_source_root_is_no_package():
    found = {path.name for path in (ROOT / "operator").iterdir() if path.suffix == ".py"}
    assert found == set()


def test_the_workflows_are_sound():
    actionlint = Binaries().path("actionlint")
    paths = sorted(WORKFLOWS.glob("*.yml"))
    subprocess.run([actionlint, "-no-color", "-shellcheck=", "-pyflakes=", *paths], check=True)


def test_actions_are_pinned_and_rights_are_few():
    for path in WORKFLOWS.glob("*.yml"):
        text = path.read_text()
        for used in re.findall(r"uses: (\S+)", text):
            assert used.startswith("./") or re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", used), used
        assert yaml.safe_load(text)["permissions"] == {"contents": "read"}


def test_versions_agree():
    chart = yaml.safe_load((ROOT / "charts/pecr-rollout-operator/Chart.yaml").read_text())
    assert chart["version"] == chart["appVersion"] == __version__
    assert f'version = "{__version__}"' in (ROOT / "pyproject.toml").read_text()
