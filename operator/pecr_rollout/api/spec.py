"""What a person declares: the spec of a ControllerRollout.

Every field's docstring is its `kubectl explain` text. Rules that need more than one field are CEL,
for the API server, and stand beside the validators of the same rules, for `lint`.
"""

import hashlib
import json
from typing import Final, Self

from pydantic import ConfigDict, model_validator

from pecr_rollout.api.analysis import Analysis, Baseline
from pecr_rollout.api.canary import Canary
from pecr_rollout.api.delta import FlagDelta, Target
from pecr_rollout.api.enums import (
    BaselineSource,
    CanaryMode,
    Guard,
    OnDelete,
    OnExhausted,
    Strategy,
)
from pecr_rollout.api.owner import RollbackOwner
from pecr_rollout.api.slo import Slo
from pecr_rollout.api.types import (
    Duration,
    Model,
    Rule,
    require,
    rule,
    rules,
    seconds,
    where_durations,
)

_NO_REST_OF_THE_FLEET: Final = rule(
    "self.canary.mode != 'Fleet' || !has(self.baseline.source)"
    " || self.baseline.source != 'Concurrent'",
    "mode Fleet leaves no rest of the fleet: use baseline.source Recorded or Fixed",
    field=".baseline.source",
    found="self.baseline.source",
)
_SOME_EVALUATIONS: Final = rule(
    where_durations(
        ("self.slo.sustainedFor", "self.analysis.interval"),
        "duration(self.slo.sustainedFor) >= duration(self.analysis.interval)",
    ),
    "let slo.sustainedFor be at least analysis.interval",
    field=".slo.sustainedFor",
    found="self.slo.sustainedFor + ' and ' + self.analysis.interval",
)
_JUDGED_RATES: Final = "give the baseline's rate of every signal that the slo compares with it"


def _rate_given(name: str, there: str, missing: str) -> Rule:
    """Give the rule that a Fixed baseline has the rate (or the rates) of one signal."""
    return rule(
        f"!has(self.baseline.rates) || !has(self.slo.{name}) || {there}",
        _JUDGED_RATES,
        field=".baseline.rates",
        found=missing,
    )


def _plain_rate(name: str) -> Rule:
    return _rate_given(name, f"has(self.baseline.rates.{name})", f"'none of {name}'")


def _mapped_rates(name: str) -> Rule:
    rates = f"self.baseline.rates.{name}"
    there = f"has({rates}) && k in {rates}"
    missing = f"'none of {name}.' + self.slo.{name}.filter(k, !({there}))[0]"
    return _rate_given(name, f"self.slo.{name}.all(k, {there})", missing)


_RATES_GIVEN: Final = (
    _plain_rate("budgetViolationRate"),
    _plain_rate("errorRate"),
    _mapped_rates("terminalModes"),
    _mapped_rates("stopReasons"),
)


class Promotion(Model):
    """How the change reaches the whole fleet."""

    strategy: Strategy = Strategy.AUTOMATIC
    """Who promotes after the last step: Automatic (on positive evidence), Manual (a person).

    None: nobody; the cohort is withdrawn after its holds.
    """
    bake: Duration = "30m"
    """How long the whole fleet is guarded before the run is completed."""
    guard: Guard = Guard.BAKE
    """How long the whole fleet is judged: for the Bake, or Always, after completion too."""


class Fallback(Model):
    """What happens at the end of the fallback order; the order itself is the contract's."""

    on_exhausted: OnExhausted = OnExhausted.HOLD
    """What happens in breach at the safest mode: Hold it, or Withdraw what the run changed.

    The owner is told in either case.
    """


class Spec(Model):
    """A change of the controller's flags, declared: delta, cohort, envelope and owner."""

    model_config = ConfigDict(
        json_schema_extra=rules(_NO_REST_OF_THE_FLEET, _SOME_EVALUATIONS, *_RATES_GIVEN)
    )

    target: Target
    """The Deployment and the ConfigMap that feeds its environment.

    It cannot be changed in the middle of a run.
    """
    flag_delta: FlagDelta
    """The flags to change."""
    canary: Canary
    """The cohort that meets the change first."""
    slo: Slo
    """The envelope that the cohort must keep."""
    rollback_owner: RollbackOwner
    """Who is told of a fallback, and who may acknowledge it."""
    analysis: Analysis = Analysis()
    """How the signals are judged."""
    baseline: Baseline = Baseline()
    """What the cohort is compared with."""
    promotion: Promotion = Promotion()
    """How the change reaches the whole fleet."""
    fallback: Fallback = Fallback()
    """What happens at the end of the fallback order; the order itself is the contract's."""
    on_delete: OnDelete = OnDelete.RESTORE
    """What deleting an unfinished rollout leaves: Restore what was there, or Retain what is."""
    suspend: bool = False
    """True stops progress, never a fallback; nothing new is started."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        rest = self.canary.mode is not CanaryMode.FLEET
        concurrent = self.baseline.source is BaselineSource.CONCURRENT
        require(rest or not concurrent, _NO_REST_OF_THE_FLEET)
        window, interval = seconds(self.slo.sustained_for), seconds(self.analysis.interval)
        require(window >= interval, _SOME_EVALUATIONS)
        require(not self._rates_missing(), _RATES_GIVEN[0])
        return self

    def _rates_missing(self) -> bool:
        """Tell whether a Fixed baseline lacks a rate that is compared with."""
        rates, slo = self.baseline.rates, self.slo
        if rates is None:
            return False
        plain = (
            (slo.budget_violation_rate, rates.budget_violation_rate),
            (slo.error_rate, rates.error_rate),
        )
        mapped = (
            (slo.terminal_modes, rates.terminal_modes),
            (slo.stop_reasons, rates.stop_reasons),
        )
        return any(limit is not None and rate is None for limit, rate in plain) or any(
            set(limits or ()) - set(given or ()) for limits, given in mapped
        )

    def baseline_source(self) -> BaselineSource:
        """Give the source, defaulted by the mode: Concurrent, or Recorded in mode Fleet."""
        if self.baseline.source is not None:
            return self.baseline.source
        fleet = self.canary.mode is CanaryMode.FLEET
        return BaselineSource.RECORDED if fleet else BaselineSource.CONCURRENT

    def identity(self) -> str:
        """Hash what makes a run this run: target, delta, canary, slo and baseline.

        Returns:
            Ten hexadecimal digits; equal for equal content, whatever the order of keys.
        """
        text = json.dumps(self.identity_part(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:10]

    def identity_part(self) -> dict[str, object]:
        """Give the part of the spec that the identity covers, in wire form."""
        parts = {"target", "flag_delta", "canary", "slo", "baseline"}
        return self.model_dump(mode="json", include=parts, exclude_none=True)
