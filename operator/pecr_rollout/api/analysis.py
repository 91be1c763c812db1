"""How the signals are judged, and what they are compared with."""

from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from pecr_rollout.api.enums import BaselineSource, OnInconclusive
from pecr_rollout.api.slo import LossMode, ReasonGlob
from pecr_rollout.api.types import Duration, Model, Rate, rule, rules


class LabelMatcher(Model):
    """One Prometheus label matcher."""

    label: Annotated[str, Field(max_length=128, pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$")]
    """Name of the label."""
    op: Literal["=", "!=", "=~", "!~"] = "="
    """Equal, unequal, matches or does not match the (anchored) regular expression."""
    value: Annotated[str, Field(max_length=512)]
    """Value or regular expression."""


Matchers = Annotated[list[LabelMatcher], Field(min_length=1, max_length=8)]


class Selectors(Model):
    """Label matchers in place of the pods' names, where Prometheus knows the pods otherwise."""

    canary: Matchers
    """Series of the cohort."""
    baseline: Matchers
    """Series of the rest of the fleet."""


class Analysis(Model):
    """How the signals are judged."""

    interval: Duration = "30s"
    """Time between two evaluations."""
    settle: Duration = "1m"
    """Time after a roll-out before evidence counts: slow starts look like a bad canary."""
    max_duration: Duration = "2h"
    """How long one step, or the bake, may go without a decision."""
    on_inconclusive: OnInconclusive = OnInconclusive.HOLD
    """Hold (default) or Abort when there is no decision by maxDuration."""
    prometheus: Annotated[str, Field(max_length=63, pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")] = (
        "default"
    )
    """Name of a Prometheus that the operator is configured with."""
    selectors: Selectors | None = None
    """Label matchers in place of the pods' names."""


class FixedRates(Model):
    """Rates of the baseline, as shares of requests."""

    budget_violation_rate: Rate | None = None
    """Budget violations per answer."""
    error_rate: Rate | None = None
    """Share of 5xx."""
    terminal_modes: Annotated[dict[LossMode, Rate], Field(max_length=3)] | None = None
    """Share of answers by terminal mode."""
    stop_reasons: Annotated[dict[ReasonGlob, Rate], Field(max_length=8)] | None = None
    """Stop reasons per answer, by the names of slo.stopReasons."""


class Baseline(Model):
    """What the cohort is compared with."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "(has(self.source) && self.source == 'Fixed') == has(self.rates)",
                "give rates exactly with source: Fixed",
            )
        )
    )

    source: BaselineSource | None = None
    """Concurrent (default), Recorded (default in mode Fleet), or Fixed."""
    rates: FixedRates | None = None
    """Rates, with source Fixed; one for each relative signal of the slo."""

    @model_validator(mode="after")
    def _rates_with_fixed(self) -> Self:
        if (self.source is BaselineSource.FIXED) != (self.rates is not None):
            raise ValueError("give rates exactly with source: Fixed")
        return self
