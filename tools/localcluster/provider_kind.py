"""The control plane by kind and Docker, where both are there."""

import base64
import json
import secrets
import shutil
import subprocess
from pathlib import Path
from typing import Any

from localcluster.components import Layout
from localcluster.credentials import USERS, kubeconfig
from localcluster.errors import LocalClusterError
from localcluster.provider import Access
from localcluster.state import State, StateFolder

_ACCOUNT = "pecr-localcluster"


class KindProvider:
    """A kind cluster with a name of its own; one that was there before is never touched."""

    tools: tuple[str, ...] = ()
    components: tuple[str, ...] = ()

    def __init__(self, folder: StateFolder, layout: Layout, state: State) -> None:
        self._folder, self._layout, self._state = folder, layout, state

    def start(self) -> Access:
        """Create the cluster, cordon its node, and make a token for what runs beside it."""
        _check_docker()
        name = f"pecr-{secrets.token_hex(4)}"
        # Recorded first, so that `down` finds a cluster that is only half made.
        self._state.kind_cluster = name
        self._folder.save(self._state)
        image = self._layout.options.kind_image
        kubeconfig_args = ("--kubeconfig", str(self._kind_kubeconfig), "--wait", "120s")
        image_args = ("--image", image) if image else ()
        _run("kind", "create", "cluster", "--name", name, *kubeconfig_args, *image_args)
        # PECR's image exists nowhere: pods are to run on kwok's nodes.
        self._kubectl("cordon", "--selector=type!=kwok")
        self._write_credentials(self._make_token())
        return self.access()

    def ready(self) -> None:
        """`kind create cluster --wait` has seen to it."""

    def access(self) -> Access:
        """With the token of the service account that `start` made."""
        server = (self._folder / "credentials" / "server").read_text()
        token = (self._folder / "credentials" / "admin.token").read_text()
        return Access(server, self._folder / "credentials" / "ca.crt", token)

    def stop(self) -> None:
        """Delete the cluster that `start` made, and no other."""
        if self._state.kind_cluster is not None:
            arguments = ("--kubeconfig", str(self._kind_kubeconfig))
            _run("kind", "delete", "cluster", "--name", self._state.kind_cluster, *arguments)
            self._state.kind_cluster = None

    @property
    def _kind_kubeconfig(self) -> Path:
        return self._folder / "kind.kubeconfig"

    def _kubectl(self, *arguments: str) -> str:
        program = str(self._layout.binary("kubectl"))
        return _run(program, f"--kubeconfig={self._kind_kubeconfig}", *arguments)

    def _make_token(self) -> str:
        place = ("--namespace=kube-system",)
        self._kubectl("create", "serviceaccount", _ACCOUNT, *place)
        subject = f"--serviceaccount=kube-system:{_ACCOUNT}"
        role = "--clusterrole=cluster-admin"
        self._kubectl("create", "clusterrolebinding", _ACCOUNT, role, subject)
        return self._kubectl("create", "token", _ACCOUNT, "--duration=48h", *place).strip()

    def _write_credentials(self, token: str) -> None:
        view = self._kubectl("config", "view", "--raw", "--minify", "-o=json")
        found: dict[str, Any] = json.loads(view)["clusters"][0]["cluster"]
        authority = base64.b64decode(found["certificate-authority-data"]).decode()
        ca_file = self._folder.write_private("credentials/ca.crt", authority)
        self._folder.write_private("credentials/server", found["server"])
        text = kubeconfig(server=found["server"], ca_file=ca_file, token=token, user=_ACCOUNT)
        for user in USERS:
            self._folder.write_private(f"credentials/{user}.token", token)
            relative = self._layout.kubeconfig(user).relative_to(self._folder.root)
            self._folder.write_private(str(relative), text)


def _check_docker() -> None:
    for program in ("docker", "kind"):
        if shutil.which(program) is None:
            raise LocalClusterError(
                f"--provider kind needs {program}, which is not on PATH; install it, or leave "
                "--provider out to use plain processes."
            )
    done = subprocess.run(["docker", "info"], capture_output=True, text=True, check=False)
    if done.returncode:
        raise LocalClusterError(
            "--provider kind needs a running Docker daemon, and `docker info` finds none; start "
            "it, or leave --provider out to use plain processes."
        )


def _run(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        reason = (done.stderr.strip() or done.stdout.strip() or "no output").splitlines()[-1]
        raise LocalClusterError(f"{Path(command[0]).name} {command[1]} failed: {reason}")
    return done.stdout
