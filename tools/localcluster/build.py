"""Building the pinned tools: once, one builder at a time, with progress on a long build."""

import contextlib
import fcntl
import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from localcluster.errors import LocalClusterError
from localcluster.gotoolchain import GoToolchain, find_go
from localcluster.toolsets import Tool, ToolSet

Say = Callable[[str], None]
_PROGRESS_SECONDS = 15.0


@dataclass(frozen=True)
class Job:
    """One program to build, and the file that it becomes."""

    toolset: ToolSet
    tool: Tool
    target: Path


def build(jobs: Sequence[Job], cache: Path, say: Say) -> None:
    """Build the jobs whose target is not there; a second builder waits for the first."""
    with _lock(cache, say):
        missing = [job for job in jobs if not job.target.exists()]
        if not missing:
            return
        toolchain = find_go(cache, say)
        began = time.monotonic()
        for number, job in enumerate(missing, start=1):
            _build_one(job, toolchain, say, f"[{number} of {len(missing)}] {job.tool.name}")
        say(f"built {len(missing)} programs in {_elapsed(began)}")


@contextlib.contextmanager
def _lock(cache: Path, say: Say) -> Iterator[None]:
    try:
        cache.mkdir(parents=True, exist_ok=True)
        handle = (cache / ".lock").open("w")
    except OSError as error:
        raise LocalClusterError(
            f"The cache folder {cache} cannot be written ({error.strerror}); set "
            "PECR_LOCALCLUSTER_CACHE to one that can."
        ) from error
    with handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another build is running: waiting for it to finish")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _build_one(job: Job, toolchain: GoToolchain, say: Say, title: str) -> None:
    began = time.monotonic()
    say(f"{title}: reading its modules")
    total = len(_packages(job, toolchain))
    job.target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = job.target.with_name(f".{job.tool.name}.{os.getpid()}")
    try:
        _compile(job, toolchain, unfinished, _Progress(say, title, total, began))
        # The rename is what makes it visible: a broken build leaves nothing that looks whole.
        unfinished.replace(job.target)
    finally:
        unfinished.unlink(missing_ok=True)
    say(f"{title}: built in {_elapsed(began)}")


def _packages(job: Job, toolchain: GoToolchain) -> list[str]:
    command = [str(toolchain.go), "list", "-deps", "-tags", job.toolset.tags, job.tool.package]
    done = subprocess.run(
        command,
        cwd=job.toolset.folder,
        env=toolchain.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise _failure(job, done.stderr.splitlines())
    return done.stdout.splitlines()


def _compile(job: Job, toolchain: GoToolchain, output: Path, progress: "_Progress") -> None:
    arguments = ["build", "-v", *job.toolset.build_args, "-o", str(output), job.tool.package]
    process = subprocess.Popen(
        [toolchain.go, *arguments],
        cwd=job.toolset.folder,
        env=toolchain.environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    lines: list[str] = []
    try:
        with progress, process:
            for line in process.stderr or ():
                lines.append(line.rstrip())
                progress.done = len(lines)
    except BaseException:  # a Ctrl-C, too, must leave no compiler behind
        process.terminate()
        raise
    if process.returncode:
        raise _failure(job, lines)


def _failure(job: Job, lines: Sequence[str]) -> LocalClusterError:
    # `go build -v` names packages on stderr too; what went wrong is said last.
    reason = lines[-1].strip() if lines else "no output"
    return LocalClusterError(f"Building {job.tool.name} failed: {reason}")


class _Progress:
    """Says every few seconds how far a build is; plain lines, so no terminal is needed."""

    def __init__(self, say: Say, title: str, total: int, began: float) -> None:
        self.done = 0
        self._say, self._title, self._total, self._began = say, title, total, began
        self._finished = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._finished.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._finished.wait(_PROGRESS_SECONDS):
            self._say(
                f"{self._title}: compiled {self.done} packages, at most {self._total}, "
                f"{_elapsed(self._began)}"
            )


def _elapsed(began: float) -> str:
    minutes, seconds = divmod(round(time.monotonic() - began), 60)
    return f"{minutes} min {seconds:02d} s" if minutes else f"{seconds} s"
