"""Where the API server has an object, or a resource."""

from collections.abc import Mapping
from typing import Any

from localcluster.errors import LocalClusterError
from pecrfleet.kube import KubeClient


def path_of(client: KubeClient, manifest: Mapping[str, Any]) -> str:
    """Give the path of the object that a manifest is of, found as kubectl finds it.

    Raises:
        LocalClusterError: the API server does not know its kind.
    """
    version, kind, metadata = manifest["apiVersion"], manifest["kind"], manifest["metadata"]
    base = f"/apis/{version}" if "/" in version else f"/api/{version}"
    for each in client.get(base)["resources"]:
        if each["kind"] == kind and "/" not in each["name"]:
            space = f"/namespaces/{metadata.get('namespace', 'default')}" * each["namespaced"]
            return f"{base}{space}/{each['name']}/{metadata['name']}"
    raise LocalClusterError(f"The API server knows no {kind} of {version}.")


def resource_path(crd: Mapping[str, Any]) -> str:
    """Give the path of a CRD's resource in all namespaces, from its spec."""
    version = next(each["name"] for each in crd["versions"] if each["served"])
    return f"/apis/{crd['group']}/{version}/{crd['names']['plural']}"
