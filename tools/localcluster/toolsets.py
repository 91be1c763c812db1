"""What is built: module sets, their programs, versions and build recipe, as data."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

MODULES = Path(__file__).parent / "modules"

_KUBERNETES = "1.36.3"
_PROMETHEUS = "3.15.1"
_HELM = "4.3.1"
_ACTIONLINT = "1.7.12"
_COMPONENT_VERSION = "k8s.io/component-base/version"
# Of the service discoveries only Kubernetes: the clouds' SDKs would double the build.
_PROMETHEUS_TAGS = "remove_all_sd,enable_kubernetes_sd"


@dataclass(frozen=True, kw_only=True)
class Tool:
    """One program, and how to ask a found one which version it is."""

    name: str
    package: str
    version_args: tuple[str, ...]
    version_pattern: str


@dataclass(frozen=True, kw_only=True)
class ToolSet:
    """The programs that are built from one pinned Go module."""

    name: str
    tools: tuple[Tool, ...]
    version_flags: tuple[str, ...] = ()
    tags: str = ""

    @property
    def folder(self) -> Path:
        """Where its go.mod and go.sum are."""
        return MODULES / self.name

    @property
    def build_args(self) -> tuple[str, ...]:
        """The recipe: what `go build` is given besides output and package."""
        flags = " ".join(("-s", "-w", *(f"-X {flag}" for flag in self.version_flags)))
        return ("-trimpath", "-buildvcs=false", "-tags", self.tags, "-ldflags", flags)

    def key(self, *, os_name: str, arch: str) -> str:
        """The name of its cache folder: it changes whenever a build could differ."""
        digest = hashlib.sha256()
        for name in ("go.mod", "go.sum"):
            digest.update((self.folder / name).read_bytes() + b"\0")
        recipe = [self.build_args, [(t.name, t.package) for t in self.tools], os_name, arch]
        digest.update(json.dumps(recipe).encode())
        return f"{self.name}-{digest.hexdigest()[:16]}"


def _kubernetes(name: str) -> Tool:
    args = ("version", "--client") if name == "kubectl" else ("--version",)
    return Tool(
        name=name,
        package=f"k8s.io/kubernetes/cmd/{name}",
        version_args=args,
        version_pattern=r"v1\.36\.\d+",
    )


def _etcd(name: str, package: str, args: tuple[str, ...]) -> Tool:
    return Tool(
        name=name,
        package=f"go.etcd.io/etcd/{package}/v3",
        version_args=args,
        version_pattern=r"(?i)version: 3\.6\.\d+",
    )


def _prometheus(name: str) -> Tool:
    return Tool(
        name=name,
        package=f"github.com/prometheus/prometheus/cmd/{name}",
        version_args=("--version",),
        version_pattern=rf"{name}, version 3\.\d+",
    )


TOOLSETS = (
    ToolSet(
        name="kubernetes",
        tools=tuple(
            _kubernetes(name)
            for name in ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl")
        ),
        version_flags=(
            f"{_COMPONENT_VERSION}.gitVersion=v{_KUBERNETES}",
            f"{_COMPONENT_VERSION}.gitMajor=1",
            f"{_COMPONENT_VERSION}.gitMinor=36",
            f"{_COMPONENT_VERSION}.gitTreeState=clean",
        ),
    ),
    ToolSet(
        name="etcd",
        tools=(
            _etcd("etcd", "server", ("--version",)),
            _etcd("etcdctl", "etcdctl", ("version",)),
            _etcd("etcdutl", "etcdutl", ("version",)),
        ),
    ),
    ToolSet(
        name="kwok",
        tools=(
            Tool(
                name="kwok",
                package="sigs.k8s.io/kwok/cmd/kwok",
                version_args=("--version",),
                version_pattern=r"v?0\.8\.\d+",
            ),
        ),
    ),
    ToolSet(
        name="prometheus",
        tools=(_prometheus("prometheus"), _prometheus("promtool")),
        version_flags=(f"github.com/prometheus/common/version.Version={_PROMETHEUS}",),
        tags=_PROMETHEUS_TAGS,
    ),
    ToolSet(
        name="helm",
        tools=(
            Tool(
                name="helm",
                package="helm.sh/helm/v4/cmd/helm",
                version_args=("version", "--short"),
                version_pattern=r"v4\.\d+",
            ),
        ),
        version_flags=(f"helm.sh/helm/v4/internal/version.version=v{_HELM}",),
    ),
    ToolSet(
        name="lint",
        tools=(
            Tool(
                name="actionlint",
                package="github.com/rhysd/actionlint/cmd/actionlint",
                version_args=("-version",),
                version_pattern=r"\b1\.7\.\d+",
            ),
        ),
        version_flags=(f"github.com/rhysd/actionlint.version={_ACTIONLINT}",),
    ),
)


def find_tool(name: str) -> tuple[ToolSet, Tool]:
    """The tool of that name, with the set that it is built in; KeyError if there is none."""
    for toolset in TOOLSETS:
        for tool in toolset.tools:
            if tool.name == name:
                return toolset, tool
    raise KeyError(name)
