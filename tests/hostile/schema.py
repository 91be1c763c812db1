"""Every place of the resource where somebody can write a text, found in its schema."""

import copy
from collections.abc import Iterator
from typing import Any, NamedTuple

from pecr_rollout.api.crd import definition

Json = dict[str, Any]


class Place(NamedTuple):
    """A text of the resource.

    Attributes:
        name: as the schema knows it: list items are `0`, map entries `*`, and `(key)` a map's key.
        path: to the value, or to the entry whose key it is.
        key: whether it is a key.
    """

    name: str
    path: tuple[str | int, ...]
    key: bool = False

    def put(self, body: Json, text: str) -> Json:
        """Give the body with a text in this place."""
        changed = copy.deepcopy(body)
        *way, last = self.path
        node: Any = changed
        for part in way:
            node = node[part]
        if self.key:
            node[text] = node.pop(last)
        else:
            node[last] = text
        return changed


def schema() -> Json:
    """Give the schema of the resource."""
    version = definition()["spec"]["versions"][0]
    return version["schema"]["openAPIV3Schema"]["properties"]


def named(node: Json, path: str) -> Iterator[str]:
    """Name every text that a schema has room for."""
    if node.get("type") == "string" or node.get("x-kubernetes-int-or-string"):
        yield path
    for name, inner in node.get("properties", {}).items():
        yield from named(inner, f"{path}.{name}")
    if "items" in node:
        yield from named(node["items"], f"{path}.0")
    if isinstance(node.get("additionalProperties"), dict):
        yield f"{path} (key)"
        yield from named(node["additionalProperties"], f"{path}.*")


def places(body: Any, node: Json, name: str, path: tuple[str | int, ...]) -> Iterator[Place]:
    """Give every text that a body has."""
    if isinstance(body, str):
        yield Place(name, path)
    elif isinstance(body, list):
        yield from places(body[0], node["items"], f"{name}.0", (*path, 0))
    elif isinstance(body, dict):
        fields = node.get("properties", {})
        for key, value in body.items():
            if key in fields:
                yield from places(value, fields[key], f"{name}.{key}", (*path, key))
            else:
                yield Place(f"{name} (key)", (*path, key), key=True)
                entry = node["additionalProperties"]
                yield from places(value, entry, f"{name}.*", (*path, key))


def example(node: Json) -> Any:
    """Give a value that has everything that a schema names; enough for a status."""
    if "enum" in node:
        return node["enum"][0]
    if "properties" in node:
        return {name: example(inner) for name, inner in node["properties"].items()}
    if isinstance(node.get("additionalProperties"), dict):
        return {"x": example(node["additionalProperties"])}
    if "items" in node:
        return [example(node["items"])]
    if node.get("format") == "date-time":
        return "2026-11-01T10:00:00Z"
    return {"string": "x", "boolean": False}.get(node["type"], 1)
