"""The operator's own metrics, with bounded labels; a rollout's series go when it goes."""

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info

from pecr_rollout import __version__
from pecr_rollout.api.rollout import ControllerRollout
from pecr_rollout.api.status import Phase, Status
from pecr_rollout.cluster.resources import Resource
from pecr_rollout.lifecycle.draft import Plan
from pecr_rollout.runtime.queue import Key
from pecr_rollout.telemetry.client import Asking

PREFIX = "pecr_rollout_"
OF_ROLLOUT = ("namespace", "name")
VERDICTS = ("Within", "Breached", "Unknown")


class Metrics:
    """All metrics of one operator, in a registry of their own."""

    def __init__(self) -> None:
        """Register them."""
        registry = self.registry = CollectorRegistry()
        self._signals: dict[Key, frozenset[str]] = {}

        def gauge(name: str, text: str, *labels: str) -> Gauge:
            return Gauge(PREFIX + name, text, labels, registry=registry)

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(PREFIX + name, text, labels, registry=registry)

        Info(PREFIX + "operator", "The operator's build.", registry=registry).info(
            {"version": __version__}
        )
        self.phase = gauge("phase", "1 for the phase that a rollout is in.", *OF_ROLLOUT, "phase")
        self.step = gauge("step", "Step of the canary, from 1; 0 without one.", *OF_ROLLOUT)
        self.verdict = gauge(
            "signal_verdict", "1 for a signal's verdict.", *OF_ROLLOUT, "signal", "verdict"
        )
        self.rate = gauge(
            "signal_rate", "A signal's rate, a share of requests.", *OF_ROLLOUT, "signal", "cohort"
        )
        self.limit = gauge("signal_limit", "A signal's limit, a share.", *OF_ROLLOUT, "signal")
        self.incident_since = gauge(
            "incident_opened_timestamp_seconds",
            "When the open incident was opened; absent without one.",
            *OF_ROLLOUT,
        )
        self.transitions = counter("transitions_total", "Rows of the table taken.", "row")
        self.fallbacks = counter("fallbacks_total", "Fallback steps taken.", "step", "trigger")
        self.evaluations = counter("evaluations_total", "Evaluations of rollouts.")
        self.lateness = Histogram(
            PREFIX + "evaluation_lateness_seconds",
            "Time from an evaluation's tick to its reconcile.",
            buckets=(0.1, 0.25, 0.5, 1, 2, 3, 5, 10, 30),
            registry=registry,
        )
        self.queries = Histogram(
            PREFIX + "prometheus_query_seconds",
            "Queries to Prometheus and their time.",
            ("server", "kind"),
            registry=registry,
        )
        self.query_failures = counter(
            "prometheus_query_failures_total", "Queries that failed.", "server", "reason"
        )
        self.requests = counter(
            "api_requests_total", "Requests to the API server.", "verb", "resource", "code"
        )
        self.errors = counter("reconcile_errors_total", "Reconciles that failed.", "reason")

    def evaluated(self, count: int, late: float) -> None:
        """Count the evaluations of one tick."""
        self.evaluations.inc(count)
        self.lateness.observe(max(0.0, late))

    def asked(self, asking: Asking) -> None:
        """Count a query to Prometheus."""
        self.queries.labels(asking.server, asking.kind).observe(asking.seconds)
        if asking.trouble is not None:
            self.query_failures.labels(asking.server, asking.trouble.value).inc()

    def requested(self, verb: str, resource: Resource, status: int) -> None:
        """Count a request to the API server."""
        self.requests.labels(verb, resource.plural, str(status)).inc()

    def planned(self, rollout: ControllerRollout, plan: Plan) -> None:
        """Show what held after a status write."""
        self.transitions.labels(plan.row).inc()
        before, now = rollout.status.fallback, plan.status.fallback
        taken = now.taken[len(before.taken) if before else 0 :] if now else []
        breached = [v.name for v in plan.status.signals if v.verdict == "Breached"]
        for step in taken:
            self.fallbacks.labels(step, breached[0] if breached else "none").inc()

    def show(self, key: Key, status: Status, opened_at: float | None) -> None:
        """Show where a rollout stands."""
        for phase in Phase:
            self.phase.labels(*key, phase.value).set(float(phase is status.phase))
        self.step.labels(*key).set(status.step.index if status.step else 0)
        if opened_at is None:
            self._remove(self.incident_since, key)
        else:
            self.incident_since.labels(*key).set(opened_at)
        self._show_signals(key, status)

    def _show_signals(self, key: Key, status: Status) -> None:
        names = frozenset(signal.name for signal in status.signals)
        if self._signals.get(key, frozenset()) - names:
            for metric in (self.verdict, self.rate, self.limit):
                self._remove(metric, key)
        self._signals[key] = names
        for signal in status.signals:
            for verdict in VERDICTS:
                shown = float(verdict == signal.verdict)
                self.verdict.labels(*key, signal.name, verdict).set(shown)
            rates: Mapping[str, float | None] = {
                "canary": signal.canary.rate,
                "baseline": signal.baseline.rate,
            }
            for cohort, rate in rates.items():
                if rate is None:
                    self.rate.remove(*key, signal.name, cohort)
                else:
                    self.rate.labels(*key, signal.name, cohort).set(rate)
            self.limit.labels(*key, signal.name).set(signal.limit)

    def forget(self, key: Key) -> None:
        """Drop every series of a rollout that is gone."""
        self._signals.pop(key, None)
        for metric in (
            self.phase,
            self.step,
            self.verdict,
            self.rate,
            self.limit,
            self.incident_since,
        ):
            self._remove(metric, key)

    @staticmethod
    def _remove(metric: Gauge, key: Key) -> None:
        metric.remove_by_labels({"namespace": key.namespace, "name": key.name})
