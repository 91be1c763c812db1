"""Who is told of a fallback, and who may acknowledge it."""

from typing import Annotated, Self

from pydantic import ConfigDict, Field, model_validator

from pecr_rollout.api.types import Model, rule, rules

SubjectName = Annotated[str, Field(min_length=1, max_length=253)]


class Subjects(Model):
    """Who may acknowledge, as the API server knows them."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            rule(
                "(has(self.users) && size(self.users) > 0)"
                " || (has(self.groups) && size(self.groups) > 0)",
                "name at least one user or group; nobody else could acknowledge an incident",
            )
        )
    )

    users: Annotated[list[SubjectName], Field(max_length=32)] | None = None
    """User names, for example oncall@example.com or system:serviceaccount:ci:promoter."""
    groups: Annotated[list[SubjectName], Field(max_length=32)] | None = None
    """Group names."""

    @model_validator(mode="after")
    def _somebody(self) -> Self:
        if not self.users and not self.groups:
            raise ValueError("name at least one user or group; nobody else could acknowledge")
        return self


class RollbackOwner(Model):
    """Who is told of a fallback, and who may acknowledge it."""

    name: Annotated[str, Field(min_length=1, max_length=128)]
    """The team or person, as people call them."""
    contact: Annotated[str, Field(min_length=1, max_length=256)]
    """How to reach them: a channel, an address, a pager."""
    subjects: Subjects
    """Who may acknowledge, as the API server knows them."""
