"""The local cluster: a control plane, and beside it kwok, the fleet and Prometheus."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from localcluster import addons
from localcluster.binaries import Binaries
from localcluster.components import Layout
from localcluster.credentials import kubeconfig
from localcluster.discovery import path_of, resource_path
from localcluster.errors import LocalClusterError
from localcluster.options import Options
from localcluster.probes import api_ok
from localcluster.processes import free_ports, wait_until
from localcluster.provider import Access, Provider
from localcluster.provider_kind import KindProvider
from localcluster.provider_process import ProcessProvider
from localcluster.runner import Runner
from localcluster.state import State, StateFolder
from pecrfleet import FleetClient
from pecrfleet.jsontypes import Json
from pecrfleet.kube import APPLY_PATCH, KubeClient, KubeError, KubeUnreachable

_PORTS = (
    "etcd",
    "etcd-peer",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kwok",
    "prometheus",
    "fleet",
)
_STOP_SECONDS = 0.5
_TEMPORARY = ("etcd", "prometheus", "certs", "credentials", "kubeconfigs", "cache")


class LocalCluster:
    """One cluster, with all that it has in one folder."""

    def __init__(
        self,
        workdir: Path,
        options: Options | None = None,
        *,
        say: Callable[[str], None] = lambda _: None,
        detached: bool = False,
    ) -> None:
        """Nothing is started yet.

        Args:
            workdir: The state folder: empty, new, or left by an earlier cluster of ours.
            options: What the cluster is to be like.
            say: Is told what takes long.
            detached: The cluster outlives this process, for `attach` to find it.
        """
        self.options = options or Options()
        self.binaries = Binaries(say=say)
        self._folder = StateFolder(workdir)
        self._detached = detached
        self._watchdog: subprocess.Popen[bytes] | None = None
        self._access: Access | None = None
        self._state = State(options=self.options.to_json())
        self._assemble()

    @classmethod
    def attach(cls, workdir: Path) -> Self:
        """The cluster that runs from this folder; it keeps running when this object is gone."""
        state = StateFolder(workdir).load()
        cluster = cls(workdir, Options.from_json(state.options), detached=True)
        cluster._state = state
        cluster._assemble()
        cluster._access = cluster._provider.access()
        return cluster

    def _assemble(self) -> None:
        self._runner = Runner(self._folder, self._state, self.options.start_timeout)
        self._layout = Layout(
            root=self._folder.root,
            ports=self._state.ports,
            options=self.options,
            binary=self.binaries.path,
        )
        self._provider: Provider
        if self.options.provider == "kind":
            self._provider = KindProvider(self._folder, self._layout, self._state)
        else:
            self._provider = ProcessProvider(self._folder, self._layout, self._runner)

    # Its life.

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start everything, and return when it is ready for work."""
        self.binaries.ensure((*self._provider.tools, *addons.tools(self.options), "kubectl"))
        self._folder.claim()
        self._remove_data()
        shutil.rmtree(self._folder / "logs", ignore_errors=True)
        ports, kept = free_ports(len(_PORTS))
        self._state.ports.update(zip(_PORTS, ports, strict=True))
        self._folder.save(self._state)
        with kept:
            self._start_components()

    def _start_components(self) -> None:
        try:
            self._start_watchdog()
            self._access = self._provider.start()
            addons.prepare(self._folder, self._layout, self._access)
            for name in addons.names(self.options):
                self._runner.launch(name, addons.command(name, self._layout, self._access))
            self._provider.ready()
            with self.client() as client:
                addons.join_nodes(client, self.options, self._runner)
            for name in addons.names(self.options):
                self._runner.wait(name, addons.readiness(name, self._layout))
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End exactly what was started; data and secrets go, the logs stay."""
        if not self._folder.in_use:
            return
        # Nothing of theirs is kept, so none is given long.
        self._runner.stop(self.expected_components, grace=_STOP_SECONDS)
        self._provider.stop()
        self._folder.forget()
        if self._watchdog is not None and self._watchdog.stdin is not None:
            self._watchdog.stdin.close()
            self._watchdog.wait()
            self._watchdog = None
        self._remove_data()
        self._state.processes.clear()

    def _start_watchdog(self) -> None:
        if self._detached:
            return
        self._watchdog = subprocess.Popen(
            [sys.executable, "-P", "-m", "localcluster.watchdog", str(self._folder.root)],
            stdin=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])},
            start_new_session=True,
        )

    def _remove_data(self) -> None:
        for name in _TEMPORARY:
            shutil.rmtree(self._folder / name, ignore_errors=True)

    # How to reach it.

    @property
    def workdir(self) -> Path:
        """The state folder."""
        return self._folder.root

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        return self._layout.kubeconfig("admin")

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

    @property
    def prometheus_url(self) -> str:
        """Prometheus's URL."""
        return self._layout.url("prometheus")

    @property
    def fleet_url(self) -> str:
        """The fleet's control API."""
        return self._layout.url("fleet")

    @property
    def fleet(self) -> FleetClient:
        """A client of the fleet's control API."""
        return FleetClient(self.fleet_url)

    @property
    def audit_log(self) -> Path:
        """The API server's audit log, written where the options ask for one."""
        return self._folder / "audit.log"

    @property
    def components(self) -> list[str]:
        """The names of the processes that run."""
        return self._runner.names

    @property
    def expected_components(self) -> list[str]:
        """The names of those that should run."""
        return [*self._provider.components, *addons.names(self.options)]

    @property
    def env(self) -> dict[str, str]:
        """Variables that point tools at this cluster."""
        return {
            "KUBECONFIG": str(self.kubeconfig),
            # kubectl and helm would write below the home folder.
            "KUBECACHEDIR": str(self._folder / "cache" / "kubectl"),
            "HELM_CACHE_HOME": str(self._folder / "cache" / "helm"),
            "HELM_CONFIG_HOME": str(self._folder / "cache" / "helm-config"),
            "HELM_DATA_HOME": str(self._folder / "cache" / "helm-data"),
            "PROMETHEUS_URL": self.prometheus_url,
            "PECR_FLEET_URL": self.fleet_url,
        }

    def binary(self, name: str) -> Path:
        """A program of the tool modules, for example helm; built now if it has to be."""
        return self.binaries.path(name)

    def log(self, component: str) -> Path:
        """A component's log."""
        return self._runner.log(component)

    def pid(self, component: str) -> int:
        """A component's process."""
        return self._runner.pid(component)

    def client(self) -> KubeClient:
        """A small client of the API server, as the administrator; to be closed, or used `with`."""
        return KubeClient(self.server, self.ca_file, self.token)

    @property
    def _reached(self) -> Access:
        if self._access is None:
            raise LocalClusterError("The cluster is not started.")
        return self._access

    # Working with it.

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
        command = [str(self.binary("kubectl")), *map(str, arguments)]
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

    # Breaking it.

    def stop_component(self, name: str) -> None:
        """End one process; what depends on it has to cope."""
        # An API server waits for its watches to end; nothing is lost when it is not let.
        self._runner.stop([name], grace=1.0 if name == "kube-apiserver" else 10.0)

    def start_component(self, name: str) -> None:
        """Start it again, on the same port and data, and wait until it is ready."""
        if name in addons.names(self.options):
            self._runner.launch(name, addons.command(name, self._layout, self._reached))
            self._runner.wait(name, addons.readiness(name, self._layout))
        else:
            self._control_plane().start_component(name)

    def pause_component(self, name: str) -> None:
        """Hold it (SIGSTOP): connections are accepted, and nothing is answered."""
        self._runner.signal(name, signal.SIGSTOP)

    def resume_component(self, name: str) -> None:
        """Let it go on."""
        self._runner.signal(name, signal.SIGCONT)

    def stop_apiserver(self) -> None:
        """End the API server."""
        self.stop_component("kube-apiserver")

    def start_apiserver(self) -> None:
        """Start it again."""
        self.start_component("kube-apiserver")

    def restart_apiserver(self) -> None:
        """Both, one after the other."""
        self.stop_apiserver()
        self.start_apiserver()

    def stop_prometheus(self) -> None:
        """End Prometheus; its data stays."""
        self.stop_component("prometheus")

    def start_prometheus(self) -> None:
        """Start it again."""
        self.start_component("prometheus")

    def restart_prometheus(self) -> None:
        """Both, one after the other."""
        self.stop_prometheus()
        self.start_prometheus()

    def save_etcd(self, path: Path) -> None:
        """Save everything that the API server holds."""
        self._control_plane().save_etcd(path)

    def restore_etcd(self, path: Path) -> None:
        """Go back to what was saved; the API server is restarted."""
        self._control_plane().restore_etcd(path)

    def _control_plane(self) -> ProcessProvider:
        if not isinstance(self._provider, ProcessProvider):
            raise LocalClusterError("This needs `--provider process`: kind's is not ours to break.")
        return self._provider
