"""Who is told of a fallback, and who may acknowledge it."""

from typing import Annotated, Final, Self

from pydantic import ConfigDict, Field, model_validator

from pecr_rollout.api.types import NOT_BLANK_PATTERN, Model, matching, require, rule, rules

SubjectName = Annotated[
    str,
    Field(
        max_length=253,
        pattern=NOT_BLANK_PATTERN,
        json_schema_extra=matching(
            NOT_BLANK_PATTERN, "write a user's or a group's name, as it signs in"
        ),
    ),
]

_SOMEBODY: Final = rule(
    "(has(self.users) && size(self.users) > 0) || (has(self.groups) && size(self.groups) > 0)",
    "name at least one user or group; nobody else could acknowledge an incident",
)


class Subjects(Model):
    """Who may acknowledge, as the API server knows them."""

    model_config = ConfigDict(json_schema_extra=rules(_SOMEBODY))

    users: Annotated[list[SubjectName], Field(max_length=32)] | None = None
    """User names, for example oncall@example.com or system:serviceaccount:ci:promoter."""
    groups: Annotated[list[SubjectName], Field(max_length=32)] | None = None
    """Group names."""

    @model_validator(mode="after")
    def _somebody(self) -> Self:
        require(bool(self.users or self.groups), _SOMEBODY)
        return self


class RollbackOwner(Model):
    """Who is told of a fallback, and who may acknowledge it."""

    name: Annotated[
        str,
        Field(
            max_length=128,
            pattern=NOT_BLANK_PATTERN,
            json_schema_extra=matching(
                NOT_BLANK_PATTERN, "name the team or person, as people call them"
            ),
        ),
    ]
    """The team or person, as people call them."""
    contact: Annotated[
        str,
        Field(
            max_length=256,
            pattern=NOT_BLANK_PATTERN,
            json_schema_extra=matching(
                NOT_BLANK_PATTERN, "say how to reach them: #channel, address, pager"
            ),
        ),
    ]
    """How to reach them: a channel, an address, a pager."""
    subjects: Subjects
    """Who may acknowledge, as the API server knows them."""
