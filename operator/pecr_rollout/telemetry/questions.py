"""From an envelope to the judge's questions, and to what has to be counted for each."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from pecr_rollout.api.analysis import FixedRates
from pecr_rollout.api.enums import BaselineSource
from pecr_rollout.api.enums import SharedIncident as SharedIncidentWord
from pecr_rollout.api.slo import Latency, Slo
from pecr_rollout.api.spec import Spec
from pecr_rollout.api.types import seconds
from pecr_rollout.contract.signals import Trigger
from pecr_rollout.judge import (
    Concurrent,
    Counts,
    Fixed,
    Question,
    Recorded,
    Reference,
    Settings,
    SharedIncident,
)
from pecr_rollout.judge.evidence import Kind
from pecr_rollout.telemetry.measures import (
    Errors,
    Measure,
    SlowerThan,
    StopReasons,
    TerminalMode,
    Violations,
)

P95_SHARE = 0.05
P99_SHARE = 0.01


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, and what is counted for it."""

    question: Question
    measure: Measure

    @property
    def needs_baseline(self) -> bool:
        """Tell whether there is no evidence without the rest of the fleet at the same time."""
        relative = self.question.kind is Kind.RELATIVE
        return relative and isinstance(self.question.reference, Concurrent)

    @property
    def alone(self) -> "Asked":
        """Give the same without a baseline, to count one side by itself."""
        return replace(self, question=replace(self.question, reference=Fixed(0.0)))


def ask(
    spec: Spec, *, concurrent: bool, recorded: Mapping[str, tuple[float, float]] | None = None
) -> tuple[Asked, ...]:
    """Give the questions of an envelope, in the contract's order of triggers.

    Args:
        spec: with `slo` and `baseline`.
        concurrent: whether there is a rest of the fleet now; while promoting there is none, and
            what the fleet did before the change stands in for it.
        recorded: the fleet's counts before the change, by question: (bad, total).
    """
    reference = _References(spec, concurrent, recorded or {})
    return tuple(
        Asked(Question(name, kind, limit, reference.of(name, kind)), measure)
        for name, kind, limit, measure in _parts(spec.slo)
    )


def settings(spec: Spec, *, hold: float, signals: int, fallback_step: int = 0) -> Settings:
    """Give the judge's settings.

    Args:
        spec: with `slo` and `analysis`.
        hold: seconds of the step's hold, or of the bake.
        signals: number of questions; the error budget is split over them.
        fallback_step: how often the incident has been answered already.
    """
    shared = spec.slo.shared_incident is SharedIncidentWord.HOLD
    return Settings(
        signals=signals,
        tick=seconds(spec.analysis.interval),
        sustained_for=seconds(spec.slo.sustained_for),
        hold=hold,
        min_requests=spec.slo.min_requests,
        early_trip=spec.slo.early_trip,
        shared_incident=SharedIncident.HOLD if shared else SharedIncident.FALLBACK,
        fallback_step=fallback_step,
    )


@dataclass(frozen=True, slots=True)
class _References:
    """What a spec compares with."""

    spec: Spec
    concurrent: bool
    recorded: Mapping[str, tuple[float, float]]

    def of(self, name: str, kind: Kind) -> Reference:
        """Give the baseline of one question."""
        source, rates = self.spec.baseline_source(), self.spec.baseline.rates
        if rates is not None and kind is Kind.RELATIVE:
            return Fixed(_fixed_rates(rates)[name])
        if self.concurrent and source is not BaselineSource.RECORDED:
            return Concurrent()
        if kind is Kind.ABSOLUTE and name not in self.recorded:
            return Fixed(0.0)  # nothing tells of a shared incident: the contract's letter holds
        return Recorded(Counts(*self.recorded.get(name, (0.0, 0.0))))


_Part = tuple[str, Kind, float, Measure]


def _parts(slo: Slo) -> Iterator[_Part]:
    if slo.latency is not None:
        yield from _latency(slo.latency)
    if slo.budget_violation_rate is not None:
        limit = slo.budget_violation_rate.max_increase
        yield str(Trigger.BUDGET_VIOLATION_RATE), Kind.RELATIVE, limit, Violations()
    modes = {str(mode): limit.max_increase for mode, limit in (slo.terminal_modes or {}).items()}
    yield from _labelled(Trigger.TERMINAL_MODE, modes, TerminalMode)
    if slo.error_rate is not None:
        yield str(Trigger.ERROR_RATE), Kind.RELATIVE, slo.error_rate.max_increase, Errors()
    reasons = {glob: limit.max_increase for glob, limit in (slo.stop_reasons or {}).items()}
    yield from _labelled(Trigger.STOP_REASON, reasons, StopReasons)


def _latency(latency: Latency) -> Iterator[_Part]:
    for trigger, bound, share in (
        (Trigger.LATENCY_P95, latency.p95, P95_SHARE),
        (Trigger.LATENCY_P99, latency.p99, P99_SHARE),
    ):
        if bound is not None:
            yield str(trigger), Kind.ABSOLUTE, share, SlowerThan(seconds(bound))


def _labelled(
    trigger: Trigger, limits: Mapping[str, float], measure: Callable[[str], Measure]
) -> Iterator[_Part]:
    for label in sorted(limits):
        yield f"{trigger}:{label}", Kind.RELATIVE, limits[label], measure(label)


def _fixed_rates(rates: FixedRates) -> dict[str, float]:
    named: dict[str, float | None] = {
        str(Trigger.BUDGET_VIOLATION_RATE): rates.budget_violation_rate,
        str(Trigger.ERROR_RATE): rates.error_rate,
    }
    named |= {f"{Trigger.TERMINAL_MODE}:{m}": r for m, r in (rates.terminal_modes or {}).items()}
    named |= {f"{Trigger.STOP_REASON}:{g}": r for g, r in (rates.stop_reasons or {}).items()}
    return {name: rate for name, rate in named.items() if rate is not None}
