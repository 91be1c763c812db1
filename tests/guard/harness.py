"""Runs the guard as its users do: as a process, through the contract's script."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "scripts" / "ops" / "canary_rollout_guard.py"
DATA = ROOT / "tests" / "data"
COMPILED = ROOT / "build" / "compiled"  # make sets PYTHONDONTWRITEBYTECODE, which is slow here
BUDGET_VARIABLES = (
    "PECR_CANARY_P95_BUDGET_MS",
    "PECR_CANARY_P99_BUDGET_MS",
    "PECR_CANARY_SOURCE_UNAVAILABLE_MAX_RATE",
)


def summary(p95: object = 100.0, p99: object = 200.0, count: object = 500) -> dict[str, Any]:
    """Give a k6 summary."""
    return {
        "metrics": {
            "http_req_duration": {"p(95)": p95, "p(99)": p99},
            "http_reqs": {"count": count},
        }
    }


def gates(
    bvr: object = 0.0,
    ser: object = 0.0,
    max_bvr: object = 0.005,
    max_ser: object = 0.005,
    count: object = 500,
) -> dict[str, Any]:
    """Give a gates file."""
    return {
        "rates": {"bvr": bvr, "ser": ser},
        "thresholds": {"bvr": max_bvr, "ser": max_ser},
        "finalize_total_delta": count,
    }


@dataclass
class Outcome:
    """What a run of the guard left."""

    code: int
    out: str
    err: str

    @property
    def report(self) -> dict[str, Any]:
        """Read the report from standard output; annotations may follow it."""
        report, _ = json.JSONDecoder().raw_decode(self.out)
        return report

    @property
    def triggers(self) -> list[str]:
        """Name the triggers."""
        return [item["id"] for item in self.report["triggers"]]

    @property
    def step(self) -> str:
        """Name the recommended step."""
        return self.report["recommended_fallback"]["step"]

    @property
    def refused(self) -> str:
        """Give the one line of a refusal, after checking that it is one."""
        assert self.code == 1, self.out + self.err
        assert self.out == ""
        assert self.err.count("\n") == 1
        assert "Traceback" not in self.err
        return self.err.strip()


class Guard:
    """The guard with input files in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.summary = folder / "k6.json"
        self.gates = folder / "gates.json"
        self.write(summary(), gates())

    def write(self, k6: object, bounds: object) -> None:
        """Write both input files; a text as it is, everything else as JSON."""
        for path, content in ((self.summary, k6), (self.gates, bounds)):
            text = content if isinstance(content, str) else json.dumps(content)
            path.write_text(text, encoding="utf-8")

    def run(self, *options: object, env: dict[str, str] | None = None) -> Outcome:
        """Run the guard on the input files."""
        files = ("--summary", self.summary, "--metrics-gates", self.gates)
        return self.raw(*files, *options, env=env)

    def raw(
        self,
        *arguments: object,
        env: dict[str, str] | None = None,
        command: tuple[str, ...] = (sys.executable, str(SCRIPT)),
    ) -> Outcome:
        """Run the guard with these arguments only."""
        hidden = (*BUDGET_VARIABLES, "GITHUB_ACTIONS", "PYTHONDONTWRITEBYTECODE")
        clean = {key: value for key, value in os.environ.items() if key not in hidden}
        done = subprocess.run(
            [*command, *map(str, arguments)],
            cwd=self.folder,
            env={**clean, "PYTHONPYCACHEPREFIX": str(COMPILED), **(env or {})},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return Outcome(done.returncode, done.stdout, done.stderr)
