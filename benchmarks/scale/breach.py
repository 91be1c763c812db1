"""From the scrape that completes a sustained breach to the patched ConfigMap."""

import statistics
import threading
import time
from collections.abc import Sequence
from typing import Any, Final

from benchmarks.scale.world import INTERVAL, World, is_quick, name_of, namespace_of

from localcluster.prometheus_query import instant_query

Json = dict[str, Any]

FEW: Final = 10
ANSWER: Final = ("PECR_CONTROLLER_ADAPTIVE_PARALLELISM_ENABLED", "false")
"""The key that the first fallback step writes."""


def chosen(count: int) -> tuple[list[int], list[int]]:
    """Give a few rollouts spread over all, and up to fifty others."""
    quick = [number for number in range(count) if is_quick(number)]
    few = quick[:: max(1, len(quick) // FEW)][:FEW] if len(quick) > FEW else quick[:1]
    return few, [number for number in quick if number not in few][:50]


def measure(world: World, numbers: Sequence[int]) -> Json:
    """Break some at once, and give how long after the deciding scrape each was answered."""
    if not numbers:
        return {}
    watch = _Watch(world, {(namespace_of(n), f"{name_of(n)}-env") for n in numbers})
    _wait_for_middle()
    world.break_them(numbers)
    world.until("ConfigMaps are patched", lambda: len(watch.patched), len(numbers), every=1.0)
    after_scrape, after_tick = [], []
    for (namespace, config_map), at in watch.patched.items():
        tick = at // INTERVAL * INTERVAL
        scraped = _scraped(world, namespace, config_map.removesuffix("-env"), tick)
        after_scrape.append(at - scraped)
        after_tick.append(at - tick)
    return {
        "rollouts": len(numbers),
        "after_scrape_s": _summary(after_scrape),
        "after_tick_s": _summary(after_tick),
    }


def recover(world: World, count: int) -> None:
    """Heal what was broken, and acknowledge it until fresh runs of all are in analysis."""
    world.settle(count)

    def fresh() -> int:
        world.acknowledge()
        return world.judging()

    world.until("rollouts are in analysis", fresh, count)


def _wait_for_middle() -> None:
    """Break them between two evaluations, so that the next one sees the breach in part."""
    time.sleep((INTERVAL * 1.5 - time.time() % INTERVAL) % INTERVAL)


def _scraped(world: World, namespace: str, deployment: str, tick: float) -> float:
    """Give the time of the newest sample that the evaluation at a tick was made from."""
    pods = f"{{namespace='{namespace}',pod=~'{deployment}-[^-]+-[^-]+'}}"
    query = f"max(timestamp(pecr_controller_budget_violations_total{pods} @ {tick:.3f}))"
    [(_, value)] = instant_query(world.cluster.prometheus_url, query)
    return value


def _summary(values: Sequence[float]) -> dict[str, float]:
    return {
        "median": round(statistics.median(values), 2),
        "first": round(min(values), 2),
        "last": round(max(values), 2),
    }


class _Watch:
    """Notes when each ConfigMap was answered, as the API server tells it."""

    def __init__(self, world: World, wanted: set[tuple[str, str]]) -> None:
        self.patched: dict[tuple[str, str], float] = {}
        self._world, self._wanted = world, wanted
        with world.cluster.client() as client:
            listed = client.get("/api/v1/configmaps", limit="1")
        self._version = listed["metadata"]["resourceVersion"]
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        with self._world.cluster.client() as client:
            for event in client.watch("/api/v1/configmaps", resourceVersion=self._version):
                self._take(event["object"], time.time())
                if len(self.patched) == len(self._wanted):
                    return

    def _take(self, config_map: Json, now: float) -> None:
        metadata = config_map["metadata"]
        key = metadata.get("namespace", ""), metadata.get("name", "")
        variable, value = ANSWER
        if key in self._wanted and (config_map.get("data") or {}).get(variable) == value:
            self.patched.setdefault(key, now)
