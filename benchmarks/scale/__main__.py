"""`python -m benchmarks.scale`: what the operator costs at 50 to 2,000 rollouts.

Steps: `fill` makes the cluster, the fleets and their rollouts; `steady` starts an operator anew
and watches it; `breach` breaks some; `down` ends the cluster. All of them in this order if none is
named. A larger size goes on from a smaller one's cluster.
"""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.scale import breach, steady
from benchmarks.scale.prepared import prepare
from benchmarks.scale.process import Operator
from benchmarks.scale.report import write
from benchmarks.scale.world import INTERVAL, ROOT, World

SIZES = (50, 200, 500, 1000, 2000)
STEPS = ("fill", "steady", "breach", "down")
BUILD = ROOT / "build" / "bench-scale"


def main() -> int:
    """Do the steps for each size."""
    arguments = _arguments()
    for count in arguments.n or SIZES:
        for step in arguments.steps or STEPS[:-1]:
            if step in ("steady", "breach", "fill"):
                _step(step, count, arguments)
    if not arguments.steps or "down" in arguments.steps:
        World.open(BUILD / "cluster", _say).cluster.stop()
    if arguments.write:
        write(BUILD, ROOT / "docs")
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale", description=__doc__)
    parser.add_argument("steps", nargs="*", choices=[*STEPS, []], metavar="step")
    parser.add_argument("-n", type=int, action="append", help="number of rollouts; may be repeated")
    parser.add_argument(
        "--driven", type=int, default=50, help="rollouts that the operator drives into analysis"
    )
    parser.add_argument("--seconds", type=float, default=330, help="for which it is watched")
    parser.add_argument("--profile", type=Path, help="where a profile of the operator is written")
    parser.add_argument("--write", action="store_true", help="renew docs/ with the results")
    return parser.parse_args()


def _step(step: str, count: int, arguments: argparse.Namespace) -> None:
    world = World.open(BUILD / "cluster", _say)
    _say(f"{step} {count}")
    if step == "fill":
        _fill(world, count, arguments.driven)
        return
    if step == "steady":  # a restart is one of what was judged before
        with Operator(world.cluster, BUILD / "operator.log") as operator:
            steady.judged(operator, world, count)
    with Operator(world.cluster, BUILD / "operator.log", arguments.profile) as operator:
        started = steady.judged(operator, world, count)
        if step == "steady":
            _keep(count, start={"seconds": round(started, 1)})
            _keep(count, steady=steady.measure(operator, world, count, arguments.seconds))
            return
        few, many = breach.chosen(count)
        _keep(count, few=breach.measure(world, few))
        _keep(count, many=breach.measure(world, many))
        breach.recover(world, count)  # or the next start would wait for their pods


def _fill(world: World, count: int, driven: int) -> None:
    """Let the operator itself drive some into analysis; the others are made as it leaves them."""
    world.settle(count)
    there = len(world.rollouts())
    if there < driven:
        world.fill(driven)
        with Operator(world.cluster, BUILD / "operator.log"):
            world.roll_out(driven)
        time.sleep(3 * INTERVAL)  # windows begin after the settling time
    if missing := list(range(max(there, driven), count)):
        prepare(world, missing)
        time.sleep(2 * INTERVAL)  # its window has begun, and been scraped


def _keep(count: int, **found: dict[str, Any]) -> None:
    """Add results to those of a size."""
    path = BUILD / f"{count}.json"
    known = json.loads(path.read_text()) if path.exists() else {"n": count}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(known | found, indent=2) + "\n")
    _say(json.dumps(found, indent=2))


def _say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
