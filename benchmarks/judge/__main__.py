"""`python -m benchmarks.judge`: simulate all cases, print one table, draw the pictures."""

import argparse
import re
import sys
import time
from pathlib import Path

from benchmarks.judge.cases import all_cases
from benchmarks.judge.figures import Result
from benchmarks.judge.pictures import draw_all
from benchmarks.judge.run import default_workers, run_cases
from benchmarks.judge.store import load, save
from benchmarks.judge.table import document, missed, row

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
STORE = ROOT / "build" / "judge-benchmark.json"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.judge", description=__doc__)
    parser.add_argument("--runs", type=int, default=4000, help="simulated runs a case")
    parser.add_argument("--workers", type=int, default=default_workers())
    parser.add_argument("--only", default="", help="cases whose key matches this pattern")
    parser.add_argument("--store", type=Path, default=STORE, help="where results are kept")
    parser.add_argument("--resume", action="store_true", help="keep what the store already has")
    parser.add_argument("--render", action="store_true", help="simulate nothing, show the store")
    parser.add_argument("--write", action="store_true", help="renew docs/ with the results")
    return parser.parse_args()


def main() -> int:
    """Run, print, and fail if a target is missed."""
    arguments = _arguments()
    done = load(arguments.store) if arguments.resume or arguments.render else {}
    wanted = [case for case in all_cases() if re.search(arguments.only, case.key)]
    if arguments.render:
        wanted = [case for case in wanted if case.key in done]
    missing = [case for case in wanted if case.key not in done]
    missing.sort(key=lambda case: not case.targets)  # what is asked first comes first
    started = time.monotonic()

    def tell(result: Result) -> None:
        done[result.case.key] = result
        save(list(done.values()), arguments.store)
        passed = time.monotonic() - started
        line = f"[{len(done)} of {len(wanted)}, {passed:.0f} s] {row(result)}"
        print(line, file=sys.stderr, flush=True)

    run_cases(missing, arguments.runs, arguments.workers, tell)
    results = [done[case.key] for case in wanted]
    text = document(results)
    print(text)
    if arguments.write:
        (DOCS / "judge-benchmark.md").write_text(text)
        draw_all(results, DOCS / "img")
    return 1 if missed(results) else 0


if __name__ == "__main__":
    sys.exit(main())
