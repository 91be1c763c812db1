"""What the traffic can show: the smallest effect per signal, at the smallest cohort."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from pecr_rollout.api.enums import CanaryMode
from pecr_rollout.api.rollout import ControllerRollout
from pecr_rollout.api.spec import Spec
from pecr_rollout.api.types import seconds
from pecr_rollout.cli.lint.advice import Advice
from pecr_rollout.cli.lint.documents import Field
from pecr_rollout.cli.lint.finding import Severity
from pecr_rollout.contract.signals import Trigger
from pecr_rollout.judge import Kind, Question, smallest_effect
from pecr_rollout.lifecycle.cohort import cohort_replicas, traffic_share
from pecr_rollout.telemetry.questions import ask, settings

HISTORY_SECONDS: Final = 7200.0
"""How much of the past a recorded baseline covers."""

SLO_FIELDS: Final = {
    Trigger.LATENCY_P95: ("latency", "p95"),
    Trigger.LATENCY_P99: ("latency", "p99"),
    Trigger.BUDGET_VIOLATION_RATE: ("budgetViolationRate",),
    Trigger.TERMINAL_MODE: ("terminalModes",),
    Trigger.ERROR_RATE: ("errorRate",),
    Trigger.STOP_REASON: ("stopReasons",),
}


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
        if spec.canary.mode is CanaryMode.EXISTING:
            message = "the share of traffic of a canary of yours is not known offline"
        yield Advice(("spec", "canary"), Severity.NOTE, "effect", message)
        return
    questions = _questions(spec, traffic)
    judging = settings(
        spec, hold=seconds(spec.canary.steps[0].hold), signals=max(1, len(questions))
    )
    canary = traffic.rps * share
    for question in questions:
        usual = _usual(question, traffic)
        effect = smallest_effect(question, judging, canary, traffic.rps - canary, usual)
        severity = Severity.NOTE if effect.decides else Severity.WARNING
        yield Advice(slo_field(question.name), severity, "effect", effect.sentence)


def slo_field(name: str) -> Field:
    """Give the field that asks a question, by the question's name."""
    trigger, _, label = name.partition(":")
    field = ("spec", "slo", *SLO_FIELDS[Trigger(trigger)])
    return (*field, label) if label else field


def _questions(spec: Spec, traffic: Traffic) -> list[Question]:
    requests = traffic.rps * HISTORY_SECONDS
    names = [asked.question.name for asked in ask(spec, concurrent=True)]
    recorded = dict.fromkeys(names, (traffic.base_rate * requests, requests))
    concurrent = spec.canary.mode is not CanaryMode.FLEET
    return [asked.question for asked in ask(spec, concurrent=concurrent, recorded=recorded)]


def _share(spec: Spec, replicas: int | None) -> float | None:
    step = spec.canary.steps[0]
    match spec.canary.mode:
        case CanaryMode.FLEET:
            return 1.0
        case CanaryMode.MANAGED if replicas is not None:
            return traffic_share(cohort_replicas(step, replicas), replicas)
        case CanaryMode.MANAGED if isinstance(step.cohort, str):
            part = int(step.cohort.rstrip("%"))
            return part / (100 + part)  # the clone stands beside the target
        case _:
            return None


def _usual(question: Question, traffic: Traffic) -> float:
    """Give the usual rate: a latency bound is supposed to be kept with room to spare."""
    return question.limit / 5 if question.kind is Kind.ABSOLUTE else traffic.base_rate
