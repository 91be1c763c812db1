"""What is to be decided: options, files and a declared rollout, brought together."""

from argparse import Namespace
from typing import NamedTuple

from pecr_rollout.cli.guard.arguments import budget
from pecr_rollout.cli.guard.decide import Case
from pecr_rollout.cli.guard.inputs import Measured
from pecr_rollout.contract.guard import (
    MIN_REQUESTS,
    P95_BUDGET,
    P99_BUDGET,
    SOURCE_UNAVAILABLE_BUDGET,
    Budget,
)
from pecr_rollout.report import CurrentState, Thresholds

DEFAULT_ENGINE = "rlm"


class Declared(NamedTuple):
    """What a ControllerRollout declares; None where it leaves something out."""

    engine: str | None = None
    adaptive_parallelism: bool | None = None
    batch_mode: bool | None = None
    thresholds: Thresholds = Thresholds()
    min_requests: int | None = None


def case_of(options: Namespace, measured: Measured, declared: Declared | None = None) -> Case:
    """Build the case: an option beats the rollout, which beats the guard's defaults."""
    known = declared or Declared()
    return Case(
        engine=options.engine or known.engine or DEFAULT_ENGINE,
        state=state_of(options, known),
        signals=measured.signals._replace(source_unavailable_rate=options.source_unavailable_rate),
        requests=measured.requests._replace(
            source_unavailable_rate=options.source_unavailable_requests
        ),
        thresholds=_thresholds(options, measured, declared),
        min_requests=needed(options, known),
    )


def state_of(options: Namespace, declared: Declared) -> CurrentState:
    """Give the flags that the canary runs with."""
    percent = options.baseline_shadow_percent
    return CurrentState(
        adaptive_parallelism_enabled=_first(
            options.adaptive_enabled, declared.adaptive_parallelism, True
        ),
        batch_mode_enabled=_first(options.batch_enabled, declared.batch_mode, True),
        rlm_default_enabled=_first(options.rlm_default_enabled, None, False),
        auto_fallback_enabled=_first(options.auto_fallback_enabled, None, True),
        baseline_shadow_percent=int(percent) if percent == int(percent) else percent,
    )


def needed(options: Namespace, declared: Declared) -> int | None:
    """Tell how many requests are evidence; None where evidence is not asked for."""
    if not options.require_evidence:
        return None
    return options.min_requests or declared.min_requests or MIN_REQUESTS


def _thresholds(options: Namespace, measured: Measured, declared: Declared | None) -> Thresholds:
    own = declared.thresholds if declared else Thresholds()
    judged_by_rollout = declared is not None

    def limit(given: float | None, wanted: float | None, rule: Budget) -> float | None:
        if given is None and judged_by_rollout:
            return wanted  # what the rollout leaves out, the cluster does not judge either
        return budget(given, rule)

    return Thresholds(
        max_p95_ms=limit(options.max_p95_ms, own.max_p95_ms, P95_BUDGET),
        max_p99_ms=limit(options.max_p99_ms, own.max_p99_ms, P99_BUDGET),
        bvr=measured.max_bvr if own.bvr is None else own.bvr,
        ser=measured.max_ser,
        max_source_unavailable_rate=limit(
            options.max_source_unavailable_rate,
            own.max_source_unavailable_rate,
            SOURCE_UNAVAILABLE_BUDGET,
        ),
    )


def _first(given: bool | None, declared: bool | None, default: bool) -> bool:
    if given is not None:
        return given
    return default if declared is None else declared
