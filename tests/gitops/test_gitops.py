"""A GitOps tool re-applies Git every other second, through a whole run with a fallback."""

import json
import os
import shlex
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import yaml

from install.operated import completed, environment, wait_for
from pecr_demo.stage import REPLICAS, faulty, mended
from pecr_packaging.render import ROOT
from pecrfleet import target_manifests

pytestmark = pytest.mark.cluster

CLIENT = ("apply",)
SERVER = ("apply", "--server-side", "--field-manager=argocd-controller", "--force-conflicts")
ENGINE = "PECR_CONTROLLER_ENGINE"
NEXT = "pecr-controller-next"
HOW = {"client-side": CLIENT, "server-side": SERVER}
EXISTING = {
    "canary": {
        "mode": "Existing",
        "existing": {"deployment": NEXT, "configMap": f"{NEXT}-env"},
        "steps": [{"hold": "6s"}],
    }
}
FLEET = {
    "canary": {"mode": "Fleet", "steps": [{"hold": "6s"}]},
    "baseline": {"source": "Recorded"},
}
MODES = {"Managed": {}, "Existing": EXISTING, "Fleet": FLEET}
ROLLS = {"Managed": 2, "Existing": 2, "Fleet": 5}
"""ReplicaSets of the fleet: in Fleet mode each setting of a fallback is one."""


class Git:
    """What is in Git, synced again and again."""

    def __init__(self, namespace, how, mode) -> None:
        self.namespace, self.how = namespace, how
        body = yaml.safe_load((ROOT / "manifests/samples/demo/rollout.yaml").read_text())
        body["metadata"]["namespace"] = namespace.name
        target = target_manifests(namespace.name, replicas=REPLICAS, with_namespace=False)
        body["spec"] |= mode
        if "existing" in body["spec"]["canary"]:
            target += target_manifests(namespace.name, name=NEXT, replicas=2,
                                       with_namespace=False, with_service=False)  # fmt: skip
        self.objects = [*target, body]
        self.syncs, self.failures = 0, []
        self.ended, self.turn = threading.Event(), threading.Lock()

    def sync(self) -> None:
        with self.turn:  # a tool syncs once at a time, and then what is in Git now
            text = json.dumps({"apiVersion": "v1", "kind": "List", "items": self.objects})
            done = self.namespace.kubectl(*self.how, "-f", "-", input=text, check=False)
        self.syncs += 1
        if done.returncode:
            self.failures.append(done.stderr)

    def keep_syncing(self) -> None:
        while not self.ended.wait(2):
            self.sync()


@pytest.fixture
def git(crd, namespace, how, mode) -> Iterator[Git]:
    git = Git(namespace, HOW[how], MODES[mode])
    git.sync()
    thread = threading.Thread(target=git.keep_syncing)
    thread.start()
    yield git
    git.ended.set()
    thread.join()


@contextmanager
def operator(namespace, log):
    cluster = namespace.cluster
    program = [sys.executable, "-m", "pecr_rollout", "run", f"--namespace={namespace.name}"]
    program += [f"--prometheus-url={cluster.prometheus_url}", "--listen-port=0"]
    given = os.environ | environment(cluster, cluster.kubeconfig)
    with log.open("w") as file:
        process = subprocess.Popen(program, env=given, stdout=file, stderr=subprocess.STDOUT)
        try:
            yield
        finally:
            process.terminate()
            process.wait(timeout=20)


@pytest.mark.parametrize(
    ("how", "mode"),
    [("client-side", "Managed"), ("server-side", "Managed"), ("client-side", "Existing"),
     ("server-side", "Fleet")],
)  # fmt: skip
def test_neither_side_fights(git, namespace, tmp_path, mode):
    log = tmp_path / "operator.log"
    namespace.scenario(faulty())
    namespace.wait_ready()
    before = pods(namespace)
    with operator(namespace, log):
        where = (namespace.cluster, namespace.name)
        two = lambda s: len((s.get("fallback") or {}).get("taken", [])) == 2  # noqa: E731
        status = wait_for(*where, two, log)
        if mode != "Fleet":
            assert pods(namespace) == before, "a cohort's fallback restarts nothing of the fleet"
        namespace.scenario(mended())
        namespace.kubectl(*shlex.split(status["incident"]["command"])[1:])
        done = wait_for(*where, completed, log, 180)
    git.ended.set()
    assert git.failures == []
    assert git.syncs > 5
    assert done["run"] == 2
    data = namespace.kubectl_json("get", "configmap", "pecr-controller-env")["data"]
    assert data[ENGINE] == "rlm"
    target = namespace.kubectl_json("get", "deployment", "pecr-controller")
    assert "pecr.dev/environment-hash" in target["spec"]["template"]["metadata"]["annotations"]
    sets = namespace.kubectl_json("get", "replicasets")["items"]
    mine = [
        one for one in sets if one["metadata"]["ownerReferences"][0]["name"] == "pecr-controller"
    ]
    assert len(mine) <= ROLLS[mode], "the fleet is rolled by a change only"
    assert next(c for c in done["conditions"] if c["type"] == "Drifted")["status"] == "False"


@pytest.mark.parametrize(("how", "mode"), [(how, "Managed") for how in HOW])
def test_a_flag_left_in_git_is_refused_and_handed_over(git, namespace, tmp_path):
    """With the hand-over of docs/gitops.md as its cure."""
    log = tmp_path / "operator.log"
    config_map = next(one for one in git.objects if one["kind"] == "ConfigMap")
    config_map["data"][ENGINE] = "baseline"
    git.sync()
    namespace.scenario(mended())
    namespace.wait_ready()
    with operator(namespace, log):
        where = (namespace.cluster, namespace.name)
        told = wait_for(*where, lambda s: ENGINE in s.get("message", ""), log)
        assert told["phase"] == "Pending"
        assert "docs/gitops.md" in told["message"]
        del config_map["data"][ENGINE]
        git.sync()
        text = (ROOT / "docs/gitops.md").read_text().replace("\\\n", " ")
        [command] = [line.strip() for line in text.splitlines() if "--field-manager=" in line]
        namespace.kubectl(*(w for w in shlex.split(command)[1:] if w not in ("-n", "pecr")))
        wait_for(*where, lambda s: s.get("phase") == "Canary", log)
    git.ended.set()
    data = namespace.kubectl_json("get", "configmap", "pecr-controller-env")["data"]
    assert data[ENGINE] == "baseline", "handed over, with its value"


def pods(namespace):
    return sorted(
        p.uid for p in namespace.fleet.pods(namespace.name) if p.deployment == "pecr-controller"
    )
