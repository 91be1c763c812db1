"""The kustomize bases, made of what the chart renders."""

import copy
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from pecr_packaging.render import API, NAMESPACE, Json, render

HEADER: Final = "# Generated from charts/ by `make manifests`. Do not edit.\n"
TARGET: Final = "pecr"
"""The namespace that the namespaced base watches."""

VALUES: Final[Mapping[str, Any]] = {
    "prometheus": {"url": "http://prometheus.monitoring.svc:9090"},
    "watch": {"scope": "Namespaced", "namespaces": [TARGET]},
    "monitoring": {"serviceMonitor": True, "rules": True, "dashboard": True},
}
_RESTRICTED: Final = {
    f"pod-security.kubernetes.io/{mode}": "restricted" for mode in ("enforce", "audit", "warn")
}
_MONITORING: Final = {"ServiceMonitor": "servicemonitor", "PrometheusRule": "alerts"}


def files(helm: Path) -> dict[str, str]:
    """Give every generated file below manifests/, by its path."""
    narrow = _objects(helm, VALUES)
    wide = _objects(helm, {**VALUES, "watch": {"scope": "Cluster"}})
    made: dict[str, str] = {}
    base = [_namespace()]
    for one in narrow:
        place = _place(one)
        if place == "base":
            base.append(_without_place(one))
        elif place:
            made[place] = made.get(place, HEADER) + _yaml([_unbound(one)])
    made["base/operator.yaml"] = HEADER + _yaml(base)
    for folder, objects in (("namespaced", narrow), ("cluster-wide", wide)):
        made[f"{folder}/rbac.yaml"] = HEADER + _yaml(_rules(objects))
        made[f"{folder}/watch.yaml"] = HEADER + to_yaml(_watch(objects))
    made["namespaced/bindings.yaml"] = HEADER + _yaml(_selected(narrow))
    return made | {f"{folder}/kustomization.yaml": _kustomization(folder) for folder in _FOLDERS}


def _objects(helm: Path, values: Mapping[str, Any]) -> list[Json]:
    """Render all but the CRD: it is applied from crds/, so that `delete -k` never removes it."""
    found = render(helm, {**values, "crds": {"install": False}}, f"--api-versions={API}")
    return [_plain(one) for one in found if not _is_hook(one)]


def _is_hook(one: Json) -> bool:
    return "helm.sh/hook" in (one["metadata"].get("annotations") or {})


def _plain(one: Json) -> Json:
    """Take away what only helm reads."""
    plain = copy.deepcopy(one)
    labels = plain["metadata"]["labels"]
    for label in ("helm.sh/chart", "app.kubernetes.io/managed-by"):
        labels.pop(label, None)
    plain["metadata"].pop("annotations", None)
    return plain


def _place(one: Json) -> str:
    kind, name = one["kind"], one["metadata"]["name"]
    if kind in ("Role", "RoleBinding"):
        return ""
    if "AdmissionPolicy" in kind:
        mutating = kind.startswith("Mutating")
        return "policies/fill-in/policy.yaml" if mutating else "policies/policies.yaml"
    if name.endswith("-dashboard"):
        return "monitoring/dashboard.yaml"
    return f"monitoring/{_MONITORING[kind]}.yaml" if kind in _MONITORING else "base"


def _without_place(one: Json) -> Json:
    """Take the watched namespaces from the Deployment's arguments: the overlays say them."""
    if one["kind"] == "Deployment":
        one = copy.deepcopy(one)
        container = one["spec"]["template"]["spec"]["containers"][0]
        container["args"] = [a for a in container["args"] if not _says_where(a)]
    return one


def _says_where(argument: str) -> bool:
    return argument.startswith("--namespace=") or argument == "--all-namespaces"


def _unbound(one: Json) -> Json:
    """Let a binding hold everywhere; the namespaced overlay narrows it."""
    if one["kind"].endswith("Binding"):
        one["spec"].pop("matchResources", None)
    return one


def _rules(objects: Iterable[Json]) -> list[Json]:
    kinds = ("Role", "RoleBinding", "ClusterRole", "ClusterRoleBinding")
    user_roles = ("-view", "-edit", "-acknowledge")
    return [
        one
        for one in objects
        if one["kind"] in kinds and not one["metadata"]["name"].endswith(user_roles)
    ]


def _watch(objects: Iterable[Json]) -> list[dict[str, str]]:
    """Give a JSON patch that adds where the rollouts are."""
    deployment = next(one for one in objects if one["kind"] == "Deployment")
    arguments = deployment["spec"]["template"]["spec"]["containers"][0]["args"]
    path = "/spec/template/spec/containers/0/args/-"
    where = [argument for argument in arguments if _says_where(argument)]
    return [{"op": "add", "path": path, "value": each} for each in where]


def _selected(objects: Iterable[Json]) -> list[Json]:
    """Give the bindings' part that the namespaced overlay patches in."""
    rendered = [one for one in objects if one["kind"].startswith("Validating")]
    bindings = [one for one in rendered if one["kind"].endswith("Binding")]
    selector = {
        "namespaceSelector": {
            "matchExpressions": [
                {"key": "kubernetes.io/metadata.name", "operator": "In", "values": [TARGET]}
            ]
        }
    }
    return [
        {
            "apiVersion": one["apiVersion"],
            "kind": one["kind"],
            "metadata": {"name": one["metadata"]["name"]},
            "spec": {"matchResources": selector},
        }
        for one in bindings
    ]


def _namespace() -> Json:
    metadata = {"name": NAMESPACE, "labels": _RESTRICTED}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}


_DEPLOYMENT: Final = [{"path": "watch.yaml", "target": {"kind": "Deployment"}}]
_FOLDERS: Final[dict[str, Json]] = {
    "base": {"resources": ["operator.yaml"]},
    "namespaced": {
        "resources": ["../base", "../policies", "rbac.yaml"],
        "patches": [*_DEPLOYMENT, {"path": "bindings.yaml"}],
    },
    "cluster-wide": {
        "resources": ["../base", "../policies", "rbac.yaml"],
        "patches": _DEPLOYMENT,
    },
    "policies": {"resources": ["policies.yaml"]},
    "policies/fill-in": {"resources": ["policy.yaml"]},
    "monitoring": {"resources": ["servicemonitor.yaml", "alerts.yaml", "dashboard.yaml"]},
}


def _kustomization(folder: str) -> str:
    head = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization"}
    return HEADER + _yaml([head | _FOLDERS[folder]], separated=False)


class _Dumper(yaml.SafeDumper):
    """Long texts as blocks, no anchors."""

    def ignore_aliases(self, _data: object) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def to_yaml(value: object) -> str:
    """Write YAML, equal at each call."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, width=100, allow_unicode=True)


def _yaml(objects: Iterable[Any], *, separated: bool = True) -> str:
    return "".join(("---\n" if separated else "") + to_yaml(one) for one in objects)
