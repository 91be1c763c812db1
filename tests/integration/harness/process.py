"""The operator as a process: started, stopped, killed and started again."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from integration.harness.account import account
from integration.harness.waiting import PATIENCE, wait_until
from localcluster import LocalCluster

ROOT = Path(__file__).parents[3]
GRACE = 20.0


class Zygote:
    """One process per session that operators are forked from.

    Attributes:
        kubeconfig: theirs, that of the shipped service account.
    """

    def __init__(self, cluster: LocalCluster) -> None:
        self.kubeconfig = account(cluster)
        self._environment = environment(cluster) | {"KUBECONFIG": str(self.kubeconfig)}
        self._lock = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-P", str(Path(__file__).with_name("zygote.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=self._environment,
        )
        said = self._read()
        assert said == "ready", said

    def fork(self, arguments: list[str], log: Path, ahead: float = 0.0) -> int:
        """Start an operator whose clock is `ahead` by some seconds; gives its pid."""
        asked = {"arguments": arguments, "environment": self._environment, "log": str(log)}
        return int(self._ask(asked | {"ahead": ahead}))

    def wait(self, pid: int) -> int:
        """Wait until one has ended; gives its exit status, negative for a signal."""
        return int(self._ask({"wait": pid}))

    def close(self) -> None:
        """End it, and with it all that it started."""
        with self._process:
            self._process.stdin.close()
            self._process.wait(GRACE)

    def _ask(self, asked: dict[str, Any]) -> str:
        with self._lock:
            self._process.stdin.write(json.dumps(asked) + "\n")
            self._process.stdin.flush()
            return self._read()

    def _read(self) -> str:
        line = self._process.stdout.readline()
        assert line, "the operators' zygote ended"
        return line.strip()


def environment(cluster: LocalCluster) -> dict[str, str]:
    """Give an operator's environment: this checkout, this cluster."""
    given = {**os.environ, **cluster.env, "PYTHONPATH": str(ROOT / "operator")}
    return given | {"PYTHONUNBUFFERED": "1"}


class Operator:
    """The operator of one namespace.

    Attributes:
        log: file of everything that it printed, all starts one after the other.
        starts: how often it was started.
        ahead: by how many seconds its wall clock is wrong.
    """

    def __init__(
        self, zygote: Zygote, cluster: LocalCluster, namespace: str, log: Path, *more: str
    ) -> None:
        self._zygote = zygote
        self.arguments = [
            *("run", "-n", namespace, "--prometheus-url", cluster.prometheus_url),
            *("--listen-host", "127.0.0.1", "--listen-port", "0", "--log-format", "json"),
            *more,
        ]
        self.log = log
        self.log.touch()
        self.starts = 0
        self.ahead = 0.0
        self._pid: int | None = None
        self._from = 0

    @property
    def running(self) -> bool:
        """Whether it was started, and not ended by us."""
        return self._pid is not None

    @property
    def pid(self) -> int:
        """Give its process, for who ends it from elsewhere."""
        assert self._pid is not None, "it does not run"
        return self._pid

    @property
    def zombie(self) -> bool:
        """Whether it has ended, and nobody asked how yet."""
        return _zombie(self.pid)

    def connect(self, kubeconfig: Path) -> None:
        """Let the next start of it reach the API server as another file says."""
        self.arguments += ["--kubeconfig", str(kubeconfig)]

    def reaped(self) -> int | None:
        """Give the exit status once, if it ended and not by us; then it can be started again."""
        if self._pid is None or not self.zombie:
            return None
        pid, self._pid = self._pid, None
        return self._zygote.wait(pid)

    def start(self, *, wait: bool = True) -> None:
        """Start it, and wait until it watches."""
        assert self._pid is None, "it runs already"
        self._from = self.log.stat().st_size
        self._pid = self._zygote.fork(self.arguments, self.log, self.ahead)
        self.starts += 1
        if wait:
            wait_until(self.ready, PATIENCE, lambda: f"the operator is not ready:\n{self.tail()}")

    def stop(self) -> int:
        """SIGTERM, as Kubernetes does; gives the exit status."""
        return self._end(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL, in the middle of whatever it does."""
        self._end(signal.SIGKILL)

    def ended(self) -> int:
        """Wait until it has ended by itself; gives the exit status."""
        assert self._pid is not None, "it does not run"
        pid, self._pid = self._pid, None
        with self._killed_if_late(pid):
            return self._zygote.wait(pid)

    def restart(self, *, kill: bool = True) -> None:
        """End it and start it again."""
        self._end(signal.SIGKILL if kill else signal.SIGTERM)
        self.start()

    def freeze(self) -> None:
        """SIGSTOP: it is there, and does nothing."""
        os.kill(self._pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT."""
        os.kill(self._pid, signal.SIGCONT)

    def _end(self, how: signal.Signals) -> int:
        assert self._pid is not None, "it does not run"
        os.kill(self._pid, how)
        return self.ended()

    @contextlib.contextmanager
    def _killed_if_late(self, pid: int) -> Iterator[None]:
        late = threading.Timer(GRACE, os.kill, (pid, signal.SIGKILL))
        late.start()
        try:
            yield
        finally:
            late.cancel()
            late.join()

    def port(self) -> int | None:
        """Give the port that this start of it serves, once it is known."""
        found = re.search(r"on port (\d+)", self._said())
        return int(found[1]) if found else None

    def ready(self) -> bool:
        """Tell whether it says that it works."""
        return self.port() is not None and self.get("/readyz")[0] == 200

    def get(self, path: str) -> tuple[int, str]:
        """Ask its HTTP surface; status 0 where it does not answer, or not yet."""
        port = self.port()
        if port is None:
            return 0, ""
        url = f"http://127.0.0.1:{port}{path}"
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def _said(self) -> str:
        with self.log.open(encoding="utf-8", errors="replace") as file:
            file.seek(self._from)
            return file.read()

    def lines(self) -> list[dict[str, Any]]:
        """Give its log, all starts, as objects; what is no JSON is a message of level RAW."""
        return [_parsed(line) for line in self.log.read_text(errors="replace").splitlines()]

    def faults(self) -> list[str]:
        """Give what a good run never logs: bugs, tracebacks, errors."""
        return [
            line.get("message", "") + line.get("exc_info", "")
            for line in self.lines()
            if line.get("level") in ("ERROR", "CRITICAL", "RAW") or "exc_info" in line
        ]

    def tail(self, count: int = 60) -> str:
        """Give the end of its log for people."""
        return "\n".join(
            f"{line.get('time', '')[11:]} {line.get('level', ''):7} {line.get('message', '')[:400]}"
            + (f"\n{line['exc_info']}" if "exc_info" in line else "")
            for line in self.lines()[-count:]
        )


def _zombie(pid: int) -> bool:
    state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    return state == "Z"


def _parsed(line: str) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError:
        found = None
    return found if isinstance(found, dict) else {"level": "RAW", "message": line}
