"""The chart on the real API server: dry runs of its matrix, and a release's whole life."""

import json
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from install.operated import NAME, command, completed, operating, status_of, wait_for
from install.test_chart import FOREIGN, MATRIX, URL
from localcluster import LocalCluster
from localcluster.errors import LocalClusterError
from pecr_demo.stage import REPLICAS, faulty, mended
from pecr_packaging.render import API, CHART, NAMESPACE, ROOT, load, render
from pecrfleet import target_manifests

TARGET = "helm-target"
VALUES = URL | {"watch": {"namespaces": [TARGET]}}
HOOK = f"{NAME}-uninstall"

pytestmark = [pytest.mark.cluster, pytest.mark.xdist_group("install")]

Helm = Callable[..., str]


@pytest.fixture(scope="module")
def helm(localcluster: LocalCluster) -> Helm:
    def run(*arguments: str, check: bool = True) -> str:
        done = subprocess.run(
            [localcluster.binary("helm"), *arguments, f"--namespace={NAMESPACE}"],
            env=os.environ | localcluster.env, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr if done.returncode == 0 else f"failed: {done.stderr}"

    return run


@pytest.fixture(scope="module")
def target(localcluster: LocalCluster) -> Iterator[LocalCluster]:
    """A namespace with the strictest Pod Security for the operator, and a fleet beside it."""
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    system = {"apiVersion": "v1", "kind": "Namespace"}
    localcluster.apply([system | {"metadata": {"name": NAMESPACE, "labels": labels}}])
    localcluster.apply(target_manifests(TARGET, replicas=REPLICAS))
    localcluster.fleet.set_scenario(TARGET, faulty())
    yield localcluster
    # The next installation has the same namespace: it has to be gone.
    localcluster.kubectl("delete", "namespace", TARGET, NAMESPACE)


@pytest.mark.parametrize("name", MATRIX)
def test_the_api_server_takes_it_strictly(localcluster, crd, target, name):
    for place in ("a", "b"):
        localcluster.kubectl("create", "namespace", place, check=False)
    rendered = render(localcluster.binary("helm"), URL | MATRIX[name], f"--api-versions={API}")
    objects = [one for one in rendered if one["kind"] not in FOREIGN]
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": objects})
    strict = ("--server-side", "--dry-run=server", "--validate=strict", "--force-conflicts")
    said = localcluster.kubectl("apply", *strict, "-f", "-", input=text)
    assert len(said.stdout.splitlines()) == len(objects)
    assert "violate PodSecurity" not in said.stderr


def test_a_release_from_install_to_uninstall(helm, target, tmp_path):
    log, values = tmp_path / "operator.log", tmp_path / "values.json"
    values.write_text(json.dumps(VALUES))
    target.kubectl("delete", "crd", "controllerrollouts.pecr.dev", "--ignore-not-found")
    old = older_chart(tmp_path)
    said = helm("install", NAME, str(old), f"--values={values}", "--wait", "--timeout=90s")
    assert "Cohort" not in columns(target)
    assert f"kubectl get controllerrollouts -n {TARGET}" in said
    assert re.search(r"Phase: +Succeeded", helm("test", NAME, "--timeout=60s"))
    with operating(target, log):
        target.apply([rollout()])
        wait_for(target, TARGET, lambda s: bool(s.get("incident")), log)
    before = status_of(target, TARGET)

    upgrade = ("upgrade", NAME, str(CHART), f"--values={values}")
    helm(*upgrade, "--set=log.verbose=true", "--wait", "--timeout=90s")
    assert "Cohort" in columns(target), "the resource is upgraded with the release"
    after = status_of(target, TARGET)
    assert after["run"] == before["run"]
    assert after["incident"]["id"].rpartition("-")[0] == before["incident"]["id"].rpartition("-")[0]

    check_the_hook_refuses(target)
    stuck = ("--set=nodeSelector.nowhere=x", "--set=uninstall.timeoutSeconds=10")
    helm(*upgrade, *stuck)
    assert "failed" in helm("uninstall", NAME, "--timeout=60s", check=False)
    assert target.kubectl("get", "deployment", NAME, namespace=NAMESPACE).returncode == 0
    helm("rollback", NAME, "2", "--wait", "--timeout=90s")  # as docs/upgrade.md says
    helm(*upgrade, "--wait", "--timeout=90s")

    target.fleet.set_scenario(TARGET, mended())
    with operating(target, log):
        settled = wait_for(
            target, TARGET, lambda s: len((s.get("fallback") or {}).get("taken", [])) >= 1, log
        )
        words = shlex.split(settled["incident"]["command"])
        target.kubectl(*words[1:], "--as=admin", "--as-group=system:masters")
        wait_for(target, TARGET, completed, log, 180)
    helm("uninstall", NAME, "--wait", "--timeout=60s")
    assert status_of(target, TARGET)["phase"] == "Completed"
    target.kubectl("delete", "cro", "--all", "--timeout=20s", namespace=TARGET)
    left = target.kubectl("get", "validatingadmissionpolicies,clusterroles", "-oname").stdout
    assert NAME not in left


def older_chart(folder: Path) -> Path:
    """A chart with an older resource: one printer column less."""
    old = shutil.copytree(CHART, folder / "chart")
    [crd] = load((old / "files/crd.yaml").read_text())
    [version] = crd["spec"]["versions"]
    shown = version["additionalPrinterColumns"]
    version["additionalPrinterColumns"] = [one for one in shown if one["name"] != "Cohort"]
    (old / "files/crd.yaml").write_text(json.dumps(crd))
    return old


def columns(cluster: LocalCluster) -> list[str]:
    crd = cluster.kubectl_json("get", "crd", "controllerrollouts.pecr.dev")
    [version] = crd["spec"]["versions"]
    return [one["name"] for one in version["additionalPrinterColumns"]]


def rollout():
    body = yaml.safe_load((ROOT / "manifests/samples/demo/rollout.yaml").read_text())
    body["metadata"]["namespace"] = TARGET
    return body


def hook(cluster: LocalCluster, values: dict) -> subprocess.CompletedProcess[str]:
    """Do what the hook's Job does, under the hook's service account and rights."""
    objects = [
        one
        for one in render(cluster.binary("helm"), VALUES | values)
        if one["metadata"]["name"] == HOOK
    ]
    [job] = [one for one in objects if one["kind"] == "Job"]
    rights = [one for one in objects if one["kind"] != "Job"]
    cluster.apply(rights)
    [container] = job["spec"]["template"]["spec"]["containers"]
    account = job["spec"]["template"]["spec"]["serviceAccountName"]
    program, given = command(cluster, account, container["args"])
    done = subprocess.run(program, env=given, capture_output=True, text=True, check=False)
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": rights})
    cluster.kubectl("delete", "-f", "-", input=text)
    return done


def check_the_hook_refuses(cluster: LocalCluster) -> None:
    done = hook(cluster, {})
    assert done.returncode == 2, done.stderr
    assert f"{TARGET}/rlm-engine  Fallback" in done.stdout
    assert "1 unfinished" in done.stderr


def test_an_uninstall_that_is_forced_wedges_nothing(helm, target, tmp_path):
    log, values = tmp_path / "operator.log", tmp_path / "values.json"
    values.write_text(json.dumps(VALUES | {"uninstall": {"unfinished": "Release"}}))
    target.fleet.set_scenario(TARGET, mended())
    flags = json.dumps({"data": {"PECR_CONTROLLER_ENGINE": "rlm"}})
    ours = ("--field-manager=pecr-rollout", "--type=merge", "-p", flags)
    target.kubectl("patch", "configmap", "pecr-controller-env", *ours, namespace=TARGET)
    helm("uninstall", NAME, "--no-hooks", "--ignore-not-found")
    target.kubectl("delete", "crd", "controllerrollouts.pecr.dev", "--ignore-not-found")
    helm("install", NAME, str(CHART), f"--values={values}", "--wait", "--timeout=90s")
    with operating(target, log):
        body = rollout()
        body["metadata"]["name"] = "forced"
        body["spec"]["flagDelta"] = {"engine": "baseline"}
        target.apply([body])
        target.kubectl(
            "wait", "cro/forced", "--for=jsonpath={.status.phase}=Canary", "--timeout=60s",
            namespace=TARGET, timeout=70,
        )  # fmt: skip
    helm("uninstall", NAME, "--wait", "--timeout=60s")
    assert target.kubectl_json("get", "cro", "forced", namespace=TARGET)["metadata"]["finalizers"]
    done = hook(target, {"uninstall": {"unfinished": "Release"}})
    assert done.returncode == 0, done.stderr
    assert f"released {TARGET}/forced" in done.stdout
    target.kubectl("delete", "cro", "forced", "--timeout=20s", namespace=TARGET)
    with pytest.raises(LocalClusterError, match="not found"):
        target.kubectl("get", "cro", "forced", namespace=TARGET)
