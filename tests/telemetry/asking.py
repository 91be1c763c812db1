"""Questions that the tests ask."""

from pecr_rollout.judge.evidence import Kind, Question
from pecr_rollout.telemetry.collector import Due
from pecr_rollout.telemetry.measures import (
    Errors,
    SlowerThan,
    StopReasons,
    TerminalMode,
    Violations,
)
from pecr_rollout.telemetry.questions import Asked
from pecr_rollout.telemetry.subjects import Subject

P95 = Asked(Question("latency_p95", Kind.ABSOLUTE, 0.05), SlowerThan(1.2))
P99 = Asked(Question("latency_p99", Kind.ABSOLUTE, 0.01), SlowerThan(2.5))
VIOLATIONS = Asked(Question("budget_violation_rate", Kind.RELATIVE, 0.01), Violations())
UNAVAILABLE = Asked(
    Question("terminal_mode:SOURCE_UNAVAILABLE", Kind.RELATIVE, 0.05),
    TerminalMode("SOURCE_UNAVAILABLE"),
)
ERRORS = Asked(Question("error_rate", Kind.RELATIVE, 0.02), Errors())
BRIDGE = Asked(Question("stop_reason:bridge_*", Kind.RELATIVE, 0.02), StopReasons("bridge_*"))
ALL = (P95, P99, VIOLATIONS, UNAVAILABLE, ERRORS, BRIDGE)

CANARY_RS = "pecr-canary-6c7b8d9f5c"
FLEET_RS = "pecr-7d9f8b6c5d"
START = 1_700_000_010.0  # a multiple of 30


def due(until, *, last=None, key="u1", namespace="shop", asked=ALL, since=START, **changes):
    fields = {
        "key": key,
        "asked": asked,
        "canary": Subject(namespace, (CANARY_RS,)),
        "baseline": Subject(namespace, (FLEET_RS,)),
        "interval": 30.0,
        "since": since,
        "until": until,
        "last": last,
    }
    return Due(**{**fields, **changes})
