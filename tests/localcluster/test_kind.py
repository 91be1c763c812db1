"""The kind provider, against stand-ins that write down how they were called."""

import json
import stat

import pytest

from localcluster import LocalCluster, LocalClusterError, Options
from localcluster.components import Layout
from localcluster.provider_kind import KindProvider
from localcluster.state import State, StateFolder

_VIEW = json.dumps(
    {"clusters": [{"cluster": {"server": "https://x:1", "certificate-authority-data": "Q0E="}}]}
)


@pytest.fixture
def calls(tmp_path, monkeypatch):
    """What was called, with stand-ins for docker, kind and kubectl first on PATH."""
    log = tmp_path / "calls"
    for name in ("docker", "kind", "kubectl"):
        program = tmp_path / "bin" / name
        program.parent.mkdir(exist_ok=True)
        answer = (
            f"""case "$*" in *"config view"*) echo '{_VIEW}';; *"create token"*) echo tok;; esac"""
        )
        program.write_text(f'#!/bin/sh\necho {name} "$@" >> {log}\n{answer}\n')
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    return lambda: log.read_text().splitlines()


@pytest.fixture
def provider(tmp_path):
    folder = StateFolder(tmp_path / "state")
    folder.claim()
    layout = Layout(
        root=folder.root,
        ports={},
        options=Options(provider="kind", kind_image="node:1"),
        binary=lambda name: tmp_path / "bin" / name,
    )
    return KindProvider(folder, layout, State(options={}))


def test_makes_a_cluster_with_a_name_of_its_own(provider, calls, tmp_path):
    access = provider.start()
    assert (access.server, access.token) == ("https://x:1", "tok")
    assert access.ca_file.read_text() == "CA"
    config = tmp_path / "state" / "kubeconfigs" / "kwok.json"
    assert stat.S_IMODE(config.stat().st_mode) == 0o600
    name = StateFolder(tmp_path / "state").load().kind_cluster
    assert name.startswith("pecr-")
    create = next(each for each in calls() if "create cluster" in each)
    assert f"--name {name}" in create
    assert f"--kubeconfig {tmp_path}/state/kind.kubeconfig" in create
    assert "--image node:1" in create
    assert any("cordon --selector=type!=kwok" in each for each in calls())


def test_deletes_only_what_it_made(provider, calls):
    provider.stop()
    provider.start()
    provider.stop()
    deletions = [each for each in calls() if "delete cluster" in each]
    assert len(deletions) == 1
    assert "--name pecr-" in deletions[0]


def test_without_a_daemon_it_is_one_sentence(provider, tmp_path, calls):
    docker = tmp_path / "bin" / "docker"
    docker.write_text("#!/bin/sh\nexit 1\n")
    with pytest.raises(LocalClusterError, match="needs a running Docker daemon"):
        provider.start()


def test_its_control_plane_is_not_ours_to_break(tmp_path):
    cluster = LocalCluster(tmp_path / "state", Options(provider="kind"))
    with pytest.raises(LocalClusterError, match="--provider process"):
        cluster.start_apiserver()
