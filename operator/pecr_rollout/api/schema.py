"""Turns pydantic's JSON schema into the structural schema that the API server takes.

See https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions
for what "structural" means: no references, no unions, nothing outside a fixed vocabulary.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from pydantic import BaseModel

Schema = dict[str, Any]

RULES: Final = "x-kubernetes-validations"

_COPIED: Final = (
    "description",
    "type",
    "format",
    "enum",
    "x-kubernetes-int-or-string",
    "maxLength",
    "maxItems",
    "maxProperties",
    "minItems",
    "minLength",
    "minProperties",
    "pattern",
    "minimum",
    "maximum",
    "required",
    RULES,
)
"""What a structural schema may say and ours do, in the order in which it is written."""

_WORDED: Final = ("pattern", "minimum", "maximum", "minItems", "minLength", "minProperties")
"""What the rules of a schema say in better words, where it has any."""


def structural(model: type[BaseModel]) -> Schema:
    """Give the structural schema of a model: what a client may send."""
    schema = model.model_json_schema(by_alias=True)
    return _convert(schema, schema.get("$defs", {}))


def without_defaults(schema: Schema) -> Schema:
    """Give the schema without its defaults, at any depth."""
    return _everywhere(
        schema, lambda node: {key: value for key, value in node.items() if key != "default"}
    )


def telling_defaults(schema: Schema) -> Schema:
    """Give the schema with the defaults in its descriptions: `kubectl explain` has no others."""
    return _everywhere(schema, _told)


def default_text(schema: Schema) -> str:
    """Give a scalar's default for people, or nothing."""
    default = schema.get("default")
    if default is None or isinstance(default, dict | list):
        return ""
    return default if isinstance(default, str) else json.dumps(default)


def _told(schema: Schema) -> Schema:
    text = default_text(schema)
    if not text:
        return schema
    return {**schema, "description": f"{schema['description']} Default: {text}."}


def _everywhere(schema: Schema, change: Callable[[Schema], Schema]) -> Schema:
    changed = dict(change(schema))
    if "properties" in changed:
        properties = changed["properties"].items()
        changed["properties"] = {name: _everywhere(inner, change) for name, inner in properties}
    for below in ("items", "additionalProperties"):
        if below in changed:
            changed[below] = _everywhere(changed[below], change)
    return changed


def _convert(raw: Schema, defs: Mapping[str, Schema]) -> Schema:
    schema = _inlined(raw, defs)
    if "exclusiveMinimum" in schema:
        schema |= {"minimum": schema["exclusiveMinimum"]}
    dropped = _WORDED if RULES in schema else ()
    result: Schema = {key: schema[key] for key in _COPIED if key in schema and key not in dropped}
    if "exclusiveMinimum" in schema and "minimum" in result:
        result["exclusiveMinimum"] = True  # a number in JSON schema, a boolean in OpenAPI 3.0
    if schema.get("default") is not None:
        result["default"] = _default(schema)
    return result | _children(schema, defs)


def _inlined(raw: Schema, defs: Mapping[str, Schema]) -> Schema:
    """Give a schema with its reference followed, and `| None` left out."""
    branches = [branch for branch in raw.get("anyOf", ()) if branch.get("type") != "null"]
    if len(branches) > 1:
        raise ValueError(f"no structural schema has a union: {branches}")
    inner = branches[0] if branches else raw
    base = defs[inner["$ref"].rsplit("/", 1)[1]] if "$ref" in inner else {}
    schema = {**base, **inner, **raw}
    shared = base.get("description", "") if base.get("type") == "object" else ""
    text = _described(raw.get("description", ""), shared) or schema.get("description", "")
    return schema | ({"description": _unwrapped(text)} if text else {})


def _described(own: str, shared: str) -> str:
    """Give what a field says of itself and what its class says of every such field, once."""
    if shared.startswith(own.rstrip(".")):
        return shared
    if own.startswith(shared):
        return own
    return f"{own}\n\n{shared}".strip()


def _unwrapped(text: str) -> str:
    """Give a docstring with a line for each paragraph."""
    return "\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n"))


def _default(schema: Schema) -> object:
    """Give the default; an object's is empty, so that the defaults of its fields apply."""
    return {} if schema.get("type") == "object" else schema["default"]


def _children(schema: Schema, defs: Mapping[str, Schema]) -> Schema:
    children: Schema = {}
    if "properties" in schema:
        children["properties"] = {
            name: _convert(inner, defs) for name, inner in schema["properties"].items()
        }
    if "items" in schema:
        children["items"] = _convert(schema["items"], defs)
    # A pattern of the keys, or their enumeration, is not structural: the map has a rule for it.
    values = [*schema.get("patternProperties", {}).values(), schema.get("additionalProperties")]
    if isinstance(values[0], dict):
        children["additionalProperties"] = _convert(values[0], defs)
    return children
