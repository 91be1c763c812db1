"""The cohort that meets the change first, and its steps."""

from itertools import pairwise
from typing import Annotated, Self

from pydantic import ConfigDict, Field, model_validator

from pecr_rollout.api.enums import CanaryMode
from pecr_rollout.api.types import Cohort, Duration, Model, ObjectName, rule, rules


class Existing(Model):
    """A canary Deployment that the user runs and scales."""

    deployment: ObjectName
    """Name of the canary's Deployment."""
    config_map: ObjectName
    """Name of the ConfigMap that feeds the canary's environment."""


class Step(Model):
    """One step of the canary."""

    cohort: Cohort | None = None
    """Size of the cohort: pods (2) or a share of the target's replicas (10%). Managed mode only."""
    hold: Duration
    """How long the cohort must keep its SLO, with positive evidence, before the next step."""


class Canary(Model):
    """The cohort that meets the change first."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "(self.mode == 'Existing') == has(self.existing)",
                "give existing exactly with mode: Existing",
            ),
            rule(
                "self.mode == 'Managed' || size(self.steps) == 1",
                "Existing and Fleet take exactly one step, with a hold only",
            ),
            rule(
                "self.steps.all(s, has(s.cohort) == (self.mode == 'Managed'))",
                "give every step a cohort in mode Managed, and none in Existing and Fleet",
            ),
            rule(
                "self.steps.all(i, s, i == 0 || !has(s.cohort) || !has(self.steps[i-1].cohort)"
                " || type(s.cohort) == type(self.steps[i-1].cohort))",
                "use one unit in all steps: pods (2) or shares (10%)",
            ),
            rule(
                "self.steps.all(i, s, i == 0 || !has(s.cohort) || !has(self.steps[i-1].cohort)"
                " || type(s.cohort) != type(self.steps[i-1].cohort)"
                " || (type(s.cohort) == int ? int(s.cohort) > int(self.steps[i-1].cohort)"
                " : size(string(s.cohort)) > size(string(self.steps[i-1].cohort))"
                " || (size(string(s.cohort)) == size(string(self.steps[i-1].cohort))"
                " && string(s.cohort) > string(self.steps[i-1].cohort))))",
                "let every step be larger than the one before",
            ),
        )
    )

    mode: CanaryMode = CanaryMode.MANAGED
    """Managed (default): a clone that the operator runs. Existing: your Deployment. Fleet: all."""
    existing: Existing | None = None
    """The canary's Deployment and ConfigMap, with mode Existing."""
    steps: Annotated[list[Step], Field(min_length=1, max_length=20)]
    """The steps, in order; each larger than the one before."""
    ready_within: Duration = "10m"
    """How long pods may take to become ready before the change is withdrawn."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.mode is CanaryMode.EXISTING) != (self.existing is not None):
            raise ValueError("give existing exactly with mode: Existing")
        if self.mode is not CanaryMode.MANAGED and len(self.steps) != 1:
            raise ValueError("Existing and Fleet take exactly one step, with a hold only")
        cohorts = [step.cohort for step in self.steps if step.cohort is not None]
        if len(cohorts) != (len(self.steps) if self.mode is CanaryMode.MANAGED else 0):
            raise ValueError("give every step a cohort in mode Managed, and none otherwise")
        if len({type(cohort) for cohort in cohorts}) > 1:
            raise ValueError("use one unit in all steps: pods (2) or shares (10%)")
        sizes = [int(str(cohort).rstrip("%")) for cohort in cohorts]
        if any(a >= b for a, b in pairwise(sizes)):
            raise ValueError("let every step be larger than the one before")
        return self
