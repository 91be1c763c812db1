"""The guard starts in less than three times what a bare interpreter takes."""

import json
import subprocess
import sys

from guard.harness import ROOT


def test_cold_start():
    script = ROOT / "benchmarks" / "guard" / "cold_start.py"
    done = subprocess.run(
        [sys.executable, script, "--rounds", "11"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert max(json.loads(done.stdout)["ratios"].values()) < 3
