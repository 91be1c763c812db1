"""One case's namespace: proxies before its operators, and somebody who starts them again."""

import contextlib
import os
import signal
import ssl
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.faults.plans import Plans
from benchmarks.faults.proxy import Loop, Proxy
from benchmarks.faults.shared import Patient

from integration.harness.account import by_way_of
from integration.harness.process import Operator, Zygote
from integration.harness.world import World
from localcluster import LocalCluster
from localcluster.pytest_plugin import TargetNamespace
from pecrfleet.kube import KubeUnreachable

LOOK_EVERY = 0.1
REFUSED = "pecr-rollout: cannot run: "
"""What it says where the API server gives no answer at its start; then it ends."""
BUG = "this is a bug of the operator"


@dataclass
class Ground:
    """What all cases share.

    Attributes:
        folder: for logs and kubeconfigs.
    """

    cluster: LocalCluster
    zygote: Zygote
    loop: Loop
    folder: Path


@dataclass
class Guarded:
    """An operator with its proxies.

    Attributes:
        exits: how often it ended with which status.
    """

    operator: Operator
    api: Proxy
    prometheus: Proxy
    exits: Counter[int] = field(default_factory=Counter)

    def end(self, how: signal.Signals) -> None:
        """End it by a signal; who guards it starts it again."""
        if self.operator.running:
            os.kill(self.operator.pid, how)

    def bugs(self) -> list[str]:
        """Give what no fault excuses: what it calls a bug itself, and tracebacks."""
        wrong = [one for one in self.operator.lines() if _wrong(one["level"], one["message"])]
        return [one["message"] + one.get("exc_info", "") for one in wrong]


def _wrong(level: str, message: str) -> bool:
    """Tell a bug or a traceback from a line that a kill cut and from a refused start."""
    said = message.startswith(("{", REFUSED))
    return BUG in message or (level == "RAW" and not said)


class Setting:
    """A world in which every operator is started again whenever it ends, as a kubelet would.

    Attributes:
        world: its namespace; its operator is the first one.
        guarded: the operators.
    """

    def __init__(self, ground: Ground, namespace: TargetNamespace, plans: Sequence[Plans]) -> None:
        self.ground = ground
        self.guarded = [
            self._operator(namespace.name, number, each) for number, each in enumerate(plans)
        ]
        cluster = ground.cluster
        client = Patient(cluster.server, cluster.ca_file, cluster.token)
        self.world = World(namespace, self.guarded[0].operator, client)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._guard, name=namespace.name, daemon=True)

    def _operator(self, namespace: str, number: int, plans: Plans) -> Guarded:
        ground, cluster = self.ground, self.ground.cluster
        stem = ground.folder / f"{namespace}-{number}"
        operator = Operator(ground.zygote, cluster, namespace, stem.with_suffix(".log"))
        tls = ssl.create_default_context(cafile=str(cluster.ca_file))
        api = Proxy(cluster.server, plans.api, tls=tls)
        prometheus = Proxy(cluster.prometheus_url, plans.prometheus)
        for proxy in (api, prometheus):
            ground.loop.run(proxy.start())
        guarded = Guarded(operator, api, prometheus)
        api.end = guarded.end
        place = operator.arguments.index("--prometheus-url") + 1
        operator.arguments[place] = prometheus.url
        config = stem.with_suffix(".kubeconfig")
        config.write_text(by_way_of(api.url, ground.zygote.kubeconfig))
        operator.connect(config)
        operator.ahead = plans.ahead
        return guarded

    def start(self) -> None:
        """Start the operators, all at once."""
        for one in self.guarded:
            one.operator.start(wait=False)
        self._thread.start()

    def _guard(self) -> None:
        while not self._over.wait(LOOK_EVERY):
            for one in self.guarded:
                status = one.operator.reaped()
                if status is not None:
                    one.exits[status] += 1
                    one.operator.start(wait=False)

    def close(self) -> None:
        """End everything."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join(30)
        for one in self.guarded[1:]:
            if one.operator.running:
                one.operator.kill()
        self.world.close()
        for one in self.guarded:
            for proxy in (one.api, one.prometheus):
                self.ground.loop.run(proxy.stop())


@contextlib.contextmanager
def set_up(ground: Ground, name: str, plans: Sequence[Plans]) -> Iterator[Setting]:
    """Make a namespace for a case, and delete it after."""
    namespace = TargetNamespace(ground.cluster, name)
    namespace.create()
    setting = Setting(ground, namespace, plans)
    try:
        yield setting
    finally:
        setting.close()
        with contextlib.suppress(KubeUnreachable):  # the API server may be away just now
            namespace.clear()
