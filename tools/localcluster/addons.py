"""What runs beside any control plane: kwok with its nodes, the fleet, Prometheus."""

import json
import sys
from collections.abc import Callable

from localcluster import components, probes
from localcluster.components import Layout
from localcluster.manifests import node
from localcluster.options import Options
from localcluster.prometheus import prometheus_config
from localcluster.provider import Access
from localcluster.runner import Runner
from localcluster.state import StateFolder
from pecrfleet.kube import KubeClient, KubeError

_CONFLICT = 409


def names(options: Options) -> list[str]:
    """The processes, as the options want them."""
    wanted = {"kwok": True, "fleet": options.fleet, "prometheus": options.prometheus}
    return [name for name, is_wanted in wanted.items() if is_wanted]


def tools(options: Options) -> list[str]:
    """The programs that they need (the fleet is Python)."""
    return [name for name in names(options) if name != "fleet"]


def prepare(folder: StateFolder, layout: Layout, access: Access) -> None:
    """Write their configurations."""
    config = prometheus_config(
        server=access.server,
        ca_file=access.ca_file,
        token_file=folder / "credentials" / "prometheus.token",
        fleet_address=f"127.0.0.1:{layout.ports['fleet']}",
        scrape_interval=layout.options.scrape_interval,
        extra=layout.options.extra_scrape_configs,
    )
    folder.write_private("prometheus.json", json.dumps(config, indent=1))


def command(name: str, layout: Layout, access: Access) -> list[str]:
    """A process's command line."""
    if name == "fleet":
        return components.fleet(layout, sys.executable, access.server, access.ca_file)
    return {"kwok": components.kwok, "prometheus": components.prometheus}[name](layout)


def readiness(name: str, layout: Layout) -> Callable[[], bool]:
    """How to ask whether it is ready."""
    paths = {"kwok": "/readyz", "fleet": "/healthz", "prometheus": "/-/ready"}
    return lambda: probes.http_ok(layout.ports[name], paths[name])


def join_nodes(client: KubeClient, options: Options, runner: Runner) -> None:
    """Create kwok's nodes, and wait until pods can be scheduled to all of them."""
    for number in range(1, options.nodes + 1):
        try:
            client.request("POST", "/api/v1/nodes", node(number))
        except KubeError as error:
            if error.status != _CONFLICT:
                raise
    runner.wait("kwok", lambda: _schedulable(client) >= options.nodes)


def _schedulable(client: KubeClient) -> int:
    found = client.get("/api/v1/nodes", labelSelector="type=kwok")
    return sum(
        not each["spec"].get("taints")
        and any(
            c["type"] == "Ready" and c["status"] == "True" for c in each["status"]["conditions"]
        )
        for each in found["items"]
        if each["status"].get("conditions")
    )
