"""The guard's cold start against bare `python3 -c "import json, argparse"`, in one run.

    python benchmarks/guard/cold_start.py [--rounds N] [--limit RATIO]

Both are started in turn, so that whatever else the machine does hurts both. Medians are compared:
a start that the machine disturbed says nothing of either. Exits 1 above the limit.
"""

import argparse
import json
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "scripts" / "ops" / "canary_rollout_guard.py"
DATA = ROOT / "tests" / "data" / "guard"
FILES = ("--summary", DATA / "k6-summary.json", "--metrics-gates", DATA / "gates.json")
BARE = ("-c", "import json, argparse")

COMMANDS = {
    "bare python3": BARE,
    "guard": (SCRIPT, *FILES),
    "bare python3, no site": ("-S", *BARE),
    "guard, no site": ("-S", SCRIPT, *FILES),
}
"""Each guard is compared with the bare interpreter before it. Without site-packages hooks the bare
interpreter is fastest, so that is the harder comparison; both have to hold."""


def main() -> int:
    """Measure, write the figures, and tell whether they hold."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--limit", type=float, default=3.0)
    options = parser.parse_args()
    times = measure(options.rounds)
    report = summarise(times)
    json.dump({"python": platform.python_version(), **report}, sys.stdout, indent=2)
    print()
    worst = max(report["ratios"].values())
    return 0 if worst < options.limit else 1


def measure(rounds: int) -> dict[str, list[float]]:
    """Start every command once a round; the first round fills caches and is not counted."""
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(rounds + 1):
            for name, command in COMMANDS.items():
                times[name].append(started(command, folder))
    return {name: values[1:] for name, values in times.items()}


def started(command: tuple[object, ...], folder: str) -> float:
    """Give the seconds from start to end of one process."""
    begin = time.perf_counter()
    subprocess.run(
        [sys.executable, *map(str, command)],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        env={"PATH": "/usr/bin:/bin", "PYTHONPYCACHEPREFIX": folder},
        check=True,
    )
    return time.perf_counter() - begin


def summarise(times: dict[str, list[float]]) -> dict[str, dict[str, float]]:
    """Give milliseconds and ratios."""
    medians = {name: statistics.median(values) for name, values in times.items()}
    names = list(COMMANDS)
    ratios = {
        guard: round(medians[guard] / medians[bare], 2)
        for bare, guard in zip(names[::2], names[1::2], strict=True)
    }
    return {
        "median_ms": {name: round(value * 1000, 1) for name, value in medians.items()},
        "fastest_ms": {name: round(min(values) * 1000, 1) for name, values in times.items()},
        "ratios": ratios,
    }


if __name__ == "__main__":
    sys.exit(main())
