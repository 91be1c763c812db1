"""`python -m benchmarks.faults`: run the cases on a local cluster, and keep the results."""

import argparse
import contextlib
import itertools
import json
import re
import secrets
import sys
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import asdict
from pathlib import Path

from benchmarks.faults import table
from benchmarks.faults.campaign import Case, Result, cases, groups, run, run_group
from benchmarks.faults.proxy import Loop
from benchmarks.faults.setting import Ground

from integration.harness.process import Zygote
from localcluster import LocalCluster, Options

ROOT = Path(__file__).parents[2]
STORE = ROOT / "build" / "faults.jsonl"
PAGE = ROOT / "docs" / "reliability.md"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.faults", description=__doc__)
    parser.add_argument("--only", default="", help="cases whose name matches this pattern")
    parser.add_argument("--seeds", type=int, default=60, help="random cases")
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--at-once", type=int, default=8, help="cases at the same time")
    parser.add_argument("--minutes", type=float, default=60.0, help="begin no case after that")
    parser.add_argument("--store", type=Path, default=STORE, help="results are appended here")
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "faults", help="logs")
    parser.add_argument("--write", action="store_true", help="renew docs/ with all in the store")
    return parser.parse_args()


def main() -> int:
    """Run the cases; fail if one did."""
    arguments = _arguments()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    arguments.store.parent.mkdir(parents=True, exist_ok=True)
    failed = 0
    with _ground(arguments.folder) as ground, arguments.store.open("a") as store:
        for result in _run(ground, arguments):
            store.write(json.dumps(asdict(result)) + "\n")
            store.flush()
            failed += bool(result.failure)
            _say(result)
    if arguments.write:
        kept = arguments.store.read_text().splitlines()
        table.write(PAGE, [Result(**json.loads(line)) for line in kept])
    return 1 if failed else 0


@contextlib.contextmanager
def _ground(folder: Path) -> Iterator[Ground]:
    """Start a cluster of our own, since the API server is restarted."""
    with LocalCluster(folder / "cluster", Options()) as cluster:
        cluster.install_crds(ROOT / "crds")
        zygote, loop = Zygote(cluster), Loop()
        try:
            yield Ground(cluster, zygote, loop, folder)
        finally:
            zygote.close()
            loop.close()


def _run(ground: Ground, arguments: argparse.Namespace) -> Iterator[Result]:
    """Run all cases that are wanted: some at a time, until the time is over; then the groups."""

    def wanted(case: Case) -> bool:
        return bool(re.search(arguments.only, f"{case.name} {case.mode}"))

    end = time.monotonic() + arguments.minutes * 60
    left = filter(wanted, cases(arguments.seeds, arguments.first_seed))
    with ThreadPoolExecutor(arguments.at_once) as pool:
        running: set[Future[Result]] = set()
        while True:
            if time.monotonic() < end:
                for case in itertools.islice(left, arguments.at_once - len(running)):
                    running.add(pool.submit(run, ground, case, _name(case)))
            if not running:
                break
            done, running = wait(running, return_when=FIRST_COMPLETED)
            yield from (future.result() for future in done)
    for group in groups():
        if all(wanted(case) for case in group.cases) and time.monotonic() < end:
            yield from run_group(ground, group, _name)


def _name(case: Case) -> str:
    """Name a case's namespace."""
    words = re.sub("[^a-z0-9]+", "-", f"{case.name} {case.mode}".lower())
    return f"f-{words}-{secrets.token_hex(2)}"


def _say(result: Result) -> None:
    said = result.failure.strip().splitlines()
    verdict = f"FAILED {said[0][:600]}" if said else "as undisturbed"
    lost = f", lost {result.lost}" if result.lost else ""
    extra = f", extra {result.extra}" if result.extra else ""
    print(
        f"{result.case}, {result.mode}: {verdict}{lost}{extra};"
        f" {sum(result.faults.values())} faults in {result.asked} requests,"
        f" exits {result.exits}, {result.seconds:.0f} s",
        file=sys.stderr,
        flush=True,
    )


if __name__ == "__main__":
    sys.exit(main())
