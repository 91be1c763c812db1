"""What the guard adds to the contract: one more step, its triggers' order, its default budgets."""

from typing import Final, NamedTuple

from pecr_rollout.contract.fallback import (
    DISABLE_ADAPTIVE_PARALLELISM,
    DISABLE_BATCH_MODE,
    SWITCH_ENGINE_TO_BASELINE,
    FallbackStep,
)
from pecr_rollout.contract.flags import Flag, parse_switch, render_switch
from pecr_rollout.contract.signals import Trigger

RLM_DEFAULT: Final = Flag(
    variable="PECR_RLM_DEFAULT_ENABLED",
    field="",  # no flag of a rollout: a pipeline's own switch, which the guard only recommends
    values="`true`, `false`",
    default=False,
    parse=parse_switch,
    render=render_switch,
    aliases=(),
)
DISABLE_RLM_DEFAULTING: Final = FallbackStep("disable_rlm_defaulting", RLM_DEFAULT, False)

GUARD_ORDER: Final = (
    DISABLE_ADAPTIVE_PARALLELISM,
    DISABLE_BATCH_MODE,
    DISABLE_RLM_DEFAULTING,
    SWITCH_ENGINE_TO_BASELINE,
)
"""The fallback order with the guard's own step in its place."""

GUARD_TRIGGERS: Final = (
    Trigger.LATENCY_P95,
    Trigger.LATENCY_P99,
    Trigger.BUDGET_VIOLATION_RATE,
    Trigger.STALENESS_ERROR_RATE,
    Trigger.SOURCE_UNAVAILABLE_RATE,
)
"""The guard's triggers in the order of its report. Each fires strictly above its limit."""


class Budget(NamedTuple):
    """A limit of the guard.

    Attributes:
        option: the option that sets it.
        variable: the environment variable that sets it where the option is absent.
        default: what holds where neither is there.
    """

    option: str
    variable: str
    default: float


P95_BUDGET: Final = Budget("--max-p95-ms", "PECR_CANARY_P95_BUDGET_MS", 1200.0)
P99_BUDGET: Final = Budget("--max-p99-ms", "PECR_CANARY_P99_BUDGET_MS", 1500.0)
SOURCE_UNAVAILABLE_BUDGET: Final = Budget(
    "--max-source-unavailable-rate", "PECR_CANARY_SOURCE_UNAVAILABLE_MAX_RATE", 0.05
)
BUDGETS: Final = (P95_BUDGET, P99_BUDGET, SOURCE_UNAVAILABLE_BUDGET)

MIN_REQUESTS: Final = 100
"""Below this many requests a figure is no evidence, as `spec.slo.minRequests` by default."""
