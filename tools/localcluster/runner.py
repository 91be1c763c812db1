"""The cluster's own processes: launched, awaited, recorded, ended."""

import os
import signal
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from localcluster import processes
from localcluster.errors import LocalClusterError
from localcluster.state import ProcessRecord, State, StateFolder


class Runner:
    """Keeps `state.json` equal to what runs, so that another process can end it."""

    def __init__(self, folder: StateFolder, state: State, timeout: float) -> None:
        self._folder, self._state, self._timeout = folder, state, timeout
        # Nothing of the user's own configuration reaches a component, and nothing is written to it.
        self._env = {
            "HOME": str(folder.root),
            "PATH": os.environ.get("PATH", ""),
            "PYTHONPATH": str(Path(__file__).parents[1]),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONUNBUFFERED": "1",
            "GOGC": "400",  # memory is there; a fifth of the API server's time went on collecting
        }

    @property
    def names(self) -> list[str]:
        """The processes that run."""
        return [name for name, each in self._state.processes.items() if processes.alive(each)]

    def pid(self, name: str) -> int:
        """The number of a process that was launched."""
        return self._state.processes[name].pid

    def log(self, name: str) -> Path:
        """Where a process writes what it has to say."""
        return self._folder / "logs" / f"{name}.log"

    def launch(self, name: str, command: Sequence[str]) -> None:
        """Start a process and record it; does not wait."""
        if name in self.names:
            raise LocalClusterError(f"{name} runs already.")
        self._state.processes[name] = processes.start(command, self.log(name), self._env)
        self._folder.save(self._state)

    def wait(self, name: str, ready: Callable[[], bool]) -> None:
        """Wait until a launched process is ready."""
        record = self._state.processes[name]
        processes.wait_ready(name, record, ready, self._timeout, self.log(name))

    def stop(self, names: Iterable[str], grace: float = 10.0) -> None:
        """End these and wait until they are gone."""
        found = {name: self._state.processes.get(name) for name in names}
        processes.stop([record for record in found.values() if record], grace)
        for name in found:
            self._state.processes.pop(name, None)
        self._folder.save(self._state)

    def hold(self, name: str) -> None:
        """Hold one, until it is resumed."""
        if not processes.hold(self._running(name)):
            raise LocalClusterError(f"{name} could not be held.")

    def resume(self, name: str) -> None:
        """Let one go on."""
        processes.send(self._running(name), signal.SIGCONT)

    def _running(self, name: str) -> ProcessRecord:
        record = self._state.processes.get(name)
        if record is None or not processes.alive(record):
            raise LocalClusterError(f"{name} does not run.")
        return record
