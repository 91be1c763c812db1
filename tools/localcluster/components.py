"""The command lines of the cluster's processes: pure functions of where things are."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from localcluster.options import Options

Command = list[str]
STAGES = Path(__file__).parent / "stages"


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Where a cluster's files and ports are."""

    root: Path
    ports: Mapping[str, int]
    options: Options
    binary: Callable[[str], Path]

    def url(self, name: str, scheme: str = "http") -> str:
        """The loopback address of a component."""
        return f"{scheme}://127.0.0.1:{self.ports[name]}"

    @property
    def server(self) -> str:
        """The API server's address."""
        return self.url("kube-apiserver", "https")

    @property
    def ca_file(self) -> Path:
        """What the API server's certificate is signed by (it signs its own)."""
        return self.root / "certs" / "apiserver.crt"

    def kubeconfig(self, user: str) -> Path:
        """The kubeconfig of one of the cluster's own users."""
        return self.root / "kubeconfigs" / f"{user.replace(':', '-')}.json"


def etcd(at: Layout) -> Command:
    """One member without fsync: a local cluster's data is worth nothing after a power cut."""
    client, peer = at.url("etcd"), at.url("etcd-peer")
    return [
        str(at.binary("etcd")),
        f"--data-dir={at.root / 'etcd'}",
        "--name=local",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=local={peer}",
        "--unsafe-no-fsync",
        "--log-level=warn",
        "--auto-compaction-retention=5m",
        "--quota-backend-bytes=4294967296",
    ]


def apiserver(at: Layout) -> Command:
    """RBAC, default admission, tokens from a file, a certificate of its own making."""
    signing_key = at.root / "credentials" / "service-accounts.key"
    audit = [
        f"--audit-policy-file={at.root / 'audit-policy.json'}",
        f"--audit-log-path={at.root / 'audit.log'}",
        "--audit-log-maxsize=1000",
    ]
    return [
        str(at.binary("kube-apiserver")),
        f"--etcd-servers={at.url('etcd')}",
        "--bind-address=127.0.0.1",
        "--advertise-address=127.0.0.1",
        f"--secure-port={at.ports['kube-apiserver']}",
        f"--cert-dir={at.root / 'certs'}",
        "--authorization-mode=RBAC",
        f"--token-auth-file={at.root / 'credentials' / 'tokens.csv'}",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-key-file={signing_key}",
        f"--service-account-signing-key-file={signing_key}",
        "--service-cluster-ip-range=10.96.0.0/16",
        "--endpoint-reconciler-type=none",
        "--allow-privileged=true",
        "--profiling=false",
        *(audit if _audited(at.options) else []),
        *at.options.apiserver_args,
    ]


def controller_manager(at: Layout) -> Command:
    """The real controllers; never in a hurry to give up a node whose heartbeat is late."""
    return [
        str(at.binary("kube-controller-manager")),
        f"--kubeconfig={at.kubeconfig('system:kube-controller-manager')}",
        f"--service-account-private-key-file={at.root / 'credentials' / 'service-accounts.key'}",
        f"--root-ca-file={at.ca_file}",
        "--bind-address=127.0.0.1",
        f"--secure-port={at.ports['kube-controller-manager']}",
        f"--cert-dir={at.root / 'certs'}",
        "--leader-elect=false",
        "--controllers=*,-node-ipam-controller,-node-route-controller,-cloud-node-lifecycle-controller",
        "--kube-api-qps=300",
        "--kube-api-burst=600",
        "--concurrent-deployment-syncs=10",
        "--concurrent-replicaset-syncs=10",
        "--concurrent-namespace-syncs=20",
        "--namespace-sync-period=30s",
        "--node-monitor-grace-period=10m",
        "--horizontal-pod-autoscaler-sync-period=5s",
        *at.options.controller_manager_args,
    ]


def scheduler(at: Layout) -> Command:
    """The real scheduler."""
    return [
        str(at.binary("kube-scheduler")),
        f"--kubeconfig={at.kubeconfig('system:kube-scheduler')}",
        "--bind-address=127.0.0.1",
        f"--secure-port={at.ports['kube-scheduler']}",
        f"--cert-dir={at.root / 'certs'}",
        "--leader-elect=false",
        "--kube-api-qps=300",
        "--kube-api-burst=600",
    ]


def kwok(at: Layout) -> Command:
    """Nodes, and pods that are not PECR's."""
    return [
        str(at.binary("kwok")),
        f"--kubeconfig={at.kubeconfig('kwok')}",
        f"--config={STAGES / 'nodes.yaml'}",
        f"--config={STAGES / 'pods.yaml'}",
        "--manage-nodes-with-annotation-selector=kwok.x-k8s.io/node=fake",
        "--node-lease-duration-seconds=40",
        "--cidr=10.80.0.1/12",
        "--node-ip=10.79.0.1",
        f"--server-address=127.0.0.1:{at.ports['kwok']}",
        "--v=WARN",
    ]


def prometheus(at: Layout) -> Command:
    """A Prometheus that can be told to reload and to forget."""
    return [
        str(at.binary("prometheus")),
        f"--config.file={at.root / 'prometheus.json'}",
        f"--storage.tsdb.path={at.root / 'prometheus'}",
        "--storage.tsdb.retention.time=12h",
        f"--web.listen-address=127.0.0.1:{at.ports['prometheus']}",
        "--web.enable-lifecycle",
        "--web.enable-admin-api",
        # New pods are scraped a second after they are found, not five.
        "--scrape.discovery-reload-interval=1s",
        "--log.level=warn",
        *at.options.prometheus_args,
    ]


def fleet(at: Layout, python: str, server: str, ca_file: Path) -> Command:
    """The PECR fleet, with this very interpreter."""
    first, longest = at.options.crash_backoff
    return [
        python,
        "-P",
        "-m",
        "pecrfleet",
        f"--server={server}",
        f"--ca-file={ca_file}",
        f"--token-file={at.root / 'credentials' / 'pecr-fleet.token'}",
        f"--port={at.ports['fleet']}",
        f"--backoff-first={first}",
        f"--backoff-longest={longest}",
    ]


def _audited(options: Options) -> bool:
    return options.audit or options.audit_policy is not None
