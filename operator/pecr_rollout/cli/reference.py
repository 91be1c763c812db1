"""docs/reference.md: every field of the resource, from the models; `make docs` writes it whole."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from pecr_rollout.api.rollout import ControllerRollout

HEADER: Final = """\
# Reference

Every field of a `ControllerRollout`, generated from the models by `make docs`. It says the same as
`kubectl explain controllerrollout.spec --recursive`. Durations are whole numbers with `ms`, `s`,
`m` or `h`, at most two of them (`1h30m`); shares are from 0 to 1 (`0.01` is one in a hundred).
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
    schema = ControllerRollout.model_json_schema(by_alias=True)
    parts = [HEADER]
    for part, title in (("Spec", "spec"), ("Status", "status")):
        rows = "\n".join(_rows(schema["$defs"], schema["$defs"][part], title))
        parts.append(TABLE.format(title=title, rows=rows))
    return "\n".join(parts)


def _rows(known: Schema, model: Schema, path: str) -> Iterator[str]:
    required = model.get("required", ())
    for name, field in model.get("properties", {}).items():
        here = f"{path}.{name}"
        kind, inner, below = _kind(known, field)
        default = "required" if name in required else _default(field)
        meaning = field.get("description") or (inner or {}).get("description", "")
        cells = (f"`{here}`", kind, default, _cell(meaning))
        yield f"| {' | '.join(cells)} |"
        if inner is not None:
            yield from _rows(known, inner, here + below)


def _kind(known: Schema, field: Schema) -> tuple[str, Schema | None, str]:
    """Give what a field takes, the model inside it, and how that one's path goes on."""
    branches = [part for part in field.get("anyOf", [field]) if part.get("type") != "null"]
    branch = branches[0]
    if "$ref" in branch:
        target = known[branch["$ref"].rpartition("/")[2]]
        if "properties" in target:
            return "object", target, ""
        return _words(target.get("enum", ())), None, ""
    if branch.get("type") == "array":
        kind, inner, below = _kind(known, branch.get("items", {}))
        return f"list of {kind}", inner, f"[]{below}"
    values = _values(branch)
    if values is not None:
        kind, inner, below = _kind(known, values)
        return f"map to {kind}", inner, f".*{below}"
    return _scalar(branch), None, ""


def _values(branch: Schema) -> Schema | None:
    """Give the schema of a map's values."""
    patterns = list(branch.get("patternProperties", {}).values())
    values = branch.get("additionalProperties") or (patterns[0] if patterns else None)
    return values if isinstance(values, dict) else None


def _scalar(branch: Schema) -> str:
    if branch.get("x-kubernetes-int-or-string"):
        return "number or share"
    if "enum" in branch:
        return _words(branch["enum"])
    if "const" in branch:
        return _words([branch["const"]])
    return str(branch.get("type", "any"))


def _words(values: Any) -> str:  # noqa: ANN401 - of the schema
    return ", ".join(f"`{value}`" for value in values)


def _default(field: Schema) -> str:
    default = field.get("default")
    if default in (None, "") or isinstance(default, dict | list):
        return ""
    return f"`{default if isinstance(default, str) else json.dumps(default)}`"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
