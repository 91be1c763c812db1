"""What a spec that the API server takes may still get wrong."""

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from pecr_rollout.api.enums import CanaryMode, Strategy
from pecr_rollout.api.rollout import ABORT, ACKNOWLEDGE, PROMOTE, ControllerRollout
from pecr_rollout.api.spec import Spec
from pecr_rollout.api.types import seconds
from pecr_rollout.cli.lint.documents import Document, Field, shown
from pecr_rollout.cli.lint.finding import Finding, Severity
from pecr_rollout.contract.flags import CONCURRENCY_POLICIES, ENGINE
from pecr_rollout.contract.signals import LATENCY_BOUNDS, QUANTILES

RECOMMENDED_WINDOW: Final = (300.0, 600.0)
MANY_PODS: Final = 10


class Advice(NamedTuple):
    """A finding whose place is not looked up yet."""

    field: Field
    severity: Severity
    rule: str
    message: str

    def at(self, document: Document) -> Finding:
        """Look its place up."""
        place = document.place(self.field)
        return Finding(place, self.severity, self.rule, shown(self.field), self.message)


def advise(document: Document, rollout: ControllerRollout) -> Iterator[Finding]:
    """Give all advice on one rollout."""
    for check in CHECKS:
        for advice in check(rollout.spec):
            yield advice.at(document)
    for advice in _replayed_intents(rollout):
        yield advice.at(document)


def _buckets(spec: Spec) -> Iterator[Advice]:
    """A share of requests over a bound is exact at a bucket's bound only."""
    for quantile in QUANTILES if spec.slo.latency else ():
        duration = getattr(spec.slo.latency, quantile)
        bound = None if duration is None else seconds(duration)
        if bound is None or any(abs(bound - known) < 1e-9 for known in LATENCY_BOUNDS):
            continue
        below = max((known for known in LATENCY_BOUNDS if known < bound), default=0.0)
        above = min(known for known in LATENCY_BOUNDS if known > bound)
        yield Advice(
            ("spec", "slo", "latency", quantile),
            Severity.WARNING,
            "bucket",
            f"{duration} lies between the histogram's bounds {below:g}s and {above:g}s: what is"
            f" slower than {below:g}s and faster than {above:g}s can be judged neither way;"
            f" write {_near(below)}{above:g}s",
        )


def _near(below: float) -> str:
    return f"{below:g}s or " if below else ""


def _window(spec: Spec) -> Iterator[Advice]:
    low, high = RECOMMENDED_WINDOW
    if not low <= seconds(spec.slo.sustained_for) <= high:
        message = f"{spec.slo.sustained_for}: 5m to 10m are recommended for real traffic"
        yield Advice(("spec", "slo", "sustainedFor"), Severity.WARNING, "window", message)


def _holds(spec: Spec) -> Iterator[Advice]:
    needed, most = seconds(spec.slo.sustained_for), seconds(spec.analysis.max_duration)
    for index, step in enumerate(spec.canary.steps):
        field = ("spec", "canary", "steps", index, "hold")
        if seconds(step.hold) < needed:
            message = (
                f"{step.hold} is shorter than slo.sustainedFor ({spec.slo.sustained_for}):"
                " the step could end before a breach can be seen"
            )
            yield Advice(field, Severity.WARNING, "hold", message)
        if seconds(step.hold) >= most:
            message = f"{step.hold} is never over within analysis.maxDuration"
            yield Advice(field, Severity.ERROR, "hold", message)


def _bake(spec: Spec) -> Iterator[Advice]:
    if spec.promotion.strategy is Strategy.NONE:
        return
    if seconds(spec.promotion.bake) < seconds(spec.slo.sustained_for):
        message = (
            f"{spec.promotion.bake} is shorter than slo.sustainedFor"
            f" ({spec.slo.sustained_for}): a breach of the whole fleet could go unseen"
        )
        yield Advice(("spec", "promotion", "bake"), Severity.WARNING, "bake", message)


def _forgotten_percent(spec: Spec) -> Iterator[Advice]:
    first = spec.canary.steps[0].cohort
    if isinstance(first, int) and first >= MANY_PODS:
        message = f"{first} are {first} pods; for a share of the fleet write {min(first, 100)}%"
        field = ("spec", "canary", "steps", 0, "cohort")
        yield Advice(field, Severity.WARNING, "percent", message)


def _without_effect(spec: Spec) -> Iterator[Advice]:
    delta = spec.flag_delta
    if delta.engine != "baseline":
        return
    acting = {
        "batchMode": delta.batch_mode is not None,
        CONCURRENCY_POLICIES.field: delta.operator_concurrency_policies is not None,
    }
    for name, given in acting.items():
        if given:
            message = "acts in rlm only, and the same delta sets engine: baseline"
            yield Advice(("spec", "flagDelta", name), Severity.WARNING, "no-effect", message)


def _hidden_retries(spec: Spec) -> Iterator[Advice]:
    """An rlm that silently retries as baseline is healthy in every ratio but one."""
    reasons = spec.slo.stop_reasons or {}
    if spec.flag_delta.engine == "rlm" and not any("bridge" in name for name in reasons):
        message = (
            'without stopReasons: {"bridge_*": …} an rlm whose bridge is broken, and that'
            " silently answers as baseline, looks healthy"
        )
        yield Advice(("spec", "slo"), Severity.NOTE, "hidden-retries", message)


def _fleet_mode(spec: Spec) -> Iterator[Advice]:
    if spec.canary.mode is CanaryMode.FLEET:
        message = "the whole fleet meets the change at once; there is no small cohort to lose"
        yield Advice(("spec", "canary", "mode"), Severity.NOTE, "fleet", message)


def _source_seen(spec: Spec) -> Iterator[Advice]:
    limits = spec.slo.terminal_modes or {}
    if spec.flag_delta.environment().get(ENGINE.variable) == "rlm" and not limits:
        message = "without terminalModes a broken source is not seen: it often answers 200, fast"
        yield Advice(("spec", "slo"), Severity.NOTE, "terminal-modes", message)


def _replayed_intents(rollout: ControllerRollout) -> Iterator[Advice]:
    for name in (ACKNOWLEDGE, PROMOTE, ABORT):
        if name in rollout.metadata.annotations:
            message = "belongs to one run, set with kubectl annotate; in a manifest it is replayed"
            field = ("metadata", "annotations", name)
            yield Advice(field, Severity.WARNING, "replayed-intent", message)


CHECKS: Final[tuple[Callable[[Spec], Iterator[Advice]], ...]] = (
    _buckets,
    _window,
    _holds,
    _bake,
    _forgotten_percent,
    _without_effect,
    _hidden_retries,
    _fleet_mode,
    _source_seen,
)
