"""Input that cannot be trusted: exit 1, one line, and nothing that looks like a verdict."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from guard.harness import SCRIPT, Guard, gates, summary


def without(data: dict, *path: str) -> dict:
    """Give a copy without one field."""
    copy = json.loads(json.dumps(data))
    at = copy
    for key in path[:-1]:
        at = at[key]
    del at[path[-1]]
    return copy


SUMMARIES = {
    "empty": "",
    "blank": " \n",
    "not json": "{p95: 1}",
    "a list": [],
    "a number": 7,
    "no metrics": {},
    "metrics null": {"metrics": None},
    "no duration": {"metrics": {}},
    "no p95": without(summary(), "metrics", "http_req_duration", "p(95)"),
    "no p99": without(summary(), "metrics", "http_req_duration", "p(99)"),
    "text": summary(p95="163"),
    "boolean": summary(p95=True),
    "null": summary(p95=None),
    "nan": summary(p95=float("nan")),
    "infinite": summary(p99=float("inf")),
    "too large": json.dumps(summary()).replace("200.0", "1" + "0" * 400),
    "endless digits": json.dumps(summary()).replace("200.0", "1" * 5000),
    "overflow": json.dumps(summary()).replace("200.0", "1e999"),
    "negative": summary(p99=-1),
    "nested": "[" * 100_000,
    "count": summary(count="many"),
    "negative count": summary(count=-1),
    "values is no map": {"metrics": {"http_req_duration": {"values": 3}}},
}
GATES = {
    "empty": "",
    "not json": "rates",
    "no rates": without(gates(), "rates"),
    "no thresholds": without(gates(), "thresholds"),
    "no bvr": without(gates(), "rates", "bvr"),
    "no ser": without(gates(), "rates", "ser"),
    "no bvr limit": without(gates(), "thresholds", "bvr"),
    "no ser limit": without(gates(), "thresholds", "ser"),
    "text": gates(bvr="0"),
    "nan": gates(bvr=float("nan")),
    "infinite": gates(ser=float("inf")),
    "negative": gates(ser=-0.1),
    "nan limit": gates(max_bvr=float("nan")),
    "infinite limit": gates(max_ser=float("inf")),
    "negative limit": gates(max_ser=-1),
    "count": gates(count="44"),
}


@pytest.mark.parametrize("case", SUMMARIES)
def test_summaries(guard: Guard, case: str):
    guard.write(SUMMARIES[case], gates())
    assert "k6.json: " in guard.run(*outputs()).refused
    assert left(guard) == []


@pytest.mark.parametrize("case", GATES)
def test_gates(guard: Guard, case: str):
    guard.write(summary(), GATES[case])
    assert "gates.json: " in guard.run(*outputs()).refused
    assert left(guard) == []


def test_names_the_field(guard: Guard):
    guard.write(summary(p95="fast"), gates())
    assert 'metrics.http_req_duration["p(95)"] is a text, not a number' in guard.run().refused
    guard.write(without(summary(), "metrics", "http_req_duration", "p(99)"), gates())
    assert "--summary-trend-stats" in guard.run().refused
    guard.write(summary(), gates(max_bvr=-1))
    assert "thresholds.bvr is -1.0; it must be finite and not negative" in guard.run().refused


def test_files_that_cannot_be_read(guard: Guard):
    guard.summary.unlink()
    assert "No such file" in guard.run(*outputs()).refused
    guard.summary.mkdir()
    assert "directory" in guard.run(*outputs()).refused
    assert left(guard) == []


def test_bytes_that_are_no_text(guard: Guard):
    guard.gates.write_bytes(b"\xff\xfe\x00")
    assert "is not UTF-8 text" in guard.run().refused


@pytest.mark.parametrize(
    "options",
    [
        ("--bogus",),
        ("stray",),
        ("--max-p95-ms",),
        ("--max-p95-ms", "nan"),
        ("--max-p95-ms", "inf"),
        ("--max-p95-ms", "-1"),
        ("--max-p95-ms", ""),
        ("--max-p99-ms", "fast"),
        ("--max-source-unavailable-rate", "nan"),
        ("--source-unavailable-rate", "nan"),
        ("--source-unavailable-rate", "-0.1"),
        ("--source-unavailable-requests", "x"),
        ("--baseline-shadow-percent", "-1"),
        ("--adaptive-enabled", "maybe"),
        ("--batch-enabled", ""),
        ("--rlm-default-enabled", "2"),
        ("--auto-fallback-enabled", "t"),
        ("--engine", "turbo"),
        ("--min-requests", "0"),
        ("--min-requests", "1.5"),
        ("--since", "10"),
        ("--since", "0m"),
        ("--since", "10 m"),
        ("--fail-on-fallback=yes",),
        ("--prometheus", "http://localhost:1"),
        ("--output-json", "r.json", "--output-md", "r.json"),
        ("--output-json", "k6.json"),
    ],
)
def test_wrong_command_lines(guard: Guard, options):
    before = guard.summary.read_text()
    assert guard.run(*options).refused
    assert guard.summary.read_text() == before


@pytest.mark.parametrize("missing", ["--summary", "--metrics-gates"])
def test_required_options(guard: Guard, missing: str):
    files = {"--summary": guard.summary, "--metrics-gates": guard.gates}
    del files[missing]
    assert f"{missing} is required" in guard.raw(*next(iter(files.items()))).refused


def test_a_verdict_of_an_earlier_run_does_not_stay(guard: Guard):
    assert guard.run(*outputs()).code == 0
    assert left(guard) == ["r.env", "r.json", "r.md"]
    guard.write("", gates())
    assert guard.run(*outputs()).refused
    assert left(guard) == []


def test_unwritable_outputs_leave_nothing(guard: Guard):
    (guard.folder / "r.md").mkdir()
    outcome = guard.run(*outputs())
    assert "r.md: cannot be written" in outcome.refused
    assert left(guard) == ["r.md"]
    file = guard.folder / "file"
    file.write_text("")
    assert "cannot be written" in guard.run("--output-json", file / "below.json").refused


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux only")
def test_a_full_disk_is_no_verdict(guard: Guard):
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [
                *(sys.executable, SCRIPT, "--output-json", guard.folder / "r.json"),
                *("--summary", guard.summary, "--metrics-gates", guard.gates),
            ],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert "standard output: cannot be written" in done.stderr
    assert "Traceback" not in done.stderr
    assert left(guard) == []


def outputs() -> tuple[str, ...]:
    """Ask for all three files."""
    return ("--output-json", "r.json", "--output-md", "r.md", "--output-env", "r.env")


def left(guard: Guard) -> list[str]:
    """Name what is in the folder besides the inputs."""
    inputs = {"k6.json", "gates.json", "file"}
    return sorted(path.name for path in guard.folder.iterdir() if path.name not in inputs)
