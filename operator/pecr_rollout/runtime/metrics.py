"""The operator's own metrics, with bounded labels; a rollout's series go when it goes."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, generate_latest

from pecr_rollout import __version__
from pecr_rollout.api.rollout import ControllerRollout
from pecr_rollout.api.status import Status
from pecr_rollout.cluster.resources import Resource
from pecr_rollout.lifecycle.draft import Plan
from pecr_rollout.lifecycle.outbox import NOT_TOLD
from pecr_rollout.runtime.queue import Key
from pecr_rollout.runtime.shown import PREFIX, Rollouts, shown
from pecr_rollout.telemetry.client import Asking


class Metrics:
    """All metrics of one operator: its own in a registry, and those of the rollouts."""

    def __init__(self) -> None:
        """Register them."""
        registry = self.registry = CollectorRegistry()
        self._rollouts = Rollouts()

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(PREFIX + name, text, labels, registry=registry)

        Info(PREFIX + "operator", "The operator's build.", registry=registry).info(
            {"version": __version__}
        )
        self.transitions = counter("transitions_total", "Rows of the table taken.", "row")
        self.fallbacks = counter("fallbacks_total", "Fallback steps taken.", "step", "trigger")
        self.evaluations = counter("evaluations_total", "Evaluations of rollouts.")
        self.judged = Gauge(
            PREFIX + "judged",
            "Rollouts that this process has judged; all of them soon after a start.",
            registry=registry,
        )
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
        self.notifications = counter(
            "notifications_total", "Tries to notify a rollback owner.", "service", "outcome"
        )
        self.given_up = counter(
            "notifications_given_up_total", "Notifications that no receiver took in time."
        )
        self.errors = counter("reconcile_errors_total", "Reconciles that failed.", "reason")

    def text(self) -> bytes:
        """Give all of them as Prometheus reads them; fit for another thread."""
        return generate_latest(self.registry) + self._rollouts.text().encode()

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

    def notified(self, service: str, taken: bool) -> None:
        """Count a try to notify; a service is one that apprise knows."""
        self.notifications.labels(service, "sent" if taken else "failed").inc()

    def planned(self, rollout: ControllerRollout, plan: Plan) -> None:
        """Show what held after a status write."""
        self.transitions.labels(plan.row).inc()
        self.given_up.inc(sum(note.reason == NOT_TOLD for note in plan.notes))
        before, now = rollout.status.fallback, plan.status.fallback
        taken = now.taken[len(before.taken) if before else 0 :] if now else []
        breached = [v.name for v in plan.status.signals if v.verdict == "Breached"]
        for step in taken:
            self.fallbacks.labels(step, breached[0] if breached else "none").inc()

    def show(self, key: Key, status: Status, opened_at: float | None) -> None:
        """Show where a rollout stands."""
        self._rollouts.shown[key] = shown(status, opened_at)

    def forget(self, key: Key) -> None:
        """Drop every series of a rollout that is gone."""
        self._rollouts.shown.pop(key, None)
