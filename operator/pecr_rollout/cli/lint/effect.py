"""What the traffic can show: the smallest effect per signal, at the smallest cohort."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from pecr_rollout.api.enums import BaselineSource, CanaryMode
from pecr_rollout.api.rollout import ControllerRollout
from pecr_rollout.api.spec import Spec
from pecr_rollout.api.types import seconds
from pecr_rollout.cli.lint.advice import Advice
from pecr_rollout.cli.lint.documents import Field
from pecr_rollout.cli.lint.finding import Severity
from pecr_rollout.contract.signals import QUANTILES, Trigger
from pecr_rollout.judge import (
    Concurrent,
    Counts,
    Fixed,
    Kind,
    Question,
    Recorded,
    Reference,
    Settings,
    SharedIncident,
    smallest_effect,
)
from pecr_rollout.lifecycle.cohort import cohort_replicas, traffic_share

HISTORY_SECONDS: Final = 7200.0
"""How much of the past a recorded baseline covers."""
STEPS: Final[Field] = ("spec", "canary", "steps")


@dataclass(frozen=True)
class Traffic:
    """What is known of the fleet.

    Attributes:
        rps: its requests per second to /v1/run.
        replicas: its pods; None where not known.
        base_rate: share of bad requests that is usual in it.
    """

    rps: float
    replicas: int | None
    base_rate: float


def check_effect(rollout: ControllerRollout, traffic: Traffic) -> Iterator[Advice]:
    """Say for each signal of the first step what this traffic can show."""
    spec = rollout.spec
    share = _share(spec, traffic.replicas)
    if share is None:
        message = "the canary's share of traffic is not known here: give --replicas"
        yield Advice(("spec", "canary"), Severity.NOTE, "effect", message)
        return
    questions = dict(_questions(spec, traffic))
    settings = _settings(spec, len(questions))
    canary = traffic.rps * share
    for field, question in questions.items():
        rest = traffic.rps - canary
        effect = smallest_effect(question, settings, canary, rest, _usual(question, traffic))
        severity = Severity.NOTE if effect.decides else Severity.WARNING
        yield Advice(field, severity, "effect", effect.sentence)


def _share(spec: Spec, replicas: int | None) -> float | None:
    step = spec.canary.steps[0]
    if spec.canary.mode is CanaryMode.FLEET:
        return 1.0
    if isinstance(step.cohort, str) and replicas is None:
        part = int(step.cohort.rstrip("%")) / 100
        return part / (1 + part)  # the clone stands beside the target
    if spec.canary.mode is CanaryMode.MANAGED and replicas is not None:
        return traffic_share(cohort_replicas(step, replicas), replicas)
    return None


def _settings(spec: Spec, signals: int) -> Settings:
    return Settings(
        signals=signals,
        tick=seconds(spec.analysis.interval),
        sustained_for=seconds(spec.slo.sustained_for),
        hold=seconds(spec.canary.steps[0].hold),
        min_requests=spec.slo.min_requests,
        early_trip=spec.slo.early_trip,
        shared_incident=SharedIncident(spec.slo.shared_incident.value),
    )


def _questions(spec: Spec, traffic: Traffic) -> Iterator[tuple[Field, Question]]:
    slo: Field = ("spec", "slo")
    limits = spec.slo
    for quantile in QUANTILES if limits.latency else ():
        if getattr(limits.latency, quantile) is not None:
            question = Question(f"latency_{quantile}", Kind.ABSOLUTE, QUANTILES[quantile])
            yield (*slo, "latency", quantile), question
    relative: list[tuple[Field, str, float]] = []
    if limits.budget_violation_rate:
        limit = limits.budget_violation_rate.max_increase
        relative.append((("budgetViolationRate",), Trigger.BUDGET_VIOLATION_RATE, limit))
    if limits.error_rate:
        relative.append((("errorRate",), Trigger.ERROR_RATE, limits.error_rate.max_increase))
    for mode, increase in (limits.terminal_modes or {}).items():
        name = f"{Trigger.TERMINAL_MODE}:{mode}"
        relative.append((("terminalModes", mode), name, increase.max_increase))
    for reason, increase in (limits.stop_reasons or {}).items():
        name = f"{Trigger.STOP_REASON}:{reason}"
        relative.append((("stopReasons", reason), name, increase.max_increase))
    for field, name, limit in relative:
        reference = _reference(spec, traffic, name)
        yield (*slo, *field), Question(name, Kind.RELATIVE, limit, reference)


def _reference(spec: Spec, traffic: Traffic, name: str) -> Reference:
    source = spec.baseline_source()
    if source is BaselineSource.FIXED:
        return Fixed(_fixed_rate(spec, name))
    if source is BaselineSource.RECORDED:
        requests = traffic.rps * HISTORY_SECONDS
        return Recorded(Counts(traffic.base_rate * requests, requests))
    return Concurrent()


def _fixed_rate(spec: Spec, name: str) -> float:
    rates = spec.baseline.rates
    if rates is None:
        return 0.0
    trigger, _, label = name.partition(":")
    match trigger:
        case Trigger.BUDGET_VIOLATION_RATE:
            rate = rates.budget_violation_rate
        case Trigger.ERROR_RATE:
            rate = rates.error_rate
        case _:
            named = [*(rates.terminal_modes or {}).items(), *(rates.stop_reasons or {}).items()]
            rate = next((value for key, value in named if key == label), None)
    return rate or 0.0


def _usual(question: Question, traffic: Traffic) -> float:
    """Give the usual rate: a latency bound is supposed to be kept with room to spare."""
    return question.limit / 5 if question.kind is Kind.ABSOLUTE else traffic.base_rate
