"""Faults of the API server itself, which hit all cases of a group at once."""

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from localcluster import LocalCluster
from pecrfleet.kube import KubeClient, KubeError, KubeUnreachable

AWAY_STATUS = (429, 500, 503)
AWAY = 60.0
"""Seconds that our own requests wait for an API server that is being restarted."""
EVERY = 20.0
"""Seconds between two of them: the controllers need the API server to roll pods at all."""
CRD = "controllerrollouts.pecr.dev"


class Patient(KubeClient):
    """A client that waits while the API server is away: it is the operator that is tested."""

    def request(self, *arguments: Any, **more: Any) -> Any:  # noqa: ANN401  # as its parent's
        """Send one request, again and again until there is an answer."""
        deadline = time.monotonic() + AWAY
        while True:
            try:
                return super().request(*arguments, **more)
            except (KubeUnreachable, KubeError) as error:
                away = isinstance(error, KubeUnreachable) or error.status in AWAY_STATUS
                if not away or time.monotonic() > deadline:
                    raise
            time.sleep(0.2)


class Again:
    """Does something to all again and again, from the first fallback of each case on."""

    def __init__(self, what: Callable[[], object], cases: int) -> None:
        self.count = 0
        self._what = what
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="again", daemon=True)
        self._begun = threading.Barrier(cases, action=self._thread.start)

    def __call__(self, taken: int) -> None:
        """Begin, once all cases are there."""
        if taken == 1:
            self._begun.wait(300)

    def _run(self) -> None:
        while not self._over.wait(EVERY):
            self._what()
            self.count += 1

    def close(self) -> None:
        """End it."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join(120)


def update_crd(cluster: LocalCluster) -> None:
    """Change the schema of the resource: the API server ends its watches and starts its storage."""
    path = "/spec/versions/0/schema/openAPIV3Schema/description"
    change = [{"op": "replace", "path": path, "value": f"as of {time.time()}"}]
    cluster.kubectl("patch", "crd", CRD, "--type=json", "-p", json.dumps(change))


class Restore:
    """Saves etcd at the first fallback of each case, and restores it at the second."""

    def __init__(self, cluster: LocalCluster, cases: int, path: Path) -> None:
        self.count = 0
        self._cluster, self._path = cluster, path
        self._saved = threading.Barrier(cases, action=lambda: cluster.save_etcd(path))
        self._restored = threading.Barrier(cases, action=self._restore)

    def _restore(self) -> None:
        self._cluster.restore_etcd(self._path)
        self.count += 1

    def __call__(self, taken: int) -> None:
        """Wait until all cases are as far."""
        (self._saved if taken == 1 else self._restored).wait(300)

    def close(self) -> None:
        """Nothing is left."""
