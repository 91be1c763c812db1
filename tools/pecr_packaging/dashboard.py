"""The Grafana dashboard: the life of a rollout, from the operator's own metrics."""

import json
from typing import Any, Final, NamedTuple

from pecr_rollout.runtime.shown import PREFIX

ONE: Final = '{namespace="$namespace", name="$name"}'


class Panel(NamedTuple):
    """One panel.

    Attributes:
        title: for people.
        kind: Grafana's type.
        width: of 24.
        queries: PromQL and legend.
        unit: Grafana's name of it.
    """

    title: str
    kind: str
    width: int
    queries: tuple[tuple[str, str], ...]
    unit: str = "short"


PANELS: Final = (
    Panel("Phase", "state-timeline", 12, ((f"{PREFIX}phase{ONE} == 1", "{{phase}}"),)),
    Panel("Step", "stat", 4, ((f"{PREFIX}step{ONE}", "step"),)),
    Panel(
        "Waiting for acknowledgement",
        "stat",
        8,
        ((f"time() - {PREFIX}incident_opened_timestamp_seconds{ONE}", "since"),),
        "s",
    ),
    Panel(
        "Verdicts (1 Within, 0 Unknown, -1 Breached)",
        "state-timeline",
        24,
        (
            (
                (
                    f'{PREFIX}signal_verdict{ONE[:-1]}, verdict="Within"}}'
                    f" - ignoring (verdict) "
                    f'{PREFIX}signal_verdict{ONE[:-1]}, verdict="Breached"}}'
                ),
                "{{signal}}",
            ),
        ),
    ),
    Panel(
        "Rate of each signal, canary and baseline",
        "timeseries",
        16,
        ((f"{PREFIX}signal_rate{ONE}", "{{signal}} {{cohort}}"),),
        "percentunit",
    ),
    Panel("Limits", "bargauge", 8, ((f"{PREFIX}signal_limit{ONE}", "{{signal}}"),), "percentunit"),
    Panel(
        "All rollouts by phase",
        "timeseries",
        8,
        ((f"sum by (phase) ({PREFIX}phase)", "{{phase}}"),),
    ),
    Panel(
        "Fallback steps taken",
        "timeseries",
        8,
        (
            (
                f"sum by (step, trigger) (increase({PREFIX}fallbacks_total[1h]))",
                "{{step}}: {{trigger}}",
            ),
        ),
    ),
    Panel(
        "Transitions",
        "timeseries",
        8,
        ((f"sum by (row) (increase({PREFIX}transitions_total[1h]))", "{{row}}"),),
    ),
    Panel(
        "Evaluations, and how late they are (p99)",
        "timeseries",
        8,
        (
            (f"sum(rate({PREFIX}evaluations_total[5m]))", "evaluations/s"),
            (
                (
                    "histogram_quantile(0.99, sum by (le)"
                    f" (rate({PREFIX}evaluation_lateness_seconds_bucket[5m])))"
                ),
                "late, s",
            ),
        ),
    ),
    Panel(
        "Prometheus: queries (p95 s) and failures",
        "timeseries",
        8,
        (
            (
                (
                    "histogram_quantile(0.95, sum by (le, kind)"
                    f" (rate({PREFIX}prometheus_query_seconds_bucket[5m])))"
                ),
                "{{kind}}",
            ),
            (
                f"sum by (reason) (rate({PREFIX}prometheus_query_failures_total[5m]))",
                "failures {{reason}}",
            ),
        ),
    ),
    Panel(
        "API requests and reconcile errors",
        "timeseries",
        8,
        (
            (f"sum by (verb, code) (rate({PREFIX}api_requests_total[5m]))", "{{verb}} {{code}}"),
            (f"sum by (reason) (rate({PREFIX}reconcile_errors_total[5m]))", "error {{reason}}"),
        ),
        "reqps",
    ),
)


def dashboard() -> dict[str, Any]:
    """Give the dashboard as Grafana imports it."""
    return {
        "uid": "pecr-rollouts",
        "title": "PECR rollouts",
        "tags": ["pecr"],
        "schemaVersion": 39,
        "timezone": "browser",
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {"list": [_source(), _variable("namespace", ""), _variable("name", ONE_OF)]},
        "panels": _panels(),
    }


ONE_OF: Final = '{namespace="$namespace"}'


def _source() -> dict[str, Any]:
    return {"name": "source", "type": "datasource", "query": "prometheus", "label": "Prometheus"}


def _variable(label: str, selector: str) -> dict[str, Any]:
    return {
        "name": label,
        "type": "query",
        "datasource": {"type": "prometheus", "uid": "${source}"},
        "query": f"label_values({PREFIX}phase{selector}, {label})",
        "refresh": 2,
    }


def _panels() -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = []
    left, top, height = 0, 0, 8
    for number, panel in enumerate(PANELS, 1):
        if left + panel.width > 24:
            left, top = 0, top + height
        made.append(
            {
                "id": number,
                "title": panel.title,
                "type": panel.kind,
                "datasource": {"type": "prometheus", "uid": "${source}"},
                "gridPos": {"x": left, "y": top, "w": panel.width, "h": height},
                "fieldConfig": {"defaults": {"unit": panel.unit}, "overrides": []},
                "targets": [
                    {"refId": chr(65 + n), "expr": expr, "legendFormat": legend}
                    for n, (expr, legend) in enumerate(panel.queries)
                ],
            }
        )
        left += panel.width
    return made


def render() -> str:
    """Give it as JSON, equal at each call."""
    return json.dumps(dashboard(), indent=1) + "\n"
