"""The cohort that meets the change first, and its steps."""

from itertools import pairwise
from typing import Annotated, Final, Self

from pydantic import ConfigDict, Field, model_validator

from pecr_rollout.api.enums import CanaryMode
from pecr_rollout.api.types import Cohort, Duration, Model, ObjectName, require, rule, rules

_WITH_ITS_MODE: Final = rule(
    "(self.mode == 'Existing') == has(self.existing)",
    "give existing exactly with mode: Existing",
    field=".existing",
    found="'mode ' + self.mode",
)
_SOME_STEP: Final = rule(
    "size(self) > 0", "give at least one step, for example {cohort: 10%, hold: 10m}"
)
_ONE_STEP: Final = rule(
    "self.mode == 'Managed' || size(self.steps) <= 1",
    "give exactly one step, with a hold only, in modes Existing and Fleet",
    field=".steps",
    found="'several in mode ' + self.mode",
)
_COHORTS: Final = rule(
    "self.steps.all(s, has(s.cohort) == (self.mode == 'Managed'))",
    "give every step a cohort in mode Managed, and none in Existing and Fleet",
    field=".steps",
    found="'mode ' + self.mode",
)
_ONE_UNIT: Final = rule(
    # Two types cannot be compared with each other: the API server counts that as unbounded.
    "self.all(s, !has(s.cohort) || type(s.cohort) == int)"
    " || self.all(s, !has(s.cohort) || type(s.cohort) == string)",
    "use one unit in all steps: pods (2) or shares (10%)",
)
_GROWING: Final = rule(
    "self.all(i, s, i == 0 || !has(s.cohort) || !has(self[i-1].cohort)"
    " || (type(s.cohort) == int) != (type(self[i-1].cohort) == int)"
    " || (type(s.cohort) == int ? int(s.cohort) > int(self[i-1].cohort)"
    " : size(string(s.cohort)) > size(string(self[i-1].cohort))"
    " || (size(string(s.cohort)) == size(string(self[i-1].cohort))"
    " && string(s.cohort) > string(self[i-1].cohort))))",
    "let every step's cohort be larger than the one before",
)


class Existing(Model):
    """A canary Deployment that the user runs and scales."""

    deployment: ObjectName
    """Name of the canary's Deployment."""
    config_map: ObjectName
    """Name of the ConfigMap that feeds the canary's environment."""


class Step(Model):
    """One step of the canary."""

    cohort: Cohort | None = None
    """Size of the cohort: pods (2) or a share of the target's replicas (10%), rounded up.

    With mode Managed only.
    """
    hold: Duration
    """How long the cohort must keep its SLO, with positive evidence, before the next step."""


class Canary(Model):
    """The cohort that meets the change first."""

    model_config = ConfigDict(json_schema_extra=rules(_WITH_ITS_MODE, _ONE_STEP, _COHORTS))

    mode: CanaryMode = CanaryMode.MANAGED
    """Who is the cohort. It cannot be changed in the middle of a run.

    Managed: a clone of the target, which the operator runs beside it.
    Existing: a Deployment of your own. Fleet: everybody, then straight on to the bake.
    """
    existing: Existing | None = None
    """The canary's Deployment and ConfigMap, with mode Existing only."""
    steps: Annotated[
        list[Step],
        Field(
            min_length=1,
            max_length=20,
            json_schema_extra=rules(_SOME_STEP, _ONE_UNIT, _GROWING),
        ),
    ]
    """The steps, in order, each larger than the one before, all in pods or all in percent.

    Existing and Fleet take exactly one, with a hold only.
    """
    ready_within: Duration = "10m"
    """How long pods may take to become ready before the change is withdrawn."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        require((self.mode is CanaryMode.EXISTING) == (self.existing is not None), _WITH_ITS_MODE)
        managed = self.mode is CanaryMode.MANAGED
        require(managed or len(self.steps) == 1, _ONE_STEP)
        require(all((step.cohort is not None) == managed for step in self.steps), _COHORTS)
        cohorts = [step.cohort for step in self.steps if step.cohort is not None]
        require(len({type(cohort) for cohort in cohorts}) <= 1, _ONE_UNIT)
        sizes = [int(str(cohort).rstrip("%")) for cohort in cohorts]
        require(all(a < b for a, b in pairwise(sizes)), _GROWING)
        return self
