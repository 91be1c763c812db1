"""The state folder: which cluster is ours, and which processes belong to it."""

import contextlib
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from localcluster.errors import LocalClusterError

_MADE_BY = "pecr-localcluster"
_VERSION = 1


@dataclass(frozen=True)
class ProcessRecord:
    """A process of ours; its start time tells it from another that got its number later."""

    pid: int
    started: str


@dataclass
class State:
    """What is written to `state.json` while a cluster exists."""

    options: dict[str, Any]
    ports: dict[str, int] = field(default_factory=dict)
    processes: dict[str, ProcessRecord] = field(default_factory=dict)
    kind_cluster: str | None = None


class StateFolder:
    """A folder that holds one cluster's files, and nothing of anybody else's."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        self._file = self.root / "state.json"

    def __truediv__(self, name: str) -> Path:
        return self.root / name

    @property
    def in_use(self) -> bool:
        """Whether a cluster of ours is recorded here."""
        return self._file.exists()

    def claim(self) -> None:
        """Make the folder ours; refuse one that holds a cluster, or files that are not ours."""
        if self.in_use:
            self.load()
            raise LocalClusterError(
                f"A local cluster already uses {self.root}; end it with "
                f"`python -m localcluster down --state {self.root}` or choose another folder."
            )
        self.root.mkdir(parents=True, exist_ok=True)
        marker = self.root / ".made-by"
        foreign = sorted(path.name for path in self.root.iterdir() if path != marker)
        if foreign and not _is_ours(marker):
            raise LocalClusterError(
                f"{self.root} is not empty (it holds {foreign[0]}) and was not made by "
                "localcluster; choose an empty folder for the cluster's state."
            )
        self.root.chmod(0o700)
        marker.write_text(_MADE_BY + "\n")

    def load(self) -> State:
        """The recorded cluster; refuse a folder that records none of ours."""
        if not self.in_use or not _is_ours(self.root / ".made-by"):
            raise LocalClusterError(
                f"There is no cluster of localcluster's in {self.root}, and it touches no other; "
                f"start one with `python -m localcluster up --state {self.root}`."
            )
        try:
            content = json.loads(self._file.read_text())
            records = {k: ProcessRecord(**v) for k, v in content["processes"].items()}
            rest = {k: content[k] for k in ("options", "ports", "kind_cluster")}
        except (ValueError, KeyError, TypeError) as error:
            raise LocalClusterError(f"{self._file} cannot be read: {error}") from error
        return State(processes=records, **rest)

    def save(self, state: State) -> None:
        """Write the record whole, readable by its owner alone."""
        content: Mapping[str, Any] = {"made-by": _MADE_BY, "version": _VERSION} | asdict(state)
        self.write_private("state.json", json.dumps(content, indent=1))

    def forget(self) -> None:
        """There is no cluster here any more."""
        self._file.unlink(missing_ok=True)

    def write_private(self, name: str, text: str) -> Path:
        """Write a file that only its owner can read, replacing it in one step."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f".{path.name}.{os.getpid()}")
        with contextlib.suppress(FileNotFoundError):
            unfinished.unlink()
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as handle:
            handle.write(text)
        unfinished.replace(path)
        return path


def _is_ours(marker: Path) -> bool:
    return marker.is_file() and marker.read_text().strip() == _MADE_BY
