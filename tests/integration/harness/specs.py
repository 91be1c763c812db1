"""Manifests of rollouts with short windows."""

from typing import Any

Json = dict[str, Any]

DEPLOYMENT, CONFIG_MAP = "pecr-controller", "pecr-controller-env"
NEXT, NEXT_CONFIG_MAP = "pecr-controller-next", "pecr-controller-next-env"

ENGINE = "PECR_CONTROLLER_ENGINE"
ADAPTIVE = "PECR_CONTROLLER_ADAPTIVE_PARALLELISM_ENABLED"
BATCH = "PECR_CONTROLLER_BATCH_MODE_ENABLED"
POLICIES = "PECR_OPERATOR_CONCURRENCY_POLICIES"
FLAGS = (ENGINE, ADAPTIVE, BATCH, POLICIES)

RLM = {ENGINE: "rlm"}
STEP_1 = {ADAPTIVE: "false"}
STEP_2 = STEP_1 | {BATCH: "false"}
STEP_3 = STEP_2 | {ENGINE: "baseline"}
ORDER = ("disable_adaptive_parallelism", "disable_batch_mode", "switch_engine_to_baseline")

HOLD = "3s"
MANAGED: Json = {"mode": "Managed", "steps": [{"cohort": 1, "hold": HOLD}]}
TWO_STEPS: Json = {
    "mode": "Managed",
    "steps": [{"cohort": 1, "hold": HOLD}, {"cohort": 2, "hold": HOLD}],
}
EXISTING: Json = {
    "mode": "Existing",
    "existing": {"deployment": NEXT, "configMap": NEXT_CONFIG_MAP},
    "steps": [{"hold": HOLD}],
}
FLEET: Json = {"mode": "Fleet", "steps": [{"hold": HOLD}]}

VIOLATIONS: Json = {"budgetViolationRate": {"maxIncrease": 0.1}}
LATENCY: Json = {"latency": {"p95": "1s"}}


def canary(mode: Json = MANAGED, **changes: Any) -> Json:
    """Give a canary that does not wait long for pods."""
    return {"readyWithin": "60s"} | mode | changes


def spec(
    *,
    delta: Json | None = None,
    mode: Json = MANAGED,
    slo: Json | None = None,
    promotion: str | Json = "Automatic",
    **changes: Any,
) -> Json:
    """Give a spec.

    Args:
        delta: `flagDelta`; `engine: rlm` if not given.
        mode: `canary`, such as MANAGED, TWO_STEPS, EXISTING or FLEET.
        slo: the signals; budget violations if not given.
        promotion: the strategy, or all of `promotion`.
        changes: further top-level fields, as they stand in the manifest; `analysis` and `slo`
            fields are merged with the short windows.
    """
    if isinstance(promotion, str):
        promotion = {"strategy": promotion}
    analysis = {"interval": "1s", "settle": "1s"} | changes.pop("analysis", {})
    return {
        "target": {"deployment": DEPLOYMENT, "configMap": CONFIG_MAP},
        "flagDelta": {"engine": "rlm"} if delta is None else delta,
        "canary": canary(mode),
        "slo": {"sustainedFor": "3s", "minRequests": 20} | (VIOLATIONS if slo is None else slo),
        "rollbackOwner": {
            "name": "retrieval-oncall",
            "contact": "#retrieval-oncall",
            "subjects": {"users": ["oncall@example.com"]},
        },
        "analysis": analysis,
        "promotion": {"bake": HOLD} | promotion,
    } | changes


def manifest(name: str, content: Json) -> Json:
    """Give the whole resource."""
    return {
        "apiVersion": "pecr.dev/v1alpha1",
        "kind": "ControllerRollout",
        "metadata": {"name": name},
        "spec": content,
    }
