"""The operator as a process under its own service account, and what the kernel says of it."""

import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from benchmarks.scale.world import ROOT
from prometheus_client.parser import text_string_to_metric_families

from localcluster import LocalCluster
from localcluster.processes import free_ports

TICKS_PER_SECOND: Final = os.sysconf("SC_CLK_TCK")
PREFIX: Final = "pecr_rollout_"
Samples = dict[tuple[str, tuple[tuple[str, str], ...]], float]
"""Values by name and labels."""


@dataclass(frozen=True)
class Cost:
    """What the process has used until now.

    Attributes:
        at: seconds, monotonic.
        user, system: seconds of CPU.
        memory: resident bytes.
        threads, files: how many it has.
    """

    at: float
    user: float
    system: float
    memory: int
    threads: int
    files: int


class Operator:
    """One operator for the whole cluster."""

    def __init__(self, cluster: LocalCluster, log: Path, profile: Path | None = None) -> None:
        """Nothing is started.

        Args:
            cluster: where it works.
            log: file of what it says.
            profile: file for what it spent its time on; it is slower then.
        """
        account = cluster.kubeconfig_for_service_account("pecr-system", "pecr-rollout-operator")
        [self._port], claim = free_ports(1)
        claim.close()
        profiled = ["-m", "cProfile", "-o", str(profile)] if profile else []
        self._command = [
            *(sys.executable, *profiled, "-m", "pecr_rollout", "run", "--all-namespaces"),
            *("--kubeconfig", str(account), "--prometheus-url", cluster.prometheus_url),
            *("--listen-host", "127.0.0.1", "--listen-port", str(self._port)),
        ]
        self._environment = os.environ | {
            "PYTHONPATH": str(ROOT / "operator"),
            "KUBECONFIG": str(account),  # kopf reads it for itself
        }
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        """Start it."""
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, env=self._environment, stdout=log, stderr=subprocess.STDOUT
            )
        return self

    def __exit__(self, *_: object) -> None:
        """End it, as Kubernetes does."""
        self._running.terminate()
        self._running.wait(30)

    @property
    def _running(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "it was not started"
        return self._process

    @property
    def pid(self) -> int:
        """Give its process id."""
        return self._running.pid

    def cost(self) -> Cost:
        """Ask the kernel what it has used until now."""
        assert self._running.poll() is None, f"the operator ended; see {self._log}"
        folder = Path(f"/proc/{self.pid}")
        fields = (folder / "stat").read_text().rpartition(")")[2].split()
        status = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())
        return Cost(
            time.monotonic(),
            int(fields[11]) / TICKS_PER_SECOND,
            int(fields[12]) / TICKS_PER_SECOND,
            int(status["VmRSS"].split()[0]) * 1024,
            int(status["Threads"]),
            len(list((folder / "fd").iterdir())),
        )

    def metrics(self) -> Samples:
        """Scrape it, as a Prometheus would; before it listens there is nothing."""
        return {
            (sample.name.removeprefix(PREFIX), tuple(sorted(sample.labels.items()))): sample.value
            for family in text_string_to_metric_families(self._scrape())
            for sample in family.samples
        }

    def judged(self) -> int:
        """Give how many it judges; tens of thousands of lines beside it are not read."""
        found = re.search(rf"^{PREFIX}judged (\S+)", self._scrape(), re.MULTILINE)
        return int(float(found[1])) if found else 0

    def _scrape(self) -> str:
        assert self._running.poll() is None, f"the operator ended; see {self._log}"
        url = f"http://127.0.0.1:{self._port}/metrics"
        try:
            with urllib.request.urlopen(url, timeout=30) as answer:
                text: str = answer.read().decode()
        except (ConnectionError, urllib.error.URLError):
            return ""
        return text


def total(samples: Samples, name: str) -> float:
    """Add up a metric's samples."""
    return sum(value for (found, _), value in samples.items() if found == name)
