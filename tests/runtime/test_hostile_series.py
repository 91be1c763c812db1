"""Whatever pods write into their series, the judges of all go on."""

from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from pecr_rollout.runtime.bench import Bench
from pecr_rollout.telemetry.client import Sample, Series
from pecr_rollout.telemetry.counters import COHORT, MARK, SEEN, SOURCES
from pecr_rollout.telemetry.promql import REPLICA_SET
from runtime.conftest import KEY
from runtime.server import CASE, TICK, Server
from telemetry.asking import ALL, CANARY_RS, FLEET_RS, START
from telemetry.tape import Tape

PODS = st.sampled_from([f"{CANARY_RS}-aaaaa", f"{FLEET_RS}-bbbbb"]) | st.text()
METRICS = st.sampled_from([source.metric for source in SOURCES.values()]) | st.text()
MARKS = st.sampled_from([SEEN, "latency", "queue", "stops", "inflight"]) | st.text()
ANYTHING = st.text() | st.text("0123456789.+-einfaNI", max_size=8)
LABELS = st.fixed_dictionaries(
    {"namespace": st.just("shop") | st.text()},
    optional={
        "__name__": METRICS,
        "pod": PODS,
        REPLICA_SET: st.just(CANARY_RS) | st.text(),
        MARK: MARKS,
        COHORT: st.text(),
        "le": ANYTHING,
        "status": ANYTHING,
        "reason": ANYTHING | st.text(min_size=300),
        "terminal_mode": ANYTHING,
    },
)
VALUES = st.floats(width=64) | st.integers(-3, 3).map(float)
SERIES = st.lists(st.tuples(LABELS, VALUES), max_size=12)


class Hostile(Server):
    """Gives the same series whatever is asked."""

    series: list[tuple[dict[str, str], float]]

    async def instant(self, query: str, at: float, read: Any) -> Any:
        return read([Sample(labels, at, value) for labels, value in self.series])

    async def range(self, query: str, start: float, end: float, step: float, read: Any) -> Any:
        times = [start + n * step for n in range(round((end - start) / step) + 1)]
        return read([Series(labels, [(t, value) for t in times]) for labels, value in self.series])


@given(first=SERIES, second=SERIES)
@settings(max_examples=100, deadline=None)
async def test_the_judges_go_on(
    first: list[tuple[dict[str, str], float]], second: list[tuple[dict[str, str], float]]
) -> None:
    server = Hostile(Tape())
    bench = Bench(server, lambda _key, _delay: None)
    seat = bench.hear(KEY, replace(CASE, asked=ALL))
    for number, series in enumerate((first, second, first), 1):
        server.series = series
        await bench.evaluate([KEY], START + TICK * number + 1)
    assert seat.judgement is not None
    assert seat.figures is not None
    assert seat.figures.model_dump_json()
