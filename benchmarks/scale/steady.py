"""While nothing changes: what a rollout costs, and how late its evaluations are."""

import json
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Final

from benchmarks.scale.process import Cost, Operator, Samples, total
from benchmarks.scale.world import INTERVAL, World

Json = dict[str, Any]

SCRAPED: Final = 30.0
"""Seconds between two scrapes of the operator's own metrics, which are its work, too."""
SETTLED: Final = INTERVAL + 20.0
"""Seconds after the start until what follows from the start is over."""


def judged(operator: Operator, world: World, count: int) -> float:
    """Wait until all are judged by this process; give the seconds since its start was asked for."""
    every = max(1.0, count / 1000)  # each look costs the operator 0.1 ms a rollout
    return world.until("rollouts are judged", operator.judged, count, every=every)


def measure(operator: Operator, world: World, count: int, seconds: float) -> Json:
    """Watch it for some time, after what followed from its start is over."""
    time.sleep(SETTLED)
    audited = world.cluster.audit_log.stat().st_size
    before, costs = operator.metrics(), [operator.cost()]
    ends = costs[0].at + seconds
    scrape_at = costs[0].at + SCRAPED
    while costs[-1].at < ends:
        time.sleep(2)
        if time.monotonic() >= scrape_at:
            scrape_at += SCRAPED
            operator.metrics()
        costs.append(operator.cost())
    after = operator.metrics()
    minutes = (costs[-1].at - costs[0].at) / 60
    each = minutes * count
    return {
        "seconds": round(minutes * 60, 1),
        "cpu_ms": round(1000 * (_cpu(costs[-1]) - _cpu(costs[0])) / each, 2),
        "user_ms": round(1000 * (costs[-1].user - costs[0].user) / each, 2),
        "system_ms": round(1000 * (costs[-1].system - costs[0].system) / each, 2),
        "memory_mib": round(costs[-1].memory / 2**20, 1),
        "memory_peak_mib": round(max(cost.memory for cost in costs) / 2**20, 1),
        "memory_mib_per_hour": round(_slope(costs) * 3600 / 2**20, 1),
        "threads": costs[-1].threads,
        "files": costs[-1].files,
        "requests": _by(before, after, "api_requests_total", ("verb", "resource"), each),
        "audited": _audited(world, audited, each),
        "queries": _by(
            before, after, "prometheus_query_seconds_count", ("server", "kind"), minutes
        ),
        "evaluations": (total(after, "evaluations_total") - total(before, "evaluations_total"))
        / each,
        "lateness_s": _lateness(before, after),
    }


def _cpu(cost: Cost) -> float:
    return cost.user + cost.system


def _slope(costs: list[Cost]) -> float:
    """Give the least-squares slope of the memory, in bytes a second."""
    mean_at = sum(cost.at for cost in costs) / len(costs)
    mean = sum(cost.memory for cost in costs) / len(costs)
    spread = sum((cost.at - mean_at) ** 2 for cost in costs)
    return sum((cost.at - mean_at) * (cost.memory - mean) for cost in costs) / spread


def _grown(before: Samples, after: Samples, name: str) -> Iterable[tuple[dict[str, str], float]]:
    """Give a counter's growth by its labels."""
    for key, value in after.items():
        grown = value - before.get(key, 0.0)
        if key[0] == name and grown > 0:
            yield dict(key[1]), grown


def _by(
    before: Samples, after: Samples, name: str, labels: tuple[str, ...], divisor: float
) -> dict[str, float]:
    found: Counter[str] = Counter()
    for given, grown in _grown(before, after, name):
        found[" ".join(given[label] for label in labels)] += grown  # type: ignore[assignment]
    return {what: round(number / divisor, 3) for what, number in sorted(found.items())}


def _audited(world: World, start: int, divisor: float) -> dict[str, float]:
    """Count what the API server says of the operator's requests since then."""
    with world.cluster.audit_log.open("rb") as log:
        log.seek(start)
        entries = [json.loads(line) for line in log if line.endswith(b"\n")]
    found = Counter(f"{entry['verb']} {_resource(entry)}" for entry in entries)
    return {what: round(number / divisor, 3) for what, number in sorted(found.items())}


def _resource(entry: Mapping[str, Any]) -> str:
    return str((entry.get("objectRef") or {}).get("resource", entry["requestURI"]))


def _lateness(before: Samples, after: Samples) -> dict[str, float]:
    """Give the mean, and the bucket bound that 99 % of the evaluations keep."""
    name = "evaluation_lateness_seconds"
    grown = {
        float(labels["le"]): number for labels, number in _grown(before, after, f"{name}_bucket")
    }
    count = grown.get(float("inf"), 0.0)
    if not count:
        return {}
    seconds = total(after, f"{name}_sum") - total(before, f"{name}_sum")
    p99 = min(bound for bound, number in grown.items() if number >= 0.99 * count)
    return {"mean": round(seconds / count, 3), "p99_at_most": p99}
