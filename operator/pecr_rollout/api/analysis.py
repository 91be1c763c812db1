"""How the signals are judged, and what they are compared with."""

import re
from typing import Annotated, Final, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from pecr_rollout.api.enums import BaselineSource, OnInconclusive
from pecr_rollout.api.slo import KNOWN_MODES, REASON_GLOBS, LossMode, ReasonGlob
from pecr_rollout.api.types import (
    Duration,
    Label,
    Model,
    Rate,
    matching,
    require,
    rule,
    rules,
    seconds,
    where_durations,
)

LABEL_PATTERN: Final = r"^[a-zA-Z_][a-zA-Z0-9_]*$"

_REGEX: Final = rule(
    # An expression that cannot be compiled fails the rule, and the query of every other rollout.
    "!(self.op in ['=~', '!~']) || self.value.matches(self.value) in [true, false]",
    "write a regular expression in RE2's syntax, or use = or !=",
    field=".value",
    found="self.value",
)
_NO_METRIC: Final = rule(
    "self.label != '__name__'",
    "name a label of the pods; which metric is asked for is the operator's choice",
    field=".label",
    found="self.label",
)
_NOT_TOO_OFTEN: Final = rule(
    where_durations(("self.interval",), "duration(self.interval) >= duration('1s')"),
    "let the interval be at least 1s",
    field=".interval",
    found="self.interval",
)
_RATES_WITH_FIXED: Final = rule(
    "(has(self.source) && self.source == 'Fixed') == has(self.rates)",
    "give rates exactly with source: Fixed",
    found="(has(self.rates) ? 'rates with another source' : 'no rates')",
)


class LabelMatcher(Model):
    """One Prometheus label matcher."""

    model_config = ConfigDict(json_schema_extra=rules(_REGEX, _NO_METRIC))

    label: Annotated[
        str,
        Field(
            max_length=128,
            pattern=LABEL_PATTERN,
            json_schema_extra=matching(LABEL_PATTERN, "write a label's name, for example pod"),
        ),
    ]
    """Name of the label."""
    op: Literal["=", "!=", "=~", "!~"] = "="
    """Equal, unequal, matches or does not match the anchored regular expression (RE2)."""
    value: Annotated[str, Field(max_length=512)]
    """Value or regular expression."""

    @model_validator(mode="after")
    def _readable(self) -> Self:
        require(self.op in ("=", "!=") or _compiles(self.value), _REGEX)
        require(self.label != "__name__", _NO_METRIC)
        return self


def _compiles(expression: str) -> bool:
    try:
        re.compile(expression)
    except re.error:
        return False
    return True


Matchers = Annotated[list[LabelMatcher], Field(min_length=1, max_length=8)]


class Selectors(Model):
    """Label matchers in place of the pods' names, where Prometheus knows the pods otherwise."""

    canary: Matchers
    """Matchers of the cohort's series; all must hold."""
    baseline: Matchers
    """Matchers of the series of the rest of the fleet; all must hold."""


class Analysis(Model):
    """How the signals are judged."""

    model_config = ConfigDict(json_schema_extra=rules(_NOT_TOO_OFTEN))

    interval: Duration = "30s"
    """Time between two evaluations, at least 1s."""
    settle: Duration = "1m"
    """Time after a roll-out before evidence counts: slow starts look like a bad canary."""
    max_duration: Duration = "2h"
    """How long one step, or the bake, may go without a decision."""
    on_inconclusive: OnInconclusive = OnInconclusive.HOLD
    """What happens without a decision by maxDuration: Hold (keep judging, say so) or Abort."""
    prometheus: Label = "default"
    """Name of a Prometheus that the operator is configured with."""
    selectors: Selectors | None = None
    """Label matchers in place of the pods' names."""

    @model_validator(mode="after")
    def _not_too_often(self) -> Self:
        require(seconds(self.interval) >= 1, _NOT_TOO_OFTEN)
        return self


class FixedRates(Model):
    """Rates of the baseline, as shares of requests."""

    budget_violation_rate: Rate | None = None
    """Budget violations per answer."""
    error_rate: Rate | None = None
    """Share of 5xx."""
    terminal_modes: (
        Annotated[dict[LossMode, Rate], Field(max_length=3, json_schema_extra=rules(KNOWN_MODES))]
        | None
    ) = None
    """Share of answers by terminal mode."""
    stop_reasons: (
        Annotated[
            dict[ReasonGlob, Rate], Field(max_length=8, json_schema_extra=rules(REASON_GLOBS))
        ]
        | None
    ) = None
    """Stop reasons per answer, by the names of slo.stopReasons."""


class Baseline(Model):
    """What the cohort is compared with."""

    model_config = ConfigDict(json_schema_extra=rules(_RATES_WITH_FIXED))

    source: BaselineSource | None = None
    """Concurrent: the rest of the fleet at the same time, which is the default.

    Recorded: what the fleet did before the change, which is the default in mode Fleet.
    Fixed: the rates given here.
    """
    rates: FixedRates | None = None
    """Rates, with source Fixed; one for each relative signal of the slo."""

    @model_validator(mode="after")
    def _rates_with_fixed(self) -> Self:
        fixed = self.source is BaselineSource.FIXED
        require(fixed == (self.rates is not None), _RATES_WITH_FIXED)
        return self
