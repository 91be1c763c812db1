"""Pods of the controller as Prometheus saw them: samples with their times, as OpenMetrics text."""

from collections import defaultdict
from dataclasses import dataclass, field

BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, float("inf"))
RUN = {"route": "/v1/run", "method": "POST"}
Labels = tuple[tuple[str, str], ...]


def le(bound):
    return "+Inf" if bound == float("inf") else f"{bound:g}"


@dataclass
class Tape:
    """Samples by metric and labels."""

    series: dict = field(default_factory=lambda: defaultdict(list))

    def add(self, metric, labels, value, at):
        self.series[metric, tuple(sorted(labels.items()))].append((at, value))

    def text(self):
        families = defaultdict(list)
        for (metric, labels), points in self.series.items():
            families[metric].append((labels, sorted(points)))
        lines = []
        for metric, family in sorted(families.items()):
            kind = "gauge" if metric.endswith("inflight_ops") else "counter"
            kind = "histogram" if metric.endswith("_bucket") else kind
            lines.append(f"# TYPE {metric.removesuffix('_total').removesuffix('_bucket')} {kind}")
            for labels, points in family:
                text = ",".join(f'{name}="{value}"' for name, value in labels)
                lines += [f"{metric}{{{text}}} {value} {at:.3f}" for at, value in points]
        return "\n".join([*lines, "# EOF", ""])


@dataclass
class FakePod:
    """A process of the controller: its counters, born as the real ones are."""

    name: str
    namespace: str = "shop"
    job: str = "pecr"
    counters: dict = field(default_factory=dict)

    def __post_init__(self):
        self.restart()

    def restart(self):
        """Begin anew: counters at zero, lazy series gone."""
        self.counters = {("budget_violations_total", ()): 0.0, ("inflight_ops", ()): 0.0}
        for bound in (0.0005, 0.01, 1.0, float("inf")):
            self._count("operator_queue_wait_seconds_bucket", 0.0, le=le(bound))

    def serve(self, requests, latency=0.02, status="200", mode="SUPPORTED", reason=None):
        """Answer requests to POST /v1/run."""
        outcome = "success" if status.startswith("2") else "error"
        for bound in BOUNDS:
            more = float(requests) if latency <= bound else 0.0
            name = "http_request_duration_seconds_bucket"
            self._count(name, more, **RUN, outcome=outcome, le=le(bound))
        self._count("http_requests_total", requests, **RUN, status=status)
        if not status.startswith("5"):
            self._count("terminal_modes_total", requests, route="/v1/run", terminal_mode=mode)
        if reason:
            self._count("budget_stop_reasons_total", requests, reason=reason)

    def other_route(self, requests):
        """Answer requests that must not count."""
        labels = {"route": "/v1/capabilities", "method": "GET"}
        self._count("http_requests_total", requests, **labels, status="200")
        for bound in BOUNDS:
            name = "http_request_duration_seconds_bucket"
            self._count(name, requests, **labels, outcome="success", le=le(bound))

    def violate(self, times=1):
        self._count("budget_violations_total", times)

    def wait(self, times, seconds):
        """Queue operator calls."""
        for bound in (0.0005, 0.01, 1.0, float("inf")):
            more = float(times) if seconds <= bound else 0.0
            self._count("operator_queue_wait_seconds_bucket", more, le=le(bound))

    def scrape(self, tape, at, job=None):
        """Write what a scrape sees."""
        target = {"namespace": self.namespace, "pod": self.name, "job": job or self.job}
        target["instance"] = "10.0.0.1:8081"
        for (metric, labels), value in self.counters.items():
            tape.add(f"pecr_controller_{metric}", {**dict(labels), **target}, value, at)

    def metrics(self):
        """What /metrics shows."""
        lines = []
        for (metric, labels), value in sorted(self.counters.items()):
            text = ",".join(f'{name}="{label}"' for name, label in labels)
            lines.append(f"pecr_controller_{metric}{{{text}}} {value}")
        return "\n".join([*lines, ""])

    def _count(self, metric, more, **labels):
        key = metric, tuple(sorted(labels.items()))
        self.counters[key] = self.counters.get(key, 0.0) + float(more)
