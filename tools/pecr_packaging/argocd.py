"""Argo CD's settings, made of the health check that people read and the tests run."""

from typing import Final

from pecr_packaging.manifests import HEADER, to_yaml
from pecr_packaging.render import ROOT
from pecr_rollout.api.rollout import GROUP, KIND
from pecr_rollout.cluster.client import MANAGER

HEALTH: Final = ROOT / "manifests" / "argocd" / "health.lua"


def files() -> dict[str, str]:
    """Give the generated files of manifests/argocd."""
    ignored = to_yaml({"managedFieldsManagers": [MANAGER]})
    settings = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": "argocd-cm",
            "namespace": "argocd",
            "labels": {"app.kubernetes.io/part-of": "argocd"},
        },
        "data": {
            f"resource.customizations.health.{GROUP}_{KIND}": HEALTH.read_text(encoding="utf-8"),
            "resource.customizations.ignoreDifferences.apps_Deployment": ignored,
            "resource.customizations.ignoreDifferences._ConfigMap": ignored,
        },
    }
    note = "# Merge these keys into your own argocd-cm.\n"
    return {"argocd-cm.yaml": HEADER + note + to_yaml(settings)}
