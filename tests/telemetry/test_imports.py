"""What importing costs, in a process of its own."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HEAVY = {"pandas", "numpy", "matplotlib", "prometheus_api_client", "requests"}


def modules_after(name):
    code = f"import sys, {name}; print(*(m for m in sys.modules if '.' not in m))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(ROOT / "operator")},
    )
    return set(done.stdout.split())


def test_the_package_itself_imports_no_client():
    assert not HEAVY & modules_after("pecr_rollout.telemetry")


def test_the_pure_parts_import_no_client():
    assert not HEAVY & modules_after("pecr_rollout.telemetry.questions")


def test_the_client_imports_no_analytics():
    loaded = modules_after("pecr_rollout.telemetry.collector")
    assert HEAVY & loaded == {"prometheus_api_client", "requests"}
