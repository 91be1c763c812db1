"""Scalars of the resource: durations, cohorts, names, with their bounds and their units."""

import re
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema
from pydantic.alias_generators import to_camel

DURATION_PATTERN: Final = r"^([1-9][0-9]{0,4}(ms|s|m|h)){1,2}$"
DNS_NAME_PATTERN: Final = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"
PERCENT_PATTERN: Final = r"^(100|[1-9][0-9]?)%$"

_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def seconds(duration: str) -> float:
    """Give a duration such as `90s`, `1h30m` or `1200ms` in seconds."""
    parts = re.findall(r"([0-9]+)(ms|s|m|h)", duration)
    return sum(int(number) * _UNITS[unit] for number, unit in parts)


def _cohort(value: int | str) -> int | str:
    if isinstance(value, str) and not re.match(PERCENT_PATTERN, value):
        raise ValueError(f"{value!r} is no cohort: write a number of pods (2) or a share (10%)")
    if isinstance(value, int) and not 1 <= value <= 10_000:
        raise ValueError(f"{value} is no number of pods between 1 and 10000")
    return value


Duration = Annotated[
    str,
    Field(pattern=DURATION_PATTERN, max_length=16, examples=["30s", "10m", "1h30m", "1200ms"]),
]
"""A positive time with a unit: `ms`, `s`, `m` or `h`, at most two of them."""

Cohort = Annotated[
    int | str,
    AfterValidator(_cohort),
    WithJsonSchema(
        {
            "x-kubernetes-int-or-string": True,
            "pattern": PERCENT_PATTERN,
            "minimum": 1,
            "maximum": 10_000,
            "maxLength": 4,
        }
    ),
]
"""A number of pods, or a share of the target's replicas with a percent sign."""

ObjectName = Annotated[str, Field(min_length=1, max_length=200, pattern=DNS_NAME_PATTERN)]
"""The name of an object in the rollout's namespace."""

Share = Annotated[float, Field(gt=0, le=1)]
"""A share of requests: 0.01 is one in a hundred."""

Rate = Annotated[float, Field(ge=0, le=1)]
"""A share of requests that may be zero."""


def rule(expression: str, message: str, **more: str) -> dict[str, str]:
    """Give one CEL rule that the API server checks, with the sentence that it refuses with."""
    return {"rule": expression, "message": message, **more}


def rules(*entries: dict[str, str], **schema: object) -> dict[str, Any]:
    """Give the schema extension that carries CEL rules."""
    return {"x-kubernetes-validations": list(entries), **schema}


class Model(BaseModel):
    """Base of every part of the resource: camelCase on the wire, frozen, unknown fields refused."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
    )
