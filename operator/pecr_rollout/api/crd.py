"""The CustomResourceDefinition, generated from the models: `make crds`."""

import sys
from typing import Any, Final

import yaml

from pecr_rollout.api.rollout import GROUP, KIND, PLURAL, VERSION, ControllerRollout
from pecr_rollout.api.schema import RULES, structural, telling_defaults, without_defaults
from pecr_rollout.api.status import Status

HEADER: Final = "# Generated from operator/pecr_rollout/api by `make crds`. Do not edit.\n"

_COLUMNS: Final = (
    ("Phase", "string", ".status.phase", "Where the rollout stands."),
    ("Step", "string", ".status.step.progress", "The step of the canary."),
    ("Cohort", "string", ".status.cohort", "Size of the cohort."),
    ("SLO", "string", ".status.slo", "The overall verdict."),
    ("Owner", "string", ".spec.rollbackOwner.name", "Who is told of a fallback."),
    ("Age", "date", ".metadata.creationTimestamp", "Since when it exists."),
    ("Message", "string", ".status.message", "What happens, and what a person can do."),
)
_WIDE: Final = frozenset({"Message"})


def definition() -> dict[str, Any]:
    """Give the CustomResourceDefinition."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{PLURAL}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "names": {
                "kind": KIND,
                "listKind": f"{KIND}List",
                "plural": PLURAL,
                "singular": KIND.lower(),
                "shortNames": ["cro"],
                "categories": ["pecr"],
            },
            "scope": "Namespaced",
            "versions": [_version()],
        },
    }


def _version() -> dict[str, Any]:
    return {
        "name": VERSION,
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "additionalPrinterColumns": [_column(*column) for column in _COLUMNS],
        "schema": {"openAPIV3Schema": schema()},
    }


def _column(name: str, kind: str, path: str, description: str) -> dict[str, Any]:
    column = {"name": name, "type": kind, "jsonPath": path, "description": description}
    return column | ({"priority": 1} if name in _WIDE else {})


def schema() -> dict[str, Any]:
    """Give the schema of the whole resource."""
    whole = structural(ControllerRollout)
    spec, status = whole["properties"]["spec"], whole["properties"]["status"]
    return {
        "description": whole["description"],
        "type": "object",
        "required": ["spec"],
        RULES: whole[RULES],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"type": "object"},
            "spec": telling_defaults(spec),
            # Defaulted as a whole, or a rollout that no operator has seen looks healthy.
            "status": without_defaults(status) | {"default": unseen()},
        },
    }


def unseen() -> dict[str, Any]:
    """Give the status of a rollout that no operator has seen yet."""
    fields = {"observed_generation", "phase"}
    return Status().model_dump(mode="json", include=fields)


class _Dumper(yaml.SafeDumper):
    """Without anchors: the same rule in two places is written twice."""

    def ignore_aliases(self, _data: object) -> bool:
        return True


def render() -> str:
    """Give the definition as YAML, equal at each call."""
    text = yaml.dump(definition(), Dumper=_Dumper, sort_keys=False, width=100, allow_unicode=True)
    return HEADER + text


if __name__ == "__main__":
    sys.stdout.write(render())
