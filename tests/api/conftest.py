"""The real API server, with the resource installed."""

from collections.abc import Callable
from typing import Any

import pytest

from localcluster import LocalCluster
from localcluster.pytest_plugin import TargetNamespace
from pecrfleet.kube import KubeError

Send = Callable[..., dict[str, Any]]
ROLLOUTS = "/apis/pecr.dev/v1alpha1/namespaces/{}/controllerrollouts"


@pytest.fixture
def try_create(crd: None, localcluster: LocalCluster) -> Send:
    """Creates a rollout as a dry run; gives what the API server would store."""

    def send(body: dict[str, Any], namespace: str = "default") -> dict[str, Any]:
        path = ROLLOUTS.format(namespace) + "?dryRun=All&fieldValidation=Strict"
        return client.request("POST", path, body)

    with localcluster.client() as client:
        yield send


@pytest.fixture
def refusal(try_create: Send) -> Callable[[dict[str, Any]], str]:
    """Creates a rollout as a dry run; gives the sentence that it is refused with."""

    def refuse(body: dict[str, Any]) -> str:
        with pytest.raises(KubeError) as caught:
            try_create(body)
        assert caught.value.status in (400, 422)
        return str(caught.value)

    return refuse


@pytest.fixture
def rollout(crd: None, namespace: TargetNamespace) -> "Rollout":
    return Rollout(namespace)


class Rollout:
    """A stored rollout, whose spec and status can be edited."""

    def __init__(self, namespace: TargetNamespace) -> None:
        self.path = ROLLOUTS.format(namespace.name)
        self.cluster = namespace.cluster

    def create(self, body: dict[str, Any]) -> dict[str, Any]:
        self.path += f"/{body['metadata']['name']}"
        return self._send("POST", self.path.rsplit("/", 1)[0], body)

    def get(self) -> dict[str, Any]:
        return self._send("GET", self.path)

    def patch(self, **fields: Any) -> dict[str, Any]:
        return self._send("PATCH", self.path, fields)

    def set_status(self, **fields: Any) -> dict[str, Any]:
        return self._send("PATCH", f"{self.path}/status", {"status": fields})

    def _send(self, verb: str, path: str, body: Any = None) -> dict[str, Any]:
        kind = "application/merge-patch+json" if verb == "PATCH" else "application/json"
        with self.cluster.client() as client:
            return client.request(verb, path, body, content_type=kind)
