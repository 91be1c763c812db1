"""Short words for what the tests build: resources, verdicts, judgements."""

import copy
from collections.abc import Mapping
from typing import Any

from pecr_rollout.judge.evidence import Counts, Kind, Reason
from pecr_rollout.judge.verdict import Bound, Judgement, SignalVerdict, State

ENGINE = "PECR_CONTROLLER_ENGINE"
ADAPTIVE = "PECR_CONTROLLER_ADAPTIVE_PARALLELISM_ENABLED"
BATCH = "PECR_CONTROLLER_BATCH_MODE_ENABLED"
POLICIES = "PECR_OPERATOR_CONCURRENCY_POLICIES"

BEFORE = {ENGINE: "baseline", ADAPTIVE: "true"}
"""What the fleet's ConfigMap holds of the flags before a run; batch mode is absent."""

SIGNALS = ("latency_p95", "budget_violation_rate")

Json = dict[str, Any]

SPEC: Json = {
    "target": {"deployment": "pecr-controller", "configMap": "pecr-env"},
    "flagDelta": {"engine": "rlm"},
    "canary": {
        "mode": "Managed",
        "steps": [{"cohort": "10%", "hold": "10m"}, {"cohort": "50%", "hold": "10m"}],
        "readyWithin": "5m",
    },
    "slo": {
        "sustainedFor": "5m",
        "latency": {"p95": "1s"},
        "budgetViolationRate": {"maxIncrease": 0.01},
    },
    "rollbackOwner": {
        "name": "oncall",
        "contact": "#oncall",
        "subjects": {"users": ["oncall@example.com"]},
    },
    "analysis": {"interval": "1m", "settle": "1m", "maxDuration": "1h"},
    "promotion": {"strategy": "Automatic", "bake": "10m"},
}

EXISTING: Json = {
    "mode": "Existing",
    "existing": {"deployment": "pecr-next", "configMap": "pecr-next-env"},
    "steps": [{"hold": "10m"}],
    "readyWithin": "5m",
}
FLEET: Json = {"mode": "Fleet", "steps": [{"hold": "10m"}], "readyWithin": "5m"}
ONE_STEP: Json = {"canary": {"steps": [{"cohort": "10%", "hold": "10m"}]}}
MODES: dict[str, Json] = {
    "Managed": ONE_STEP,
    "Existing": {"canary": EXISTING},
    "Fleet": {"canary": FLEET},
}


def merged(base: Mapping[str, Any], *changes: Mapping[str, Any]) -> Json:
    """Merge like a merge patch: None removes, `canary.mode` other than Managed replaces."""
    result = copy.deepcopy(dict(base))
    for change in changes:
        for key, value in change.items():
            if value is None:
                result.pop(key, None)
            elif isinstance(value, Mapping) and isinstance(result.get(key), dict):
                fresh = key == "canary" and value.get("mode", "Managed") != "Managed"
                result[key] = merged({} if fresh else result[key], value)
            else:
                result[key] = copy.deepcopy(value)
    return result


def spec(*changes: Mapping[str, Any]) -> Json:
    """Give a spec, with changes."""
    return merged(SPEC, *changes)


def verdict(
    name: str,
    state: State,
    *,
    reason: Reason | None = None,
    since: float | None = None,
    safest: bool = False,
    counts: Counts | None = None,
) -> SignalVerdict:
    """Give a verdict of one signal, as the judge would."""
    counts = counts or Counts(9.0 if since is not None else 0.0, 1000.0)
    return SignalVerdict(
        name=name,
        kind=Kind.ABSOLUTE if name.startswith("latency") else Kind.RELATIVE,
        limit=0.05,
        state=state,
        reason=reason,
        at=0.0,
        since=since,
        window=300.0,
        canary=counts,
        baseline=Counts(0.0, 9000.0),
        canary_total=counts,
        baseline_total=None,
        baseline_rate=0.0,
        breach=Bound(200.0 if state is State.BREACHED else 0.5, 100.0),
        within=Bound(200.0 if state is State.WITHIN else 0.5, 100.0),
        calibrated=True,
        noise=1.0,
        smallest_effect=0.01,
        early=safest,
        safest=safest,
        sentence=f"{counts.bad:g} of {counts.total:g} requests were bad.",
    )


def within() -> Judgement:
    """Every signal is positively kept."""
    return Judgement(tuple(verdict(name, State.WITHIN) for name in SIGNALS))


def breach(since: float = 0.0, *, safest: bool = False) -> Judgement:
    """One signal is in sustained breach, the other is kept."""
    bad = verdict(SIGNALS[1], State.BREACHED, since=since, safest=safest)
    return Judgement((verdict(SIGNALS[0], State.WITHIN), bad))


def unknown(reason: Reason = Reason.NO_TRAFFIC, since: float | None = None) -> Judgement:
    """Nothing is known; with `since` a limit is exceeded, and not yet for long enough."""
    return Judgement(
        tuple(verdict(name, State.UNKNOWN, reason=reason, since=since) for name in SIGNALS)
    )
