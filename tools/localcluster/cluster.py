"""The local cluster: a control plane, and beside it kwok, the fleet and Prometheus."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from localcluster import addons
from localcluster.administrator import Administrator
from localcluster.binaries import Binaries
from localcluster.components import Layout
from localcluster.errors import LocalClusterError
from localcluster.options import Options
from localcluster.processes import free_ports
from localcluster.provider import Provider
from localcluster.provider_kind import KindProvider
from localcluster.provider_process import ProcessProvider
from localcluster.runner import Runner
from localcluster.state import State, StateFolder
from pecrfleet import FleetClient

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


class LocalCluster(Administrator):
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
        super().__init__(StateFolder(workdir), Binaries(say=say))
        self.options = options or Options()
        self._detached = detached
        self._watchdog: subprocess.Popen[bytes] | None = None
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
        except BaseException:  # a Ctrl-C, too, must leave no process behind
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
        self._runner.hold(name)

    def resume_component(self, name: str) -> None:
        """Let it go on."""
        self._runner.resume(name)

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
