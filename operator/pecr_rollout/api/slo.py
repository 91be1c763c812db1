"""The envelope that the cohort must keep."""

from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from pecr_rollout.api.enums import SharedIncident
from pecr_rollout.api.types import Duration, Model, Share, rule, rules, seconds
from pecr_rollout.contract.signals import LATENCY_BOUNDS

LossMode = Literal["INSUFFICIENT_EVIDENCE", "INSUFFICIENT_PERMISSION", "SOURCE_UNAVAILABLE"]
ReasonGlob = Annotated[str, Field(min_length=1, max_length=63, pattern=r"^[a-z0-9_*]+$")]


class Latency(Model):
    """Bounds of the latency quantiles; they are exact at a bucket bound of the histogram."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "!has(self.p95) || !has(self.p99) || duration(self.p95) <= duration(self.p99)",
                "let p95 be at most p99",
            ),
            rule(
                "(!has(self.p95) || duration(self.p95) <= duration('10s'))"
                " && (!has(self.p99) || duration(self.p99) <= duration('10s'))",
                "give at most 10s, the largest bound of the controller's histogram",
            ),
            minProperties=1,
        )
    )

    p95: Duration | None = None
    """At most 5 % of requests may take longer than this."""
    p99: Duration | None = None
    """At most 1 % of requests may take longer than this."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        bounds = [seconds(bound) for bound in (self.p95, self.p99) if bound is not None]
        if not bounds:
            raise ValueError("give p95, p99 or both")
        if bounds != sorted(bounds):
            raise ValueError("let p95 be at most p99")
        if max(bounds) > LATENCY_BOUNDS[-1]:
            raise ValueError("give at most 10s, the largest bound of the controller's histogram")
        return self


class Increase(Model):
    """A limit relative to the baseline."""

    max_increase: Share
    """By how much the cohort's rate may exceed the baseline's, as a share: 0.01 is one point."""


class Slo(Model):
    """The envelope that the cohort must keep."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "has(self.latency) || has(self.budgetViolationRate) || has(self.terminalModes)"
                " || has(self.errorRate) || has(self.stopReasons)",
                "name at least one signal: latency, budgetViolationRate, terminalModes, errorRate"
                " or stopReasons",
            ),
            rule(
                "!has(self.terminalModes) || self.terminalModes.all(k, k in"
                " ['INSUFFICIENT_EVIDENCE', 'INSUFFICIENT_PERMISSION', 'SOURCE_UNAVAILABLE'])",
                "name a terminal mode that shows a loss: INSUFFICIENT_EVIDENCE,"
                " INSUFFICIENT_PERMISSION or SOURCE_UNAVAILABLE",
            ),
            rule(
                "!has(self.stopReasons)"
                " || self.stopReasons.all(k, k.matches('^[a-z0-9_*]{1,63}$'))",
                "write stop reasons in lower case, with * for any text, for example bridge_*",
            ),
        )
    )

    sustained_for: Duration = "5m"
    """How long a breach must last, at every known evaluation; 5 to 10 minutes are recommended."""
    min_requests: Annotated[int, Field(ge=1, le=1_000_000)] = 100
    """Fewest requests of the cohort in the trigger's window; with fewer there is no verdict."""
    early_trip: bool = False
    """Fall back before sustainedFor ends where the evidence is overwhelming (1 in 1000)."""
    shared_incident: SharedIncident = SharedIncident.FALLBACK
    """Fallback (default) or Hold while the whole fleet breaks an absolute limit."""
    latency: Latency | None = None
    """Latency of POST /v1/run."""
    budget_violation_rate: Increase | None = None
    """Budget violations per answer."""
    terminal_modes: (
        Annotated[dict[LossMode, Increase], Field(min_length=1, max_length=3)] | None
    ) = None
    """Share of answers that end in a mode, by its name."""
    error_rate: Increase | None = None
    """Share of answers with a 5xx status."""
    stop_reasons: (
        Annotated[dict[ReasonGlob, Increase], Field(min_length=1, max_length=8)] | None
    ) = None
    """Stop reasons per answer, by name; * stands for any text."""

    @model_validator(mode="after")
    def _judges_something(self) -> Self:
        if not self.judged():
            raise ValueError(
                "name at least one signal: latency, budgetViolationRate, terminalModes, errorRate"
                " or stopReasons"
            )
        return self

    def judged(self) -> list[str]:
        """Name the envelope's parts that are given."""
        parts = (
            "latency",
            "budget_violation_rate",
            "terminal_modes",
            "error_rate",
            "stop_reasons",
        )
        return [part for part in parts if getattr(self, part) is not None]
