"""The action, the workflow and the examples of docs/ci.md."""

import json
import os
import re
import stat
import subprocess
from pathlib import Path

import pytest
import yaml

from guard.harness import DATA, ROOT
from localcluster.binaries import Binaries

ACTION = ROOT / ".github" / "actions" / "guard"
WORKFLOW = ROOT / ".github" / "workflows" / "guard.yml"
EXAMPLES = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs/ci.md").read_text(), re.DOTALL)
GITHUB = [text for text in EXAMPLES if "runs-on" in text]


@pytest.fixture(scope="module")
def actionlint() -> Path:
    return Binaries().path("actionlint")


def check(actionlint: Path, file: Path) -> None:
    done = subprocess.run(
        [actionlint, "-no-color", "-shellcheck=", "-pyflakes=", file],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_workflow(actionlint: Path):
    check(actionlint, WORKFLOW)


@pytest.mark.parametrize("text", GITHUB, ids=lambda text: text.split("\n", 1)[0])
def test_the_examples_for_github(actionlint: Path, text: str, tmp_path: Path):
    file = tmp_path / "example.yml"
    file.write_text(text.replace("OWNER/REPOSITORY", "a/b").replace("REF", "v1"))
    check(actionlint, file)


def test_the_example_for_gitlab():
    (text,) = [text for text in EXAMPLES if "expose_as" in text]
    job = yaml.safe_load(text)["canary-guard"]
    (command,) = job["script"]
    assert "scripts/ops/canary_rollout_guard.py" in command
    assert job["artifacts"]["when"] == "always"
    assert job["allow_failure"]["exit_codes"] == [3]


def test_every_action_is_pinned_to_a_commit():
    files = [ACTION / "action.yml", WORKFLOW, ROOT / "docs" / "ci.md"]
    for file in files:
        for used in re.findall(r"uses: (\S+)", file.read_text()):
            ours = used.startswith(("./", "OWNER/"))
            assert ours or re.search(r"@[0-9a-f]{40}$", used), f"{file.name}: {used}"


def test_the_workflow_gives_the_action_what_it_takes():
    action = yaml.safe_load((ACTION / "action.yml").read_text())
    workflow = yaml.safe_load(WORKFLOW.read_text())
    (step,) = [s for s in workflow["jobs"]["guard"]["steps"] if s.get("id") == "guard"]
    assert set(step["with"]) <= set(action["inputs"])
    required = {name for name, given in action["inputs"].items() if given.get("required")}
    assert required <= set(step["with"])


class TestAction:
    """The action's own step, run as the runner would."""

    def run(self, folder: Path, **inputs: str) -> tuple[int, str, dict[str, str], str]:
        action = yaml.safe_load((ACTION / "action.yml").read_text())
        (step,) = [s for s in action["runs"]["steps"] if s.get("id") == "guard"]
        given = {name: str(item.get("default", "")) for name, item in action["inputs"].items()}
        given |= {"summary": "k6.json", "metrics-gates": "gates.json"}
        given |= {name.replace("_", "-"): value for name, value in inputs.items()}
        env = {
            name: re.sub(r"\$\{\{ inputs\.([\w-]+) }}", lambda m: given[m[1]], value)
            for name, value in step["env"].items()
        }
        summary, output = folder / "summary.md", folder / "output"
        done = subprocess.run(
            ["bash", "-c", step["run"]],
            cwd=folder,
            env={
                **{key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ},
                **env,
                "GITHUB_ACTION_PATH": str(ACTION),
                "GITHUB_STEP_SUMMARY": str(summary),
                "GITHUB_OUTPUT": str(output),
                "GITHUB_ACTIONS": "true",
            },
            capture_output=True,
            text=True,
            check=False,
        )
        outputs = dict(line.split("=", 1) for line in output.read_text().splitlines())
        said = summary.read_text() if summary.exists() else ""
        return done.returncode, done.stdout + done.stderr, outputs, said

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        (tmp_path / "k6.json").write_text((DATA / "guard/k6-summary.json").read_text())
        (tmp_path / "gates.json").write_text((DATA / "guard/gates.json").read_text())
        return tmp_path

    def test_a_fallback(self, folder: Path):
        code, said, outputs, summary = self.run(folder)
        assert code == 2
        assert outputs == {
            "status": "fallback_required",
            "step": "disable_adaptive_parallelism",
            "exit-code": "2",
        }
        assert "::error title=Canary guard%3A fallback required::" in said
        assert "# Canary decision: fallback required" in summary
        report = folder / "guard-report"
        assert sorted(path.name for path in report.iterdir()) == [
            "guard.env",
            "guard.json",
            "guard.md",
        ]
        assert json.loads((report / "guard.json").read_text())["status"] == "fallback_required"

    def test_options_one_a_line(self, folder: Path):
        options = "--adaptive-enabled=false\n\n--engine=rlm\n"
        code, _, outputs, _ = self.run(folder, fail_on_fallback="false", options=options)
        assert (code, outputs["step"]) == (0, "disable_batch_mode")

    def test_too_little_evidence(self, folder: Path):
        code, _, outputs, summary = self.run(folder, require_evidence="true")
        assert (code, outputs["status"]) == (3, "inconclusive")
        assert "inconclusive" in summary

    def test_no_decision_leaves_no_report(self, folder: Path):
        code, said, outputs, summary = self.run(folder, summary="nowhere.json")
        assert (code, summary) == (1, "")
        assert outputs == {"status": "", "step": "", "exit-code": "1"}
        assert "::error title=Canary guard%3A no decision::nowhere.json" in said

    def test_inputs_are_data(self, folder: Path):
        code, *_ = self.run(folder, summary='"; touch hacked; "', options="$(touch hacked)")
        assert code == 1
        assert not (folder / "hacked").exists()

    def test_its_script_is_executable(self):
        assert (ACTION / "run.sh").stat().st_mode & stat.S_IXUSR
