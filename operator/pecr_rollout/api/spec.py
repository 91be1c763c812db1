"""What a person declares: the spec of a ControllerRollout.

Every field's docstring is its `kubectl explain` text. Rules that need more than one field are CEL,
for the API server, and stand beside the validators of the same rules, for `lint`.
"""

import hashlib
import json
from typing import Self

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
from pecr_rollout.api.types import Duration, Model, rule, rules, seconds


class Promotion(Model):
    """How the change reaches the whole fleet."""

    strategy: Strategy = Strategy.AUTOMATIC
    """Automatic (default), Manual, or None."""
    bake: Duration = "30m"
    """How long the whole fleet is guarded before the run is completed."""
    guard: Guard = Guard.BAKE
    """Bake (default), or Always: keep judging after completion."""


class Fallback(Model):
    """What happens at the end of the fallback order; the order itself is the contract's."""

    on_exhausted: OnExhausted = OnExhausted.HOLD
    """Hold (default) at the safest mode, or Withdraw what the run changed."""


class Spec(Model):
    """A change of the controller's flags, declared: delta, cohort, envelope and owner."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "self.canary.mode != 'Fleet' || !has(self.baseline) || !has(self.baseline.source)"
                " || self.baseline.source != 'Concurrent'",
                "mode Fleet leaves no rest of the fleet: use baseline.source Recorded or Fixed",
            ),
            rule(
                "duration(self.slo.sustainedFor) >= duration(self.analysis.interval)",
                "let slo.sustainedFor be at least analysis.interval",
            ),
        )
    )

    target: Target
    """The Deployment and the ConfigMap that feeds its environment. Immutable while unfinished."""
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
    """What happens at the end of the fallback order."""
    on_delete: OnDelete = OnDelete.RESTORE
    """Restore (default) or Retain when an unfinished rollout is deleted."""
    suspend: bool = False
    """True stops progress, never a fallback."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        source = self.baseline.source
        if self.canary.mode is CanaryMode.FLEET and source is BaselineSource.CONCURRENT:
            raise ValueError(
                "baseline.source: mode Fleet leaves no rest of the fleet; use Recorded or Fixed"
            )
        if seconds(self.slo.sustained_for) < seconds(self.analysis.interval):
            raise ValueError("slo.sustainedFor: let it be at least analysis.interval")
        return self

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
