"""The seven signals that the controller exports, and the triggers that are read from them."""

from enum import StrEnum
from typing import Final, NamedTuple

PREFIX: Final = "pecr_controller_"
ROUTE: Final = "/v1/run"
"""The only route that counts for a rollout; the others would dilute every rate."""

LATENCY_BOUNDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of the latency histogram's buckets, in seconds."""

QUANTILES: Final = {"p95": 0.05, "p99": 0.01}
"""The latency quantiles that may be bounded, and the share of requests that may be slower."""

TERMINAL_MODES: Final = (
    "SUPPORTED",
    "INSUFFICIENT_EVIDENCE",
    "INSUFFICIENT_PERMISSION",
    "SOURCE_UNAVAILABLE",
)


class Level(StrEnum):
    """At which level of the service a signal is measured."""

    REQUEST = "request"
    RUNTIME = "runtime"
    OUTCOME = "outcome"


class Signal(NamedTuple):
    """One Prometheus metric of the controller.

    Attributes:
        metric: full name, without histogram suffixes.
        level: request, runtime or outcome.
        kind: counter, gauge or histogram.
        labels: its own labels, the target's excepted.
        born: whether a fresh process exports it at once, at 0; otherwise with its first event.
        judged: whether a trigger is read from it; otherwise it is shown for diagnosis.
    """

    metric: str
    level: Level
    kind: str
    labels: tuple[str, ...]
    born: bool
    judged: bool


REQUEST_DURATION: Final = Signal(
    PREFIX + "http_request_duration_seconds",
    Level.REQUEST,
    "histogram",
    ("route", "method", "outcome"),
    born=False,
    judged=True,
)
REQUESTS: Final = Signal(
    PREFIX + "http_requests_total",
    Level.REQUEST,
    "counter",
    ("route", "method", "status"),
    born=False,
    judged=True,
)
BUDGET_VIOLATIONS: Final = Signal(
    PREFIX + "budget_violations_total", Level.RUNTIME, "counter", (), born=True, judged=True
)
STOP_REASONS: Final = Signal(
    PREFIX + "budget_stop_reasons_total",
    Level.RUNTIME,
    "counter",
    ("reason",),
    born=False,
    judged=True,
)
INFLIGHT_OPS: Final = Signal(
    PREFIX + "inflight_ops", Level.RUNTIME, "gauge", (), born=True, judged=False
)
QUEUE_WAIT: Final = Signal(
    PREFIX + "operator_queue_wait_seconds", Level.RUNTIME, "histogram", (), born=True, judged=False
)
TERMINAL: Final = Signal(
    PREFIX + "terminal_modes_total",
    Level.OUTCOME,
    "counter",
    ("route", "terminal_mode"),
    born=False,
    judged=True,
)

SIGNALS: Final = (
    REQUEST_DURATION,
    REQUESTS,
    BUDGET_VIOLATIONS,
    STOP_REASONS,
    INFLIGHT_OPS,
    QUEUE_WAIT,
    TERMINAL,
)


class Trigger(StrEnum):
    """What a fallback may be triggered by. Values stand in reports and in status."""

    LATENCY_P95 = "latency_p95"  # more than 5 % of requests slower than the p95 bound
    LATENCY_P99 = "latency_p99"  # more than 1 % of requests slower than the p99 bound
    BUDGET_VIOLATION_RATE = (
        "budget_violation_rate"  # violations / terminal modes, over the baseline's
    )
    STALENESS_ERROR_RATE = "staleness_error_rate"  # the guard's only: the load test measures it
    SOURCE_UNAVAILABLE_RATE = "source_unavailable_rate"  # the guard's name for that terminal mode
    TERMINAL_MODE = "terminal_mode"  # share of one terminal mode, over the baseline's
    ERROR_RATE = "error_rate"  # share of 5xx, over the baseline's
    STOP_REASON = "stop_reason"  # stop reasons that match, per request, over the baseline's


class TriggerRule(NamedTuple):
    """When a trigger fires.

    Attributes:
        trigger: its name.
        signals: the metrics that it is read from; none where a load test measures it.
        meaning: what fires it.
        limit: where its limit is declared.
    """

    trigger: Trigger
    signals: tuple[Signal, ...]
    meaning: str
    limit: str


TRIGGER_RULES: Final = (
    TriggerRule(
        Trigger.LATENCY_P95,
        (REQUEST_DURATION,),
        "more than 5 % of requests are slower than the bound",
        "`slo.latency.p95`",
    ),
    TriggerRule(
        Trigger.LATENCY_P99,
        (REQUEST_DURATION,),
        "more than 1 % of requests are slower than the bound",
        "`slo.latency.p99`",
    ),
    TriggerRule(
        Trigger.BUDGET_VIOLATION_RATE,
        (BUDGET_VIOLATIONS, TERMINAL),
        "budget violations per answer, over the baseline's",
        "`slo.budgetViolationRate`",
    ),
    TriggerRule(
        Trigger.TERMINAL_MODE,
        (TERMINAL,),
        "share of answers that end in one mode, over the baseline's",
        "`slo.terminalModes`",
    ),
    TriggerRule(
        Trigger.ERROR_RATE,
        (REQUESTS,),
        "share of answers with a 5xx status, over the baseline's",
        "`slo.errorRate`",
    ),
    TriggerRule(
        Trigger.STOP_REASON,
        (STOP_REASONS, TERMINAL),
        "stop reasons of one name per answer, over the baseline's",
        "`slo.stopReasons`",
    ),
    TriggerRule(
        Trigger.STALENESS_ERROR_RATE,
        (),
        "staleness errors per finalized answer of a load test; the guard's only",
        "the gates file",
    ),
    TriggerRule(
        Trigger.SOURCE_UNAVAILABLE_RATE,
        (),
        "share of `SOURCE_UNAVAILABLE` of a load test; the guard's only",
        "`--max-source-unavailable-rate`",
    ),
)
