"""The operator's own service account, and the role that is shipped for one namespace."""

from functools import cache
from pathlib import Path
from typing import Any

import yaml

from integration.harness.waiting import wait_until
from localcluster import LocalCluster
from pecr_packaging.render import NAMESPACE, RELEASE, ROOT, load
from pecrfleet.kube import KubeClient

Json = dict[str, Any]

MANIFESTS = ROOT / "manifests"
ACCOUNT = RELEASE
WATCHED = "pecr"
"""The namespace that the manifests for one namespace are for."""
REVIEWS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
ROLES = "/apis/rbac.authorization.k8s.io/v1/namespaces/{}/{}s"


def account(cluster: LocalCluster) -> Path:
    """Make the shipped service account, which may do nothing yet; gives its kubeconfig."""
    home = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    base = shipped("base/operator.yaml")
    cluster.apply([home, *(each for each in base if each["kind"] == "ServiceAccount")])
    return cluster.kubeconfig_for_service_account(NAMESPACE, ACCOUNT)


def grant(client: KubeClient, namespace: str) -> None:
    """Give the account the shipped role in one namespace, and wait until that holds."""
    for each in shipped("namespaced/rbac.yaml"):
        if each["metadata"]["namespace"] == WATCHED:
            here = each | {"metadata": {"name": each["metadata"]["name"]}}
            client.request("POST", ROLES.format(namespace, each["kind"].lower()), here)
    asked = {"namespace": namespace, "verb": "list", "group": "pecr.dev"}
    review = {
        "user": f"system:serviceaccount:{NAMESPACE}:{ACCOUNT}",
        "resourceAttributes": asked | {"resource": "controllerrollouts"},
    }
    wait_until(
        lambda: client.request("POST", REVIEWS, {"spec": review})["status"]["allowed"],
        explain=lambda: f"the operator may do nothing in {namespace}",
    )


@cache
def shipped(file: str) -> list[Json]:
    """Read a file of the manifests; it is not to be changed."""
    return load((MANIFESTS / file).read_text())


def by_way_of(server: str, kubeconfig: Path) -> str:
    """Give the text of a kubeconfig for another way to the same API server."""
    config = yaml.safe_load(kubeconfig.read_text())
    for each in config["clusters"]:
        each["cluster"] = {"server": server}
    return yaml.safe_dump(config)
