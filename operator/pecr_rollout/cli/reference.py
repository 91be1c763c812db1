"""docs/reference.md: every field of the resource, from its schema; `make docs` writes it whole."""

import json
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final

from pydantic import Field, TypeAdapter

from pecr_rollout.api.rollout import ControllerRollout
from pecr_rollout.api.schema import RULES, default_text, structural
from pecr_rollout.api.types import Cohort, Duration, ObjectName, Rate, Share

HEADER: Final = """\
# Reference

Every field of a `ControllerRollout`, generated from the models by `make docs`. It says the same as
`kubectl explain controllerrollout.spec --recursive`.

- duration: whole numbers with `ms`, `s`, `m` or `h`, at most two of them: `30s`, `1h30m`, `1200ms`.
- share: a number from 0 to 1: `0.01` is one request in a hundred. Limits are above 0.
- cohort: a number of pods (`2`), or a share of the target's replicas (`10%`).
- time: an instant in UTC: `2026-01-31T12:00:00Z`.
"""
TABLE: Final = """\
## {title}

| field | takes | default | meaning |
| --- | --- | --- | --- |
{rows}
"""

Schema = Mapping[str, Any]


def reference() -> str:
    """Write the whole document."""
    parts, whole = [HEADER], structural(ControllerRollout)
    for title in ("spec", "status"):
        rows = "\n".join(_rows(whole["properties"][title], title))
        parts.append(TABLE.format(title=title, rows=rows))
    return "\n".join(parts)


def _rows(model: Schema, path: str) -> Iterator[str]:
    required = model.get("required", ())
    for name, field in model.get("properties", {}).items():
        here = f"{path}.{name}"
        default = "required" if name in required else _default(field)
        yield f"| {' | '.join((f'`{here}`', _takes(field), default, _meaning(field)))} |"
        inner, below = field, ""
        while "items" in inner or "additionalProperties" in inner:
            below += "[]" if "items" in inner else ".*"
            inner = inner.get("items") or inner["additionalProperties"]
        yield from _rows(inner, here + below)


def _takes(field: Schema) -> str:
    """Say what a field takes, in a word or two."""
    if "items" in field:
        return f"list of {_takes(field['items'])}, at most {field['maxItems']}"
    if "additionalProperties" in field:
        return f"map to {_takes(field['additionalProperties'])}, at most {field['maxProperties']}"
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"])
    if field.get("format") == "date-time":
        return "time"
    if "maximum" in field:
        return f"{field['type']}, {field['minimum']} to {field['maximum']}"
    return _KINDS.get(json.dumps(field.get(RULES)), str(field.get("type")))


def _rules_of(annotation: Any) -> str:  # noqa: ANN401 - annotations are anything
    return json.dumps(TypeAdapter(Annotated[annotation, Field()]).json_schema()[RULES])


_KINDS: Final = {
    _rules_of(Duration): "duration",
    _rules_of(Share): "share",
    _rules_of(Rate): "share",
    _rules_of(Cohort): "cohort",
    _rules_of(ObjectName): "object's name",
}
"""Scalars by the rules that make them what they are."""


def _default(field: Schema) -> str:
    text = default_text(dict(field))
    return f"`{text}`" if text else ""


def _meaning(field: Schema) -> str:
    return " ".join(str(field.get("description", "")).split()).replace("|", "\\|")
