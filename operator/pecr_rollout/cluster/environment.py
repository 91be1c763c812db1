"""What a container starts with: its environment resolved as the kubelet does it.

Secrets are never read: what comes from them is known to be unknown.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from pecr_rollout.cluster.resources import Json, dig, name_of, uid_of
from pecr_rollout.contract.flags import BY_VARIABLE, FLAGS
from pecr_rollout.lifecycle.observation import Environment

FLAG_NAMES: Final = frozenset(name for flag in FLAGS for name in (flag.variable, *flag.aliases))
"""Every variable that the service reads a flag from."""

ConfigMaps = Mapping[str, Json | None]
"""ConfigMaps by name; None where one is missing."""

_REFERENCE: Final = re.compile(r"\$(\$|\(([^()]*)\))")


class Source(NamedTuple):
    """One entry of `envFrom`."""

    kind: str
    name: str
    prefix: str


@dataclass
class Resolved:
    """An environment and where each variable comes from.

    Attributes:
        values: what is known, by variable.
        origins: the source of each variable, for people; unknown values have one too.
        secrets: names of the Secrets in `envFrom`, which may set anything.
    """

    values: dict[str, str] = field(default_factory=dict)
    origins: dict[str, str] = field(default_factory=dict)
    secrets: tuple[str, ...] = ()

    def put(self, name: str, value: str | None, origin: str) -> None:
        """Set a variable; None is a value that cannot be known."""
        self.origins[name] = origin
        if value is None:
            self.values.pop(name, None)
        else:
            self.values[name] = value

    @property
    def flags(self) -> dict[str, str]:
        """Give the flags and their aliases."""
        return {k: v for k, v in self.values.items() if k in FLAG_NAMES}


def fingerprint(value: object) -> str:
    """Hash JSON content; equal content gives an equal fingerprint whatever the order of keys."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def pick_container(template: Json, name: str | None) -> Json | None:
    """Give the named container of a pod template, or its only one; None where it is unclear."""
    containers = dig(template, "spec", "containers") or []
    if name is not None:
        return next((c for c in containers if c["name"] == name), None)
    return containers[0] if len(containers) == 1 else None


def sources(container: Json) -> tuple[Source, ...]:
    """Give the entries of a container's `envFrom`, in order."""
    found = []
    for entry in container.get("envFrom") or []:
        kind = "ConfigMap" if "configMapRef" in entry else "Secret"
        ref = entry.get("configMapRef") or entry.get("secretRef") or {}
        found.append(Source(kind, ref.get("name") or "", entry.get("prefix") or ""))
    return tuple(found)


def config_maps_of(container: Json) -> frozenset[str]:
    """Name the ConfigMaps that a container's environment is made from."""
    keys = [dig(e, "valueFrom", "configMapKeyRef", "name") for e in container.get("env") or []]
    bulk = [source.name for source in sources(container) if source.kind == "ConfigMap"]
    return frozenset(name for name in (*keys, *bulk) if name)


def resolve(container: Json, config_maps: ConfigMaps) -> Resolved:
    """Resolve a container's environment: all of `envFrom` in order, then `env` in order."""
    resolved = Resolved()
    for source in sources(container):
        if source.kind == "Secret":
            resolved.secrets += (source.name,)
            continue
        data = dig(config_maps.get(source.name), "data") or {}
        for key, value in data.items():
            resolved.put(source.prefix + key, value, f"ConfigMap {source.name}")
    for entry in container.get("env") or []:
        _resolve_entry(resolved, entry, config_maps)
    return resolved


def _resolve_entry(resolved: Resolved, entry: Json, config_maps: ConfigMaps) -> None:
    name, reference = entry["name"], entry.get("valueFrom")
    if not reference:
        resolved.put(name, expand(entry.get("value") or "", resolved.values), "its own env entry")
    elif "configMapKeyRef" in reference:
        key = reference["configMapKeyRef"]
        value = dig(config_maps.get(key.get("name")), "data", key["key"])
        if value is not None:  # a missing optional key leaves what envFrom gave
            resolved.put(name, value, f"its own env entry (ConfigMap {key.get('name')})")
    else:
        resolved.put(name, None, f"its own env entry ({next(iter(reference))})")


def expand(text: str, values: Mapping[str, str]) -> str:
    """Replace `$(NAME)` by the variable's value, `$$` by `$`; an unknown name stays as it is."""

    def replacement(match: re.Match[str]) -> str:
        if match.group(1) == "$":
            return "$"
        return values.get(match.group(2), match.group(0))

    return _REFERENCE.sub(replacement, text)


def environment_view(config_map: Json, container: Json | None, maps: ConfigMaps) -> Environment:
    """Give the view of a ConfigMap that feeds a container."""
    data = config_map.get("data") or {}
    others = {key: value for key, value in data.items() if key not in BY_VARIABLE}
    return Environment(
        name=name_of(config_map),
        uid=uid_of(config_map),
        resource_version=config_map["metadata"]["resourceVersion"],
        immutable=bool(config_map.get("immutable")),
        flags={key: data[key] for key in BY_VARIABLE if key in data},
        others=fingerprint([others, config_map.get("binaryData") or {}]),
        resolved=resolve(container, maps).flags if container else {},
    )
