"""The environment of a container, resolved as the kubelet does it when the container starts."""

import re
from collections.abc import Callable, Mapping
from typing import Any

Data = Mapping[str, str]
# (kind, name) -> its data, or None when there is no such object.
Lookup = Callable[[str, str], Data | None]
_REFERENCE = re.compile(r"\$\$|\$\(([^)]*)\)")


class ConfigError(Exception):
    """The container cannot be created: something that it refers to is not there."""


def references(container: Mapping[str, Any]) -> set[tuple[str, str]]:
    """The ConfigMaps and Secrets that the container's environment reads."""
    found: set[tuple[str, str]] = set()
    for source in container.get("envFrom") or []:
        for field, kind in (("configMapRef", "configmaps"), ("secretRef", "secrets")):
            if field in source:
                found.add((kind, source[field]["name"]))
    for entry in container.get("env") or []:
        given = entry.get("valueFrom") or {}
        for field, kind in (("configMapKeyRef", "configmaps"), ("secretKeyRef", "secrets")):
            if field in given:
                found.add((kind, given[field]["name"]))
    return found


def resolve(
    container: Mapping[str, Any], lookup: Lookup, fields: Mapping[str, str]
) -> dict[str, str]:
    """`envFrom` in order, then `env`, which wins; `fields` are the pod's own, by path."""
    environment: dict[str, str] = {}
    for source in container.get("envFrom") or []:
        environment |= _from_source(source, lookup)
    for entry in container.get("env") or []:
        value = _from_entry(entry, lookup, fields, environment)
        if value is not None:
            environment[entry["name"]] = value
    return environment


def _from_source(source: Mapping[str, Any], lookup: Lookup) -> dict[str, str]:
    prefix = source.get("prefix") or ""
    for field, kind in (("configMapRef", "configmaps"), ("secretRef", "secrets")):
        if field in source:
            data = _data(kind, source[field], lookup)
            return {f"{prefix}{key}": value for key, value in (data or {}).items()}
    return {}


def _from_entry(
    entry: Mapping[str, Any], lookup: Lookup, fields: Mapping[str, str], so_far: Data
) -> str | None:
    given = entry.get("valueFrom") or {}
    for field, kind in (("configMapKeyRef", "configmaps"), ("secretKeyRef", "secrets")):
        if field in given:
            return _key(kind, given[field], lookup)
    if "fieldRef" in given:
        return fields.get(given["fieldRef"]["fieldPath"], "")
    return _expand(entry.get("value") or "", so_far)


def _data(kind: str, reference: Mapping[str, Any], lookup: Lookup) -> Data | None:
    data = lookup(kind, reference["name"])
    if data is None and not reference.get("optional"):
        raise ConfigError(f'{kind.removesuffix("s")} "{reference["name"]}" not found')
    return data


def _key(kind: str, reference: Mapping[str, Any], lookup: Lookup) -> str | None:
    data = _data(kind, reference, lookup)
    value = (data or {}).get(reference["key"])
    if value is None and not reference.get("optional"):
        raise ConfigError(
            f"couldn't find key {reference['key']} in {kind.removesuffix('s')} {reference['name']}"
        )
    return value


def _expand(text: str, so_far: Data) -> str:
    def replaced(match: re.Match[str]) -> str:
        name = match.group(1)
        return "$" if name is None else so_far.get(name, match.group(0))

    return _REFERENCE.sub(replaced, text)
