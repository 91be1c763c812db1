"""A cluster of its own: started, attached to, and gone without a trace."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from localcluster import LocalCluster, LocalClusterError, Options, processes
from localcluster.state import StateFolder

pytestmark = pytest.mark.cluster
TOOLS = Path(__file__).parents[2] / "tools"
ENV = os.environ | {"PYTHONPATH": str(TOOLS)}
SMALL = ("--no-prometheus", "--nodes=1")
_CHILD = """
import sys, time
from pathlib import Path
from localcluster import LocalCluster, Options
LocalCluster(Path(sys.argv[1]), Options(prometheus=False, nodes=1)).start()
print("up", flush=True)
time.sleep(600)
"""


def _command(state, *arguments):
    name, *rest = arguments
    command = [sys.executable, "-m", "localcluster", name, f"--state={state}", *rest]
    return subprocess.run(command, capture_output=True, text=True, env=ENV, check=False)


def _nothing_runs_from(folder):
    commands = []
    for each in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            commands.append(each.read_bytes().decode(errors="replace"))
        except OSError:
            continue
    return not [each for each in commands if str(folder) in each]


def test_up_status_kubectl_down(tmp_path):
    state = tmp_path / "state"
    up = _command(state, "up", *SMALL)
    assert up.returncode == 0, up.stderr
    try:
        assert "kube-apiserver" in _command(state, "status").stdout
        again = _command(state, "up", *SMALL)
        assert again.returncode == 1
        assert "already uses" in again.stderr
        nodes = _command(state, "kubectl", "--", "get", "nodes", "-o=name")
        assert nodes.stdout == "node/kwok-1\n"
        exports = _command(state, "env").stdout
        assert f"export KUBECONFIG={state}/kubeconfigs/admin.json" in exports
        os.kill(LocalCluster.attach(state).pid("kwok"), signal.SIGKILL)
        status = _command(state, "status")
        assert (status.returncode, "not running kwok" in status.stdout) == (1, True)
    finally:
        down = _command(state, "down")
    assert down.returncode == 0, down.stderr
    assert _nothing_runs_from(state)
    assert sorted(each.name for each in state.iterdir()) == [
        ".made-by",
        "audit-policy.json",
        "logs",
        "prometheus.json",
    ]
    gone = _command(state, "down")
    assert (gone.returncode, "Traceback" in gone.stderr) == (1, False)
    assert "touches no other" in gone.stderr


def _run(*command):
    arguments = [sys.executable, "-m", "localcluster", "run", "--", *command]
    return subprocess.run(arguments, capture_output=True, text=True, env=ENV, check=False)


def test_run_gives_a_command_its_cluster_and_its_exit_status():
    told = _run("sh", "-c", 'echo "$PECR_LOCALCLUSTER_STATE"; kubectl get nodes -o name; exit 7')
    state, *nodes = told.stdout.split()
    try:
        assert told.returncode == 7
        assert len(nodes) == 4
        assert f"logs are in {state}" in told.stderr
        assert _nothing_runs_from(state)
    finally:
        shutil.rmtree(state)


def test_run_without_a_command_is_one_sentence():
    told = _run()
    assert (told.returncode, told.stderr.count("\n")) == (1, 1)
    assert "localcluster run -- COMMAND" in told.stderr


def test_nothing_outlives_the_process_that_started_it(tmp_path):
    state = tmp_path / "state"
    command = [sys.executable, "-c", _CHILD, str(state)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=ENV) as parent:
        assert parent.stdout.readline() == "up\n"
        records = StateFolder(state).load().processes
        assert len(records) == 6
        parent.kill()
    assert processes.wait_until(lambda: not StateFolder(state).in_use, 20)
    assert not any(processes.alive(each) for each in records.values())
    assert processes.wait_until(lambda: _nothing_runs_from(state), 5)


def test_etcd_goes_back_to_its_snapshot(tmp_path):
    options = Options(prometheus=False, fleet=False, nodes=1, audit=True)
    with LocalCluster(tmp_path / "state", options) as cluster:
        cluster.kubectl("create", "configmap", "before")
        cluster.save_etcd(tmp_path / "snapshot")
        cluster.kubectl("create", "configmap", "after")
        cluster.restore_etcd(tmp_path / "snapshot")
        names = cluster.kubectl("get", "configmaps", "-o=name").stdout.split()
        assert "configmap/before" in names
        assert "configmap/after" not in names
        # The controllers go on by themselves.
        cluster.kubectl("create", "namespace", "later")
        account = ("get", "serviceaccount", "default")
        assert processes.wait_until(
            lambda: cluster.kubectl(*account, namespace="later", check=False).returncode == 0, 20
        )
        with pytest.raises(LocalClusterError, match="no etcd snapshot"):
            cluster.restore_etcd(tmp_path / "absent")
        entries = [json.loads(line) for line in cluster.audit_log.read_text().splitlines()]
        assert {entry["user"]["username"] for entry in entries} >= {"admin", "kwok"}
    assert _nothing_runs_from(tmp_path / "state")


def test_a_component_that_cannot_start_is_explained(tmp_path):
    options = Options(prometheus=False, fleet=False, apiserver_args=("--no-such-flag",))
    with pytest.raises(LocalClusterError, match=r"^kube-apiserver ended at once: .*no-such-flag"):
        LocalCluster(tmp_path / "state", options).start()
    assert _nothing_runs_from(tmp_path / "state")
