"""`python -m benchmarks.judge`: simulate all cases, print one table, draw the pictures."""

import argparse
import re
import sys
import time
from pathlib import Path

from benchmarks.judge.cases import Case, all_cases
from benchmarks.judge.figures import Result
from benchmarks.judge.run import default_workers, run_cases
from benchmarks.judge.table import markdown, missed, row

DOCS = Path(__file__).parents[2] / "docs"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.judge", description=__doc__)
    parser.add_argument("--runs", type=int, default=4000, help="simulated runs a case")
    parser.add_argument("--workers", type=int, default=default_workers())
    parser.add_argument("--only", default="", help="cases whose key matches this pattern")
    parser.add_argument("--write", action="store_true", help="renew docs/judge-benchmark.md")
    return parser.parse_args()


def _wanted(case: Case, text: str) -> bool:
    return re.search(text, case.key) is not None


def main() -> int:
    """Run, print, and fail if a target is missed."""
    arguments = _arguments()
    cases = [case for case in all_cases() if _wanted(case, arguments.only)]
    started = time.monotonic()
    done = 0

    def tell(result: Result) -> None:
        nonlocal done
        done += 1
        passed = time.monotonic() - started
        print(f"[{done}/{len(cases)}, {passed:.0f} s] {row(result)}", file=sys.stderr, flush=True)

    results = run_cases(cases, arguments.runs, arguments.workers, tell)
    text = "\n".join(markdown(results))
    print(text)
    for line in missed(results):
        print(f"MISSED {line}")
    return 1 if missed(results) else 0


if __name__ == "__main__":
    sys.exit(main())
