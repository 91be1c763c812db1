"""The operator's own metrics: what they show, and that nothing of a rollout stays behind."""

import pytest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from cluster.builders import rollout
from pecr_rollout.api.status import (
    FallbackStatus,
    IncidentStatus,
    Phase,
    RateStatus,
    SignalStatus,
    Status,
    StepStatus,
)
from pecr_rollout.cluster.resources import CONFIG_MAPS
from pecr_rollout.lifecycle.draft import Plan
from pecr_rollout.runtime.metrics import Metrics
from pecr_rollout.runtime.queue import Key
from pecr_rollout.telemetry.client import Asking
from pecr_rollout.telemetry.errors import Trouble

KEY, OTHER = Key("ns", "a"), Key("ns", "b")


def signal(verdict: str, name: str = "error_rate", baseline: float | None = 0.01) -> SignalStatus:
    rates = {"canary": RateStatus(rate=0.2), "baseline": RateStatus(rate=baseline)}
    return SignalStatus(name=name, verdict=verdict, limit=0.02, **rates)


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


def value(metrics: Metrics, metric: str, /, **labels: str) -> float | None:
    found = [
        s for s in samples(metrics) if (s.name, s.labels) == (f"pecr_rollout_{metric}", labels)
    ]
    return found[0].value if found else None


def samples(metrics: Metrics) -> list[Sample]:
    """Read them as Prometheus does."""
    families = text_string_to_metric_families(metrics.text().decode())
    return [sample for family in families for sample in family.samples]


def of(key: Key, **labels: str) -> dict[str, str]:
    return {"namespace": key.namespace, "name": key.name, **labels}


def test_a_signal_has_one_verdict(metrics: Metrics) -> None:
    metrics.show(KEY, Status(signals=[signal("Breached")]), None)
    metrics.show(KEY, Status(signals=[signal("Within")]), None)
    shown = {
        verdict: value(metrics, "signal_verdict", **of(KEY, signal="error_rate", verdict=verdict))
        for verdict in ("Within", "Breached", "Unknown")
    }
    assert shown == {"Within": 1, "Breached": 0, "Unknown": 0}
    assert value(metrics, "signal_limit", **of(KEY, signal="error_rate")) == 0.02


def test_a_rate_that_is_not_known_is_not_shown(metrics: Metrics) -> None:
    metrics.show(KEY, Status(signals=[signal("Unknown", baseline=None)]), None)
    labels = of(KEY, signal="error_rate")
    assert value(metrics, "signal_rate", **labels, cohort="canary") == 0.2
    assert value(metrics, "signal_rate", **labels, cohort="baseline") is None
    metrics.show(KEY, Status(signals=[signal("Within")]), None)
    metrics.show(KEY, Status(signals=[signal("Unknown", baseline=None)]), None)
    assert value(metrics, "signal_rate", **labels, cohort="baseline") is None, "an old value"


def test_what_is_over_is_not_shown_any_more(metrics: Metrics) -> None:
    metrics.show(KEY, Status(signals=[signal("Breached")], step=StepStatus(index=2)), 100.0)
    assert value(metrics, "step", **of(KEY)) == 2
    metrics.show(KEY, Status(), None)
    assert value(metrics, "incident_opened_timestamp_seconds", **of(KEY)) is None
    labels = of(KEY, signal="error_rate")
    assert value(metrics, "signal_verdict", **labels, verdict="Breached") is None
    assert value(metrics, "signal_limit", **labels) is None
    assert value(metrics, "step", **of(KEY)) == 0


def test_a_signal_that_is_not_asked_any_more_is_gone(metrics: Metrics) -> None:
    both = [signal("Breached", "latency_p95"), signal("Within")]
    metrics.show(KEY, Status(signals=both), None)
    metrics.show(KEY, Status(signals=both[1:]), None)
    labels = of(KEY, signal="latency_p95", verdict="Breached")
    assert value(metrics, "signal_verdict", **labels) is None


def test_whatever_a_signal_is_called_it_is_one_label(metrics: Metrics) -> None:
    name = 'stop_reason:a"} 1\n\\'
    metrics.show(KEY, Status(signals=[signal("Within", name)]), None)
    assert value(metrics, "signal_limit", **of(KEY, signal=name)) == 0.02


def test_one_rollout_forgotten_leaves_the_others(metrics: Metrics) -> None:
    for key in (KEY, OTHER):
        metrics.show(key, Status(signals=[signal("Within")]), 5.0)
    metrics.forget(KEY)
    names = {sample.labels["name"] for sample in samples(metrics) if "name" in sample.labels}
    assert names == {"b"}


def test_a_fallback_step_is_counted_with_its_trigger(metrics: Metrics) -> None:
    before = rollout().model_copy(
        update={"status": Status(fallback=FallbackStatus(taken=["disable_batch_mode"]))}
    )
    taken = ["disable_batch_mode", "switch_engine_to_baseline"]
    incident = IncidentStatus(id="i", opened_at="2026-01-01T00:00:00Z")
    after = Status(
        phase=Phase.FALLBACK,
        fallback=FallbackStatus(taken=taken),
        incident=incident,
        signals=[signal("Breached")],
    )
    metrics.planned(before, Plan("breach", after))
    labels = {"step": "switch_engine_to_baseline", "trigger": "error_rate"}
    assert value(metrics, "fallbacks_total", **labels) == 1
    labels["step"] = "disable_batch_mode"
    assert value(metrics, "fallbacks_total", **labels) is None, "it was taken before"
    assert value(metrics, "transitions_total", row="breach") == 1


def test_work_is_counted(metrics: Metrics) -> None:
    metrics.requested("get", CONFIG_MAPS, 404)
    metrics.evaluated(3, -0.2)
    metrics.asked(Asking("default", "instant", 0.1))
    metrics.asked(Asking("default", "range", 0.1, trouble=Trouble.SLOW))
    labels = {"verb": "get", "resource": "configmaps", "code": "404"}
    assert value(metrics, "api_requests_total", **labels) == 1
    assert value(metrics, "evaluations_total") == 3
    assert value(metrics, "evaluation_lateness_seconds_sum") == 0, "clocks differ; never negative"
    assert value(metrics, "prometheus_query_seconds_count", server="default", kind="range") == 1
    labels = {"server": "default", "reason": Trouble.SLOW.value}
    assert value(metrics, "prometheus_query_failures_total", **labels) == 1
