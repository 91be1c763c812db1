"""A Prometheus in memory: looks samples up as the real one does, and fails when told to."""

from bisect import bisect_right

from pecr_rollout.telemetry.client import Sample, Series
from pecr_rollout.telemetry.counters import MARK, SEEN
from pecr_rollout.telemetry.errors import PrometheusUnavailable, Trouble
from pecr_rollout.telemetry.server import PrometheusServer
from telemetry.tape import Tape

LOOK_BACK = 300.0


class StandIn:
    """Answers with all series of a tape, whatever is asked."""

    def __init__(self, tape: Tape) -> None:
        self.server = PrometheusServer(url="http://stand-in")
        self.tape = tape
        self.down = False
        self.queries = []

    async def instant(self, query, at, read):
        self._ask(query)
        found = [Sample(labels, at, value) for labels, value in self._at(at)]
        return read(found)

    async def range(self, query, start, end, step, read):
        self._ask(query)
        found = {}
        for number in range(round((end - start) / step) + 1):
            at = start + number * step
            for labels, value in self._at(at):
                found.setdefault(tuple(sorted(labels.items())), []).append((at, value))
        return read([Series(dict(labels), points) for labels, points in found.items()])

    def _ask(self, query):
        self.queries.append(query)
        if self.down:
            raise PrometheusUnavailable(Trouble.UNREACHABLE, "told to be")

    def _at(self, at):
        """Look up what our queries ask for: one series a target, summed over the outcomes."""
        once = {}
        for (metric, labels), points in self.tape.series.items():
            newest = bisect_right(points, at, key=lambda point: point[0]) - 1
            if newest >= 0 and points[newest][0] > at - LOOK_BACK:
                kept = {n: v for n, v in labels if n not in {"job", "instance"}}
                when, value = points[newest]
                merge(once, {**kept, "__name__": metric}, value, max)
                if metric.endswith("violations_total"):
                    merge(once, {**kept, MARK: SEEN}, when, max)
        summed = {}
        for labels, value in once.items():
            kept = {name: label for name, label in labels if name != "outcome"}
            merge(summed, kept, value, lambda one, other: one + other)
        return [(dict(labels), value) for labels, value in summed.items()]


def merge(series, labels, value, how):
    key = tuple(sorted(labels.items()))
    series[key] = how(series[key], value) if key in series else value
