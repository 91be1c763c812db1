"""The API server as a test uses it: JSON over one connection, no kubectl processes."""

from typing import Any

from pecrfleet.kube import APPLY_PATCH, MERGE_PATCH, KubeClient, KubeError

Json = dict[str, Any]

_PATHS = {
    "configmaps": "/api/v1",
    "pods": "/api/v1",
    "namespaces": "/api/v1",
    "deployments": "/apis/apps/v1",
    "replicasets": "/apis/apps/v1",
    "controllerrevisions": "/apis/apps/v1",
    "leases": "/apis/coordination.k8s.io/v1",
    "events": "/apis/events.k8s.io/v1",
    "controllerrollouts": "/apis/pecr.dev/v1alpha1",
}
PLURAL = {
    "ConfigMap": "configmaps",
    "Deployment": "deployments",
    "ControllerRollout": "controllerrollouts",
}


class Kube:
    """The objects of one namespace."""

    def __init__(self, client: KubeClient, namespace: str) -> None:
        self.client = client
        self.namespace = namespace

    def path(self, plural: str, name: str = "") -> str:
        """Give the path of a kind, or of one object."""
        base = f"{_PATHS[plural]}/namespaces/{self.namespace}/{plural}"
        return f"{base}/{name}" if name else base

    def get(self, plural: str, name: str) -> Json:
        """Read an object."""
        return self.client.get(self.path(plural, name))

    def find(self, plural: str, name: str) -> Json | None:
        """Read an object; None where there is none."""
        try:
            return self.get(plural, name)
        except KubeError as error:
            if error.status == 404:
                return None
            raise

    def list(self, plural: str, **query: str) -> list[Json]:
        """Read all objects of a kind."""
        return self.client.get(self.path(plural), **query)["items"]

    def create(self, body: Json) -> Json:
        """Create an object, as `kubectl create` would."""
        return self.client.request("POST", self.path(PLURAL[body["kind"]]), body)

    def apply(self, body: Json, *, manager: str = "kubectl", force: bool = False) -> Json:
        """Server-side apply an object, as a GitOps tool would."""
        plural, name = PLURAL[body["kind"]], body["metadata"]["name"]
        path = f"{self.path(plural, name)}?fieldManager={manager}&force={str(force).lower()}"
        return self.client.request("PATCH", path, body, content_type=APPLY_PATCH)

    def patch(self, plural: str, name: str, change: Json, *, subresource: str = "") -> Json:
        """Merge-patch an object, as `kubectl patch --type=merge` or `kubectl edit` would."""
        path = self.path(plural, name) + (f"/{subresource}" if subresource else "")
        return self.client.request("PATCH", path, change, content_type=MERGE_PATCH)

    def delete(self, plural: str, name: str) -> None:
        """Delete an object; one that is gone is fine."""
        try:
            self.client.request("DELETE", self.path(plural, name))
        except KubeError as error:
            if error.status != 404:
                raise
