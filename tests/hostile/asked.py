"""What the operator would ask Prometheus about a rollout, and how Prometheus understands it."""

import json
import urllib.parse
import urllib.request
from collections.abc import Callable
from typing import Any, NamedTuple

from cluster.builders import UID
from pecr_rollout.api.enums import BaselineSource
from pecr_rollout.api.rollout import ControllerRollout
from pecr_rollout.api.status import Window
from pecr_rollout.cluster.names import clone_name
from pecr_rollout.lifecycle.observation import Progress, Workload
from pecr_rollout.lifecycle.situation import Judged
from pecr_rollout.runtime.bench import Bench
from pecr_rollout.runtime.case import open_case
from pecr_rollout.runtime.checks import _checked
from pecr_rollout.runtime.queue import Key
from pecr_rollout.telemetry import preflight
from pecr_rollout.telemetry.client import Sample
from pecr_rollout.telemetry.clock import ServerClock
from pecr_rollout.telemetry.counters import MARK, SEEN
from pecr_rollout.telemetry.server import PrometheusServer
from runtime.server import TICK
from telemetry.asking import START

TARGET = Workload("d", "u", "1", 3, "t", None, Progress.COMPLETE)
HASH = "6c7b8d9f5c"
VALUES = {"value", "val"}
"""Where a text stands in a query that is taken apart: a matcher's, and a string's by itself."""


class Recorder:
    """A Prometheus that has one sample of one pod, whatever is asked."""

    def __init__(self) -> None:
        self.server = PrometheusServer(url="http://stand-in")
        self.clock = ServerClock()
        self.queries: list[str] = []

    async def now(self) -> float:
        return START + TICK

    async def instant(self, query: str, at: float, read: Callable[[list[Sample]], Any]) -> Any:
        self.queries.append(query)
        return read([Sample({"namespace": "n", "pod": "p", MARK: SEEN}, at, at)])

    async def range(self, query: str, *how: Any) -> Any:
        self.queries.append(query)
        *_, read = how
        return read([])


async def asked(rollout: ControllerRollout) -> list[str]:
    """Give every query: of the preflight, of the history, of the evidence and of the figures."""
    server = Recorder()
    window = Window(since=START)
    rollout = rollout.model_copy(
        update={"status": rollout.status.model_copy(update={"window": window})}
    )
    for baseline in (replica_set(rollout.spec.target.deployment), None):
        bench, key = Bench(server, lambda _key, _delay: None), Key(rollout.metadata.namespace, UID)
        cohort = replica_set(clone_name(rollout.spec.target.deployment))
        rest = None if baseline is None else (baseline,)
        judged = Judged((cohort,), rest, BaselineSource.CONCURRENT, 600.0, 0)
        bench.hear(key, open_case(rollout, rollout.spec, judged, None))
        await bench.evaluate([key], START + TICK)
    await preflight.check(server, _checked(rollout, TARGET, {}), START)
    return list(dict.fromkeys(server.queries))


def replica_set(deployment: str) -> str:
    return f"{deployment}-{HASH}"


class Understood(NamedTuple):
    """A query as Prometheus reads it.

    Attributes:
        shape: its syntax tree, without the texts in it.
        texts: those texts, unquoted.
    """

    shape: str
    texts: tuple[str, ...]


def understood(url: str, query: str) -> Understood:
    """Let the real Prometheus take a query apart; fails where it refuses it."""
    form = urllib.parse.urlencode({"query": query}).encode()
    with urllib.request.urlopen(f"{url}/api/v1/parse_query", form, timeout=10) as answer:  # noqa: S310
        tree = json.load(answer)["data"]
    texts: list[str] = []
    return Understood(json.dumps(_bare(tree, texts)), tuple(texts))


def _bare(node: Any, texts: list[str]) -> Any:
    if isinstance(node, list):
        return [_bare(inner, texts) for inner in node]
    if not isinstance(node, dict):
        return node
    bare = {}
    for name, inner in node.items():
        if name in VALUES and isinstance(inner, str):
            texts.append(inner)
        else:
            bare[name] = _bare(inner, texts)
    return bare
