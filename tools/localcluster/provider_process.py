"""The control plane as plain processes of this machine."""

import json
import shutil
import subprocess
from pathlib import Path

from localcluster import components, probes
from localcluster.components import Layout
from localcluster.credentials import (
    USERS,
    kubeconfig,
    make_tokens,
    signing_key_pem,
    token_csv,
)
from localcluster.errors import LocalClusterError
from localcluster.manifests import AUDIT_POLICY
from localcluster.provider import Access
from localcluster.runner import Runner
from localcluster.state import StateFolder
from pecrfleet.kube import KubeClient

_CONTROLLERS = ("kube-controller-manager", "kube-scheduler")


class ProcessProvider:
    """etcd, kube-apiserver, kube-controller-manager and kube-scheduler."""

    tools: tuple[str, ...] = ("etcd", "kube-apiserver", *_CONTROLLERS, "etcdctl", "etcdutl")
    components: tuple[str, ...] = ("etcd", "kube-apiserver", *_CONTROLLERS)

    def __init__(self, folder: StateFolder, layout: Layout, runner: Runner) -> None:
        self._folder, self._layout, self._runner = folder, layout, runner

    def start(self) -> Access:
        """Credentials, etcd, the API server; the controllers are only launched."""
        self._write_credentials()
        self.start_component("etcd")
        self.start_component("kube-apiserver")
        for user in USERS:
            self._write_kubeconfig(user)
        for name in _CONTROLLERS:
            self._runner.launch(name, self._command(name))
        return self.access()

    def ready(self) -> None:
        """The controllers are ready, and have made the first service account."""
        for name in _CONTROLLERS:
            self._wait(name)
        account = "/api/v1/namespaces/default/serviceaccounts/default"
        with self._client() as client:
            self._runner.wait("kube-controller-manager", lambda: probes.api_ok(client, account))

    def access(self) -> Access:
        """As the user `admin`."""
        token = (self._folder / "credentials" / "admin.token").read_text()
        return Access(self._layout.server, self._layout.ca_file, token)

    def stop(self) -> None:
        """Everything at once: nothing here has to be saved."""
        self._runner.stop(self.components, grace=0.5)

    def start_component(self, name: str) -> None:
        """Start one and wait until it is ready."""
        self._runner.launch(name, self._command(name))
        self._wait(name)

    def save_etcd(self, path: Path) -> None:
        """Write a snapshot of etcd's data."""
        self._run_etcd_tool("etcdctl", f"--endpoints={self._layout.url('etcd')}", "save", path)

    def restore_etcd(self, path: Path) -> None:
        """Put a snapshot in the place of etcd's data; the API server is down meanwhile."""
        if not path.is_file():
            raise LocalClusterError(f"There is no etcd snapshot {path}.")
        # The controllers too: what they remember would be of a future that never was.
        self._runner.stop(self.components, grace=0.5)
        data = self._folder / "etcd"
        shutil.rmtree(data)
        # Revisions go up, never back: watchers notice that their past is gone, and list anew.
        bump = ("--bump-revision=1000000000", "--mark-compacted")
        self._run_etcd_tool("etcdutl", f"--data-dir={data}", "restore", path, *bump)
        for name in self.components:
            self.start_component(name)

    def _run_etcd_tool(self, tool: str, where: str, verb: str, path: Path, *more: str) -> None:
        program = self._layout.binary(tool)
        done = subprocess.run(
            [program, where, "snapshot", verb, str(path), *more],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            reason = (done.stderr.strip() or done.stdout.strip()).splitlines()[-1:]
            raise LocalClusterError(f"etcd's snapshot {verb} of {path} failed: {reason}")

    def _write_credentials(self) -> None:
        tokens = make_tokens()
        self._folder.write_private("credentials/tokens.csv", token_csv(tokens))
        for user, token in tokens.items():
            self._folder.write_private(f"credentials/{user}.token", token)
        self._folder.write_private("credentials/service-accounts.key", signing_key_pem())
        policy = self._layout.options.audit_policy or AUDIT_POLICY
        self._folder.write_private("audit-policy.json", json.dumps(policy))

    def _write_kubeconfig(self, user: str) -> None:
        token = (self._folder / "credentials" / f"{user}.token").read_text()
        text = kubeconfig(
            server=self._layout.server, ca_file=self._layout.ca_file, token=token, user=user
        )
        relative = self._layout.kubeconfig(user).relative_to(self._folder.root)
        self._folder.write_private(str(relative), text)

    def _command(self, name: str) -> list[str]:
        builders = {
            "etcd": components.etcd,
            "kube-apiserver": components.apiserver,
            "kube-controller-manager": components.controller_manager,
            "kube-scheduler": components.scheduler,
        }
        return builders[name](self._layout)

    def _wait(self, name: str) -> None:
        port = self._layout.ports[name]
        if name == "etcd":
            self._runner.wait(name, lambda: probes.http_ok(port, "/health"))
        elif name == "kube-apiserver":
            certificate = self._layout.ca_file
            self._runner.wait(name, lambda: probes.certificate_ok(certificate))
            with self._client() as client:
                self._runner.wait(name, lambda: probes.api_ok(client, "/readyz"))
        else:
            certificate = self._folder / "certs" / f"{name}.crt"
            self._runner.wait(name, lambda: probes.http_ok(port, "/healthz", certificate))

    def _client(self) -> KubeClient:
        access = self.access()
        return KubeClient(access.server, access.ca_file, access.token)
