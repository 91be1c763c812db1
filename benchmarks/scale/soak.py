"""`python -m benchmarks.scale.soak`: every rollout falls back and recovers again and again.

Each run of a rollout breaks its budgets until the first fallback step; the step cures it; a person
acknowledges; what was there before is put back and a fresh run starts, which breaks them again. At
the end nothing may have grown: memory, threads, files; and of every run its Events must be there,
each once.
"""

import argparse
import json
import statistics
import sys
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from benchmarks.scale.process import Cost, Operator, total
from benchmarks.scale.world import ROOT, World, rollout

from pecrfleet import Effect, Rule, Scenario, Traffic, When

Json = dict[str, Any]

BUILD: Final = ROOT / "build" / "bench-soak"
QUICK: Final = {"interval": "2s", "settle": "2s", "maxDuration": "48h"}
BREAKS: Final = Scenario(
    traffic=Traffic(rps=100, split="perPod"),
    rules=(Rule(When(engine="rlm", adaptive_parallelism=True), Effect(violation_rate=0.5)),),
)
PER_RUN: Final = ("CanaryStarted", "FallbackStep")
"""Events that every run that was acknowledged must have, each once."""


def main() -> int:
    """Run it; fail if something grew, was lost or came twice."""
    arguments = _arguments()
    world = World.open(BUILD / "cluster", _say, scrapes="2s")
    try:
        report = _soak(world, arguments.n, arguments.minutes * 60)
    finally:
        world.cluster.stop()
    text = json.dumps(report, indent=2)
    (BUILD / "soak.json").write_text(text + "\n")
    print(text)
    return 1 if report["lost"] or report["twice"] or report["left_over"] else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scale.soak", description=__doc__)
    parser.add_argument("-n", type=int, default=200, help="number of rollouts")
    parser.add_argument("--minutes", type=float, default=60)
    return parser.parse_args()


def _soak(world: World, count: int, seconds: float) -> Json:
    world.settle(count, BREAKS)
    world.fill(count)
    with Operator(world.cluster, BUILD / "operator.log") as operator:
        world.create(_compressed(number) for number in range(count))
        world.until("rollouts fell back", lambda: len(list(world.incidents())), count)
        costs = [operator.cost()]
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            world.acknowledge()
            time.sleep(3)
            costs.append(operator.cost())
        errors = total(operator.metrics(), "reconcile_errors_total")
        runs = {each["metadata"]["name"]: each["status"]["run"] for each in world.rollouts()}
        events = _events(world)
    return _report(costs, runs, events, errors)


def _compressed(number: int) -> Json:
    """Give a rollout whose windows are seconds."""
    body = rollout(number)
    body["spec"]["slo"] |= {"sustainedFor": "4s", "budgetViolationRate": {"maxIncrease": 0.1}}
    body["spec"]["analysis"] = QUICK
    return body


def _events(world: World) -> Counter[tuple[str, str]]:
    """Count the Events of the rollouts by name and reason."""
    with world.cluster.client() as client:
        items = client.get("/apis/events.k8s.io/v1/events")["items"]
    ours = [each for each in items if each["regarding"].get("kind") == "ControllerRollout"]
    return Counter((each["regarding"]["name"], each["reason"]) for each in ours)


def _report(
    costs: Sequence[Cost], runs: dict[str, int], events: Counter[tuple[str, str]], errors: float
) -> Json:
    early, late = _half(costs[: len(costs) // 2]), _half(costs[len(costs) // 2 :])
    # The last run may be anywhere; those before it were seen to their end.
    told = {(name, reason): events[name, reason] for name in runs for reason in PER_RUN}
    lost = {f"{n} {r}": c for (n, r), c in told.items() if c < runs[n] - 1}
    twice = {f"{n} {r}": c for (n, r), c in told.items() if c > runs[n]}
    grown = {what: late[what] - early[what] for what in ("threads", "files")}
    return {
        "rollouts": len(runs),
        "seconds": round(costs[-1].at - costs[0].at),
        "cycles": sum(runs.values()) - len(runs),
        "events": sum(events.values()),
        "memory_mib": _by_quarter(costs),
        "memory_last_mib": round(costs[-1].memory / 2**20, 1),
        "reconcile_errors": errors,
        "lost": lost,
        "twice": twice,
        "left_over": {what: number for what, number in grown.items() if number > 2},
    }


def _by_quarter(costs: Sequence[Cost]) -> list[float]:
    """Give the median of the resident memory in each quarter of the time, in MiB."""
    size = max(1, len(costs) // 4)
    quarters = [costs[at : at + size] for at in range(0, 4 * size, size)]
    return [round(statistics.median(c.memory for c in some) / 2**20, 1) for some in quarters]


def _half(costs: Sequence[Cost]) -> dict[str, float]:
    return {
        "threads": statistics.median(cost.threads for cost in costs),
        "files": statistics.median(cost.files for cost in costs),
    }


def _say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
