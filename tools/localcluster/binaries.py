"""Where the programs are: KUBEBUILDER_ASSETS, the cache, PATH, or built."""

import os
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from localcluster.build import Job, build
from localcluster.errors import LocalClusterError
from localcluster.gotoolchain import host_os_arch
from localcluster.toolsets import TOOLSETS, Tool, ToolSet, find_tool


def default_cache(environ: Mapping[str, str] = os.environ) -> Path:
    """The folder that built programs are kept in."""
    chosen = environ.get("PECR_LOCALCLUSTER_CACHE")
    if chosen:
        return Path(chosen).expanduser()
    return Path(environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "pecr-localcluster"


class Binaries:
    """Finds each program once; builds those that are nowhere."""

    def __init__(
        self,
        cache: Path | None = None,
        say: Callable[[str], None] = lambda _: None,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self.cache = cache or default_cache(environ)
        self._say = say
        self._environ = environ
        self._found: dict[str, Path] = {}

    def path(self, name: str) -> Path:
        """The program of that name, built now if it has to be."""
        self.ensure([name])
        return self._found[name]

    def ensure(self, names: Sequence[str] | None = None) -> dict[str, Path]:
        """Find all of these programs (every one there is, by default), building the missing."""
        wanted = names if names is not None else [t.name for s in TOOLSETS for t in s.tools]
        jobs: list[Job] = []
        for name in wanted:
            toolset, tool = _known(name)
            if name not in self._found and not self._find(toolset, tool):
                jobs.append(Job(toolset, tool, self._cached(toolset, tool)))
        if jobs:
            build(jobs, self.cache, self._say)
            self._found |= {job.tool.name: job.target for job in jobs}
        return {name: self._found[name] for name in wanted}

    def _find(self, toolset: ToolSet, tool: Tool) -> bool:
        assets = self._environ.get("KUBEBUILDER_ASSETS")
        given = Path(assets) / tool.name if assets else None
        cached = self._cached(toolset, tool)
        if given and fits(tool, given):
            self._found[tool.name] = given
        elif cached.exists():
            self._found[tool.name] = cached
        else:
            on_path = shutil.which(tool.name, path=self._environ.get("PATH"))
            if on_path and fits(tool, Path(on_path)):
                self._found[tool.name] = Path(on_path)
        return tool.name in self._found

    def _cached(self, toolset: ToolSet, tool: Tool) -> Path:
        os_name, arch = host_os_arch()
        return self.cache / toolset.key(os_name=os_name, arch=arch) / "bin" / tool.name


def fits(tool: Tool, program: Path) -> bool:
    """Whether a program that was found is of the version that is wanted."""
    if not os.access(program, os.X_OK):
        return False
    try:
        done = subprocess.run(
            [program, *tool.version_args],
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    said = done.stdout + done.stderr
    return done.returncode == 0 and re.search(tool.version_pattern, said) is not None


def _known(name: str) -> tuple[ToolSet, Tool]:
    try:
        return find_tool(name)
    except KeyError:
        known = ", ".join(tool.name for toolset in TOOLSETS for tool in toolset.tools)
        raise LocalClusterError(f"There is no tool {name!r}; there are {known}.") from None
