"""Scalars of the resource: durations, cohorts, names, with their bounds and their units."""

import re
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, WithJsonSchema
from pydantic.alias_generators import to_camel

DURATION_PATTERN: Final = r"^([1-9][0-9]{0,4}(ms|s|m|h)){1,2}$"
DNS_NAME_PATTERN: Final = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
DNS_LABEL_PATTERN: Final = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
NOT_BLANK_PATTERN: Final = r"\S"
PERCENT_PATTERN: Final = r"^(100|[1-9][0-9]?)%$"

_UNITS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def seconds(duration: str) -> float:
    """Give a duration such as `90s`, `1h30m` or `1200ms` in seconds."""
    parts = re.findall(r"([0-9]+)(ms|s|m|h)", duration)
    return sum(int(number) * _UNITS[unit] for number, unit in parts)


Rule = dict[str, str]
"""One CEL rule of the API server's, with the sentence that it refuses with."""


def rule(expression: str, message: str, *, field: str = "", found: str = "") -> Rule:
    """Give one CEL rule that the API server checks, with the sentence that it refuses with.

    Args:
        expression: what must hold.
        message: what to write instead.
        field: path of the field that is refused, where it is not the rule's own.
        found: CEL expression of what was found, where the API server would not show it.
    """
    entry = {"rule": expression, "message": message}
    if field:
        entry["fieldPath"] = field
    if found:
        quoted = message.replace("'", "\\'")
        entry["messageExpression"] = f"'{quoted}; found ' + {found}"
    return entry


def rules(*entries: Rule) -> dict[str, Any]:
    """Give the schema extension that carries CEL rules."""
    return {"x-kubernetes-validations": list(entries)}


def require(holds: bool, entry: Rule) -> None:
    """Refuse in a validator what a CEL rule refuses, in the same words.

    Raises:
        ValueError: it does not hold.
    """
    if not holds:
        raise ValueError(entry["message"])


def matching(pattern: str, message: str) -> dict[str, Any]:
    """Give the rule that stands for a pattern: the API server's own words only quote it."""
    return rules(rule(f"self.matches(r'{pattern}')", message))


def where_durations(fields: tuple[str, ...], holds: str) -> str:
    """Give a CEL expression that is asked only where these fields are there and readable.

    Otherwise a bad duration would be refused twice, the second time in words for programmers.
    """
    readable = " && ".join(
        f"has({field}) && {field}.matches(r'{DURATION_PATTERN}')" for field in fields
    )
    return f"!({readable}) || {holds}"


def _cohort(value: int | str) -> int | str:
    if isinstance(value, str) and not re.fullmatch(PERCENT_PATTERN, value):
        raise ValueError(f"{value!r} is no cohort: write a number of pods (2) or a share (10%)")
    if isinstance(value, int) and not 1 <= value <= 10_000:
        raise ValueError(f"{value} is no number of pods between 1 and 10000")
    return value


Duration = Annotated[
    str,
    Field(
        pattern=DURATION_PATTERN,
        max_length=32,
        json_schema_extra=matching(
            DURATION_PATTERN, "write a positive time: 30s, 10m, 1h30m or 1200ms, for example"
        ),
    ),
]
"""A positive time with a unit: `ms`, `s`, `m` or `h`, at most two of them."""

Cohort = Annotated[
    int | str,
    AfterValidator(_cohort),
    WithJsonSchema(
        {
            "x-kubernetes-int-or-string": True,
            "maxLength": 16,
            **rules(
                rule(
                    "type(self) == int ? int(self) >= 1 && int(self) <= 10000"
                    f" : string(self).matches(r'{PERCENT_PATTERN}')",
                    "write a number of pods (2) or a share of the target's replicas (10%)",
                )
            ),
        }
    ),
]
"""A number of pods, or a share of the target's replicas with a percent sign."""

ObjectName = Annotated[
    str,
    Field(
        max_length=200,
        pattern=DNS_NAME_PATTERN,
        json_schema_extra=matching(
            DNS_NAME_PATTERN, "write an object's name: lower case letters, digits, - and ."
        ),
    ),
]
"""The name of an object in the rollout's namespace."""

Label = Annotated[
    str,
    Field(
        max_length=63,
        pattern=DNS_LABEL_PATTERN,
        json_schema_extra=matching(
            DNS_LABEL_PATTERN, "write a name of lower case letters, digits and -"
        ),
    ),
]
"""A name of at most 63 letters, digits and dashes, such as a container's."""

Share = Annotated[
    float,
    Field(
        gt=0,
        le=1,
        json_schema_extra=rules(
            rule(
                "self > 0.0 && self <= 1.0",
                "write a share above 0 and at most 1: 0.01 is one request in a hundred",
            )
        ),
    ),
]
"""A share of requests: 0.01 is one in a hundred."""

Rate = Annotated[
    float,
    Field(
        ge=0,
        le=1,
        json_schema_extra=rules(
            rule(
                "self >= 0.0 && self <= 1.0",
                "write a share from 0 to 1: 0.01 is one request in a hundred",
            )
        ),
    ),
]
"""A share of requests that may be zero."""


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
