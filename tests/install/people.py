"""Requests as somebody: impersonation."""

import time
from typing import Any

from localcluster import LocalCluster
from pecrfleet.kube import MERGE_PATCH, KubeClient, KubeError

OWNER = ("oncall@example.com", "")
IN_GROUP = ("sre@example.com", "retrieval-sre")
EDITOR = ("editor@example.com", "editors")
ADMIN = ("root@example.com", "system:masters")
OWNING_ADMIN = (OWNER[0], "system:masters")

Who = tuple[str, str]
ROLLOUTS = "/apis/pecr.dev/v1alpha1/namespaces/{}/controllerrollouts"
LEASES = "/apis/coordination.k8s.io/v1/namespaces/{}/leases"

Refused = KubeError


class Person(KubeClient):
    """Somebody in one namespace of a cluster."""

    def __init__(self, cluster: LocalCluster, who: Who, namespace: str) -> None:
        super().__init__(cluster.server, cluster.ca_file, cluster.token)
        user, group = who
        self._headers |= {"Impersonate-User": user} | (
            {"Impersonate-Group": group} if group else {}
        )
        self.rollouts, self.leases = ROLLOUTS.format(namespace), LEASES.format(namespace)

    def create(self, body: Any, *, dry_run: bool = False) -> Any:
        return self.request("POST", self.rollouts + ("?dryRun=All" if dry_run else ""), body)

    def read(self, name: str) -> Any:
        return self.get(f"{self.rollouts}/{name}")

    def patch(self, name: str, change: Any, *, sub: str = "", query: str = "") -> Any:
        path = f"{self.rollouts}/{name}{sub}{query}"
        return self.request("PATCH", path, change, content_type=MERGE_PATCH)

    def annotate(self, name: str, **annotations: str | None) -> None:
        keys = {f"pecr.dev/{k.replace('_', '-')}": v for k, v in annotations.items()}
        self.patch(name, {"metadata": {"annotations": keys}})

    def set_status(self, name: str, **status: Any) -> None:
        self.patch(name, {"status": status}, sub="/status")

    def delete(self, name: str = "") -> None:
        """Delete one, or without a name all of them (deletecollection)."""
        self.request("DELETE", f"{self.rollouts}/{name}".rstrip("/"))


def until_in_force(person: Person, name: str) -> None:
    """Wait until the policies are: a write of the status by this person is refused."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            person.patch(name, {"status": {"message": "x"}}, sub="/status", query="?dryRun=All")
        except Refused:
            return
        time.sleep(0.2)
    raise AssertionError("the admission policies are not in force")
