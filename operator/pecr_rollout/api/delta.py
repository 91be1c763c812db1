"""What is changed and where: the target and the flag delta."""

from typing import Annotated, Final, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from pecr_rollout.api.enums import Conflicts
from pecr_rollout.api.types import Label, Model, ObjectName, require, rule, rules
from pecr_rollout.contract import flags

Count = Annotated[int, Field(ge=1, le=100_000)]
OperatorName = Literal[flags.OPERATORS]  # type: ignore[valid-type]

_KNOWN_OPERATOR: Final = rule(
    f"self.all(k, k in {list(flags.OPERATORS)})",
    "name operators of PECR: " + ", ".join(flags.OPERATORS),
    found=f"self.filter(k, !(k in {list(flags.OPERATORS)}))[0]",
)
_SOME_LIMIT: Final = rule(
    "has(self.maxInFlight) || has(self.fairnessWeight)",
    "give maxInFlight, fairnessWeight or both; PECR would ignore an empty policy",
)
_SOME_FLAG: Final = rule(
    " || ".join(f"has(self.{flag.field})" for flag in flags.FLAGS),
    "name at least one flag to change, for example engine: rlm",
)


class Target(Model):
    """The Deployment and the ConfigMap that feeds its environment."""

    deployment: ObjectName
    """Name of the Deployment that runs the controller."""
    container: Label | None = None
    """Name of the controller's container; may be left out where the pod has one container."""
    config_map: ObjectName
    """Name of the ConfigMap with the flags, one of the container's `envFrom` sources."""
    conflicts: Conflicts = Conflicts.REFUSE
    """What to do about a flag that another field manager owns: Refuse to start, or Take it."""


class ConcurrencyPolicy(Model):
    """Limits of one operator: at least one of the two."""

    model_config = ConfigDict(json_schema_extra=rules(_SOME_LIMIT))

    max_in_flight: Count | None = None
    """Most calls of this operator at once, per pod."""
    fairness_weight: Count | None = None
    """Weight of this operator when calls queue."""

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        require(self.max_in_flight is not None or self.fairness_weight is not None, _SOME_LIMIT)
        return self


class FlagDelta(Model):
    """The flags to change, at least one. Flags that are not named stay as they are."""

    model_config = ConfigDict(json_schema_extra=rules(_SOME_FLAG))

    engine: Literal["baseline", "rlm"] | None = None
    """Engine of the controller: `baseline` or `rlm` (which needs PECR_RLM_SANDBOX_ACK=true)."""
    adaptive_parallelism: bool | None = None
    """Adaptive parallelism on or off."""
    batch_mode: bool | None = None
    """Batch mode on or off; acts in `rlm` only."""
    operator_concurrency_policies: (
        Annotated[
            dict[OperatorName, ConcurrencyPolicy],
            Field(max_length=len(flags.OPERATORS), json_schema_extra=rules(_KNOWN_OPERATOR)),
        ]
        | None
    ) = None
    """Concurrency policy by operator name; acts in `rlm` only. An empty map removes them all."""

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        require(bool(self.environment()), _SOME_FLAG)
        return self

    def environment(self) -> dict[str, str]:
        """Give the delta as environment variables, rendered as the service surely reads them."""
        policies = self.operator_concurrency_policies
        values: dict[str, flags.FlagValue | None] = {
            flags.ENGINE.variable: self.engine,
            flags.ADAPTIVE_PARALLELISM.variable: self.adaptive_parallelism,
            flags.BATCH_MODE.variable: self.batch_mode,
            flags.CONCURRENCY_POLICIES.variable: None
            if policies is None
            else {
                name: policy.model_dump(by_alias=False, exclude_none=True)
                for name, policy in policies.items()
            },
        }
        return {
            name: flags.BY_VARIABLE[name].render(value)
            for name, value in values.items()
            if value is not None
        }
