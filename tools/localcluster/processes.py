"""Starting and ending the cluster's processes, and only those."""

import contextlib
import os
import random
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from localcluster.errors import LocalClusterError
from localcluster.state import ProcessRecord

_POLL_SECONDS = 0.02
_HELD_SECONDS = 10.0
_PORTS = range(20000, 32000)


def free_ports(count: int) -> tuple[list[int], contextlib.ExitStack]:
    """Loopback ports that nobody listens on now, and what keeps them for us until it is closed.

    They lie below the range that the kernel gives to outgoing connections, so that no client gets
    the port of a component that is down for a moment. Until the components listen, a UDP socket of
    the same number tells another cluster that starts at the same time that the port is taken.
    The order is the system's chance: a test library may have seeded ours alike in two processes.
    """
    found: list[int] = []
    with contextlib.ExitStack() as kept:
        for port in random.SystemRandom().sample(_PORTS, len(_PORTS)):
            with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
                claim = kept.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
                claim.bind(("127.0.0.1", port))
                found.append(port)
            if len(found) == count:
                return found, kept.pop_all()
    raise LocalClusterError(f"No {count} free ports from {_PORTS.start} to {_PORTS.stop}.")


def start(command: Sequence[str | Path], log: Path, env: Mapping[str, str]) -> ProcessRecord:
    """Start a process in a session of its own, so that a Ctrl-C here is not one there."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        process = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(env),
            cwd=log.parent,
            start_new_session=True,
        )
    # Children are reaped by `alive`; Popen's own complaint about a running child is not wanted.
    process.returncode = 0
    return ProcessRecord(pid=process.pid, started=_start_time(process.pid) or "")


def alive(record: ProcessRecord) -> bool:
    """Whether that very process still runs (a zombie does not)."""
    try:
        if os.waitpid(record.pid, os.WNOHANG) != (0, 0):
            return False
    except ChildProcessError:
        pass  # not a child of this process: another one started the cluster
    return record.started != "" and _start_time(record.pid) == record.started


def stop(records: Sequence[ProcessRecord], grace: float = 10.0) -> None:
    """Ask all of them to end, then make them; returns when they are gone."""
    for number, limit in ((signal.SIGTERM, grace), (signal.SIGKILL, 10.0)):
        running = [record for record in records if alive(record)]
        for record in running:
            send(record, signal.SIGCONT)
            send(record, number)
        if wait_until(lambda left=running: not any(map(alive, left)), limit):  # type: ignore[misc]
            return


def send(record: ProcessRecord, number: signal.Signals) -> None:
    """Signal that process if it is still the one."""
    if alive(record):
        try:
            os.kill(record.pid, number)
        except ProcessLookupError:
            return


def hold(record: ProcessRecord) -> bool:
    """Stop that process until it gets SIGCONT; tells whether each of its threads has stopped.

    The signal alone is not enough: a thread on another core may answer one more request.
    """
    send(record, signal.SIGSTOP)
    return wait_until(lambda: set(_states(record.pid)) <= {"T"}, _HELD_SECONDS)


def wait_until(condition: Callable[[], bool], timeout: float) -> bool:
    """Wait until the condition holds; false when it did not in time."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL_SECONDS)
    return True


def wait_ready(
    name: str, record: ProcessRecord, ready: Callable[[], bool], timeout: float, log: Path
) -> None:
    """Wait for a process to be ready; say why when it is not."""
    wait_until(lambda: ready() or not alive(record), timeout)
    if alive(record) and ready():
        return
    what = "did not become ready in time" if alive(record) else "ended at once"
    raise LocalClusterError(f"{name} {what}: {last_line(log)} (the whole log is {log})")


def last_line(log: Path) -> str:
    """The last thing that a log says, cut to a readable length."""
    lines = log.read_text(errors="replace").strip().splitlines() if log.exists() else []
    return lines[-1][-400:] if lines else "its log is empty"


def _states(pid: int) -> list[str]:
    """The states of a process's threads, one letter each."""
    if Path("/proc/self/stat").exists():
        found = map(_stat, Path(f"/proc/{pid}/task").glob("*/stat"))
        return [fields[0] for fields in found if fields]
    said = _ps("stat=", pid)
    return [said[0]] if said else []


def _stat(path: Path) -> list[str]:
    """What follows the name in parentheses, which may hold blanks; nothing if it is gone."""
    try:
        return path.read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def _start_time(pid: int) -> str | None:
    if Path("/proc/self/stat").exists():
        fields = _stat(Path(f"/proc/{pid}/stat"))
        return None if not fields or fields[0] in {"Z", "X"} else fields[19]
    state, _, started = _ps("stat=,lstart=", pid).partition(" ")
    return None if not started or state.startswith("Z") else started.strip()


def _ps(columns: str, pid: int) -> str:
    """What `ps` says of a process where there is no procfs; nothing if it is gone."""
    command = ["ps", "-o", columns, "-p", str(pid)]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
