"""The envelope that the cohort must keep."""

from typing import Annotated, Final, Literal, Self, get_args

from pydantic import ConfigDict, Field, model_validator

from pecr_rollout.api.enums import SharedIncident
from pecr_rollout.api.types import (
    Duration,
    Model,
    Share,
    require,
    rule,
    rules,
    seconds,
    where_durations,
)
from pecr_rollout.contract.signals import LATENCY_BOUNDS

LossMode = Literal["INSUFFICIENT_EVIDENCE", "INSUFFICIENT_PERMISSION", "SOURCE_UNAVAILABLE"]
ReasonGlob = Annotated[str, Field(max_length=63, pattern=r"^[a-z0-9_*]+$")]

KNOWN_MODES: Final = rule(
    f"self.all(k, k in {list(get_args(LossMode))})",
    "name terminal modes that show a loss: " + ", ".join(get_args(LossMode)),
    found=f"self.filter(k, !(k in {list(get_args(LossMode))}))[0]",
)
REASON_GLOBS: Final = rule(
    "self.all(k, k.matches('^[a-z0-9_*]{1,63}$'))",
    "write stop reasons in lower case, with * for any text, for example bridge_*",
    found="self.filter(k, !k.matches('^[a-z0-9_*]{1,63}$'))[0]",
)
_NOT_EMPTY: Final = rule("size(self) > 0", "name at least one, or leave the field out")
_SOME_QUANTILE: Final = rule("has(self.p95) || has(self.p99)", "give p95, p99 or both")
_ORDERED: Final = rule(
    where_durations(("self.p95", "self.p99"), "duration(self.p95) <= duration(self.p99)"),
    "let p95 be at most p99",
    field=".p95",
    found="self.p95 + ' and ' + self.p99",
)
_LARGEST: Final = "give at most 10s, the largest bound of the controller's histogram"
_MEASURABLE: Final = tuple(
    rule(
        where_durations((f"self.{name}",), f"duration(self.{name}) <= duration('10s')"),
        _LARGEST,
        field=f".{name}",
        found=f"self.{name}",
    )
    for name in ("p95", "p99")
)
_SOME_SIGNAL: Final = rule(
    "has(self.latency) || has(self.budgetViolationRate) || has(self.terminalModes)"
    " || has(self.errorRate) || has(self.stopReasons)",
    "name at least one signal: latency, budgetViolationRate, terminalModes, errorRate"
    " or stopReasons",
)


class Latency(Model):
    """At least one of p95 and p99; exact at a bound of the histogram (500ms, 1s, 2500ms, 5s)."""

    model_config = ConfigDict(json_schema_extra=rules(_SOME_QUANTILE, _ORDERED, *_MEASURABLE))

    p95: Duration | None = None
    """At most 5 % of requests may take longer than this."""
    p99: Duration | None = None
    """At most 1 % of requests may take longer than this."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        bounds = [seconds(bound) for bound in (self.p95, self.p99) if bound is not None]
        require(bool(bounds), _SOME_QUANTILE)
        require(bounds == sorted(bounds), _ORDERED)
        require(max(bounds) <= LATENCY_BOUNDS[-1], _MEASURABLE[0])
        return self


class Increase(Model):
    """Compared with the baseline."""

    max_increase: Share
    """By how much the cohort's rate may exceed the baseline's, as a share: 0.01 is one point."""


class Slo(Model):
    """The envelope that the cohort must keep; at least one signal.

    A signal that leaves it at every known evaluation for sustainedFor is a breach, and answered by
    a fallback. Missing evidence (too few requests, no series) is neither a breach nor health.
    """

    model_config = ConfigDict(json_schema_extra=rules(_SOME_SIGNAL))

    sustained_for: Duration = "5m"
    """How long a breach must last, at every known evaluation; 5m to 10m are recommended."""
    min_requests: Annotated[int, Field(ge=1, le=1_000_000)] = 100
    """Fewest requests of the cohort in the trigger's window; with fewer there is no verdict."""
    early_trip: bool = False
    """Fall back before sustainedFor ends where the evidence is overwhelming (1 in 1000)."""
    shared_incident: SharedIncident = SharedIncident.FALLBACK
    """What a latency limit means while the whole fleet breaks it: Fallback, or Hold."""
    latency: Latency | None = None
    """Latency of POST /v1/run."""
    budget_violation_rate: Increase | None = None
    """Budget violations per answer."""
    terminal_modes: (
        Annotated[
            dict[LossMode, Increase],
            Field(min_length=1, max_length=3, json_schema_extra=rules(_NOT_EMPTY, KNOWN_MODES)),
        ]
        | None
    ) = None
    """Share of answers that end in a mode, by its name."""
    error_rate: Increase | None = None
    """Share of answers with a 5xx status."""
    stop_reasons: (
        Annotated[
            dict[ReasonGlob, Increase],
            Field(min_length=1, max_length=8, json_schema_extra=rules(_NOT_EMPTY, REASON_GLOBS)),
        ]
        | None
    ) = None
    """Stop reasons per answer, by name; * stands for any text."""

    @model_validator(mode="after")
    def _judges_something(self) -> Self:
        require(bool(self.judged()), _SOME_SIGNAL)
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
