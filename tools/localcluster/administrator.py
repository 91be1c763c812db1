"""What an administrator does with a cluster that runs."""

import json
import os
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from localcluster.binaries import Binaries
from localcluster.credentials import kubeconfig
from localcluster.discovery import path_of, resource_path
from localcluster.errors import LocalClusterError
from localcluster.probes import api_ok
from localcluster.processes import wait_until
from localcluster.provider import Access
from localcluster.state import StateFolder
from pecrfleet.jsontypes import Json
from pecrfleet.kube import APPLY_PATCH, KubeClient, KubeError, KubeUnreachable


class Administrator(ABC):
    """Reaches the API server with every right."""

    def __init__(self, folder: StateFolder, binaries: Binaries) -> None:
        """It is reached once there is an access."""
        self.binaries = binaries
        self._folder = folder
        self._access: Access | None = None

    @property
    @abstractmethod
    def env(self) -> dict[str, str]:
        """Variables that point tools at this cluster."""

    @property
    def server(self) -> str:
        """The API server's URL."""
        return self._reached.server

    @property
    def ca_file(self) -> Path:
        """What the API server's certificate is checked against."""
        return self._reached.ca_file

    @property
    def token(self) -> str:
        """The administrator's bearer token."""
        return self._reached.token

    def client(self) -> KubeClient:
        """A small client of the API server, as the administrator; to be closed, or used `with`."""
        return KubeClient(self.server, self.ca_file, self.token)

    @property
    def _reached(self) -> Access:
        if self._access is None:
            raise LocalClusterError("The cluster is not started.")
        return self._access

    def kubectl(
        self,
        *arguments: str | Path,
        namespace: str | None = None,
        input: str | None = None,  # noqa: A002 - as subprocess.run calls it
        check: bool = True,
        timeout: float = 60.0,
        kubeconfig: Path | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run kubectl as the administrator, or with another kubeconfig."""
        command = [str(self.binaries.path("kubectl")), *map(str, arguments)]
        if namespace is not None:
            command.append(f"--namespace={namespace}")
        env = os.environ | self.env | ({"KUBECONFIG": str(kubeconfig)} if kubeconfig else {})
        done = subprocess.run(
            command,
            input=input,
            stdin=subprocess.DEVNULL if input is None else None,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            env=env,
        )
        if check and done.returncode:
            raise LocalClusterError(
                f"kubectl {' '.join(map(str, arguments))}: {done.stderr.strip()}"
            )
        return done

    def kubectl_json(self, *arguments: str, namespace: str | None = None) -> Json:
        """The same, with `-o json`, parsed."""
        return json.loads(self.kubectl(*arguments, "-o=json", namespace=namespace).stdout)

    def apply(self, manifests: Sequence[Mapping[str, Any]]) -> None:
        """Apply objects on the server's side, as the field manager `kubectl`.

        Without kubectl, which takes a third of a second of a core for it.
        """
        with self.client() as client:
            for each in manifests:
                path = path_of(client, each)
                try:
                    client.request("PATCH", f"{path}?fieldManager=kubectl", each,
                                   content_type=APPLY_PATCH)  # fmt: skip
                except KubeError as error:
                    raise LocalClusterError(f"{path} is not applied: {error}") from error

    def install_crds(self, folder: Path) -> None:
        """Apply the CRDs of a folder, and wait until the API server lists their resources.

        (`kubectl wait` fails on one that is so new that it has no conditions; and one that is
        established may answer 429 for a moment, while its storage is made.)
        """
        applied = self.kubectl_json("apply", "--server-side", f"--filename={folder}")
        with self.client() as client:
            for crd in applied.get("items", [applied]):
                path = resource_path(crd["spec"])
                if not wait_until(partial(api_ok, client, path), 30):
                    raise LocalClusterError(f"{path} is not served within 30 s.")

    def kubeconfig_for_service_account(
        self, namespace: str, name: str, *, seconds: int = 86400
    ) -> Path:
        """A kubeconfig with a new token of that service account."""
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token"
        body = {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenRequest",
            "spec": {"expirationSeconds": seconds},
        }
        try:
            with self.client() as client:
                token = client.request("POST", path, body)["status"]["token"]
        except (KubeError, KubeUnreachable) as error:
            raise LocalClusterError(f"No token for {namespace}/{name}: {error}") from error
        text = kubeconfig(server=self.server, ca_file=self.ca_file, token=token, user=name)
        return self._folder.write_private(f"kubeconfigs/sa-{namespace}-{name}.json", text)
