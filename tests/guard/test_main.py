"""The `pecr-rollout` command around the guard."""

import subprocess
import sys

import pytest

from guard.harness import ROOT


def pecr_rollout(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `python -m pecr_rollout`."""
    return subprocess.run(
        [sys.executable, "-m", "pecr_rollout", *arguments],
        cwd=ROOT / "operator",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_version():
    done = pecr_rollout("--version")
    assert (done.returncode, done.stdout.split()[0]) == (0, "pecr-rollout")


def test_help_lists_the_commands():
    done = pecr_rollout("--help")
    assert done.returncode == 0
    assert all(command in done.stdout for command in ("guard", "lint", "run"))


def test_the_guards_own_help():
    done = pecr_rollout("guard", "--help")
    assert done.returncode == 0
    assert done.stdout.startswith("usage: pecr-rollout guard")


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        ((), "Missing command"),
        (("rollout",), "No such command"),
        (("--bogus",), "No such option"),
        (("run", "-A"), "--prometheus-url"),
        (("run", "--prometheus-url", "http://p"), "give --namespace"),
        (("run", "-A", "-n", "x", "--prometheus-url", "http://p"), "or --all-namespaces"),
        (("run", "-A", "--prometheus-url", "p:9090"), "no http or https URL"),
        (("run", "-A", "--prometheus-url", "http://p", "--log-format", "xml"), "plain"),
        (("run", "-A", "--prometheus-url", "http://p", "--listen-port", "99999"), "65535"),
    ],
)
def test_a_wrong_command_line_exits_1_with_one_line(arguments, part):
    done = pecr_rollout(*arguments)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    assert part in done.stderr


def test_a_closed_standard_output_is_no_error(tmp_path):
    data = ROOT / "tests" / "data" / "guard"
    script = ROOT / "scripts" / "ops" / "canary_rollout_guard.py"
    files = f"--summary {data}/k6-summary.json --metrics-gates {data}/gates.json"
    done = subprocess.run(
        ["bash", "-c", f"{sys.executable} {script} {files} --fail-on-fallback >&-"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (2, "")
