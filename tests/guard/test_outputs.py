"""The three files, written whole."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from guard.harness import SCRIPT, Guard, gates, summary
from pecr_rollout.cli.output import write_all, write_whole
from pecr_rollout.cli.problem import Refused


def test_json_is_what_standard_output_shows(guard: Guard):
    outcome = guard.run("--output-json", "deep/down/r.json")
    assert (guard.folder / "deep/down/r.json").read_text() == outcome.out
    assert json.loads(outcome.out)["status"] == "healthy"


def test_env_names_the_step_and_its_updates(guard: Guard):
    guard.run("--output-env", "healthy.env")
    assert (guard.folder / "healthy.env").read_text().count("\n") == 1
    guard.write(summary(p95=1300), gates())
    guard.run("--output-env", "fallback.env")
    comment, update = (guard.folder / "fallback.env").read_text().splitlines()
    assert comment.startswith("#")
    assert "disable_adaptive_parallelism" in comment
    assert update == "PECR_CONTROLLER_ADAPTIVE_PARALLELISM_ENABLED=false"


def test_env_at_the_safest_mode_has_no_update(guard: Guard):
    guard.write(summary(p95=1300), gates())
    off = ("--adaptive-enabled", "0", "--batch-enabled", "0", "--engine", "baseline")
    guard.run("--output-env", "r.env", *off)
    (comment,) = (guard.folder / "r.env").read_text().splitlines()
    assert "already_at_safest_mode" in comment


def test_markdown_for_a_person_taking_over(guard: Guard):
    guard.write(summary(p95=1300), gates())
    guard.run("--output-md", "r.md", "--source-unavailable-rate", "0.01")
    text = (guard.folder / "r.md").read_text()
    for part in (
        "# Canary decision: fallback required",
        "`fallback_required`",
        "`rlm`",
        "| `latency_p95` | 1300 ms |",
        "1200 ms",
        "| `latency_p99` |",
        "| `budget_violation_rate` |",
        "| `staleness_error_rate` |",
        "| `source_unavailable_rate` | 1 % |",
        "`disable_adaptive_parallelism`",
        "PECR_CONTROLLER_ADAPTIVE_PARALLELISM_ENABLED=false",
    ):
        assert part in text


def test_a_reader_that_has_gone_changes_no_verdict(guard: Guard):
    guard.write(summary(p95=1300), gates())
    command = f"{sys.executable} {SCRIPT} --summary k6.json --metrics-gates gates.json"
    done = subprocess.run(
        ["bash", "-c", f"{command} --fail-on-fallback | true; exit ${{PIPESTATUS[0]}}"],
        cwd=guard.folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (2, "")


def test_a_device_is_written_to_and_stays(guard: Guard):
    outcome = guard.run("--output-json", "/dev/null", "--output-md", "/dev/stdout")
    assert outcome.code == 0
    assert "# Canary decision: healthy" in outcome.out
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)


class TestWriteWhole:
    def test_replaces_through_a_link_and_leaves_no_trace(self, tmp_path):
        real, link = tmp_path / "real", tmp_path / "link"
        real.write_text("old")
        link.symlink_to(real)
        write_whole(str(link), "new")
        assert (real.read_text(), link.is_symlink()) == ("new", True)
        assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "real"]

    def test_keeps_to_the_umask(self, tmp_path):
        write_whole(str(tmp_path / "r"), "x")
        assert stat.S_IMODE((tmp_path / "r").stat().st_mode) == 0o666 & ~_umask()

    def test_nothing_is_placed_before_all_is_written(self, tmp_path):
        (tmp_path / "folder").mkdir()
        with pytest.raises(Refused, match="folder: cannot be written: it is a folder"):
            write_all({str(tmp_path / "first"): "x", str(tmp_path / "folder"): "y"})
        assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
