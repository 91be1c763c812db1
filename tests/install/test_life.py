"""Installed with `kubectl apply -k`: a whole life under the shipped role, seen in the audit log."""

import json
import shlex
from collections.abc import Iterator

import pytest
import yaml

from install.operated import NAME, completed, operating, wait_for
from localcluster import LocalCluster
from pecr_demo.stage import REPLICAS, faulty, mended
from pecr_packaging.render import NAMESPACE, ROOT
from pecr_rollout.cluster.permissions import ELECTION, PERMISSIONS
from pecrfleet import target_manifests

TARGET = "pecr"
OWNER = "oncall@example.com"
AFTER_A_RESTART = {
    (("apps", "controllerrevisions", ""), "get"),
    (("coordination.k8s.io", "leases", ""), "list"),
}
"""A snapshot that is there already is read, and many locks at once are listed;
tests/cluster/test_permissions.py has that."""

pytestmark = [pytest.mark.cluster, pytest.mark.xdist_group("install")]


@pytest.fixture(scope="module")
def installed(localcluster: LocalCluster, crd: None) -> Iterator[LocalCluster]:
    localcluster.apply(target_manifests(TARGET, replicas=REPLICAS))
    localcluster.fleet.set_scenario(TARGET, faulty())
    for folder in ("namespaced", "policies/fill-in"):
        localcluster.kubectl("apply", "-k", str(ROOT / "manifests" / folder))
    role = "--clusterrole=pecr-rollout-operator-acknowledge"
    localcluster.kubectl(
        "create", "rolebinding", "oncall", role, f"--user={OWNER}", namespace=TARGET
    )
    wait = ("rollout", "status", f"deployment/{NAME}", "--timeout=60s")
    localcluster.kubectl(*wait, namespace=NAMESPACE)  # restricted: its pod was admitted
    yield localcluster
    for folder in ("policies/fill-in", "namespaced"):
        localcluster.kubectl("delete", "-k", str(ROOT / "manifests" / folder))
    localcluster.kubectl("delete", "namespace", TARGET, "--wait=false")


def test_fallback_acknowledgement_promotion(installed, tmp_path):
    log, earlier = tmp_path / "operator.log", installed.audit_log.stat().st_size
    body = yaml.safe_load((ROOT / "manifests/samples/demo/rollout.yaml").read_text())
    body["spec"]["rollbackOwner"]["subjects"] = {"users": [OWNER]}
    with operating(installed, log):
        installed.apply([body])
        wait_for(installed, TARGET, lambda s: s.get("phase") == "Fallback", log)
        cleared = wait_for(
            installed, TARGET, lambda s: len((s.get("fallback") or {}).get("taken", [])) == 2, log
        )
        command = shlex.split(cleared["incident"]["command"])
        refused = installed.kubectl(*command[1:], "--as=somebody@example.com", check=False)
        assert refused.returncode != 0
        installed.fleet.set_scenario(TARGET, mended())
        installed.kubectl(*command[1:], f"--as={OWNER}")
        done = wait_for(installed, TARGET, completed, log, 180)
    assert OWNER in [entry.get("by") for entry in done["history"]]
    assert done["run"] == 2
    check_audit(installed, earlier)
    check_metadata(installed)


def check_metadata(cluster: LocalCluster) -> None:
    metadata = cluster.kubectl_json("get", "cro", "rlm-engine", namespace=TARGET)["metadata"]
    assert metadata["annotations"]["pecr.dev/acknowledged-by"] == OWNER
    assert "finalizers" not in metadata


def check_audit(cluster: LocalCluster, earlier: int) -> None:
    """Every rule of the role is used by such a life, and nothing is refused.

    What stands before `earlier`, a size, is other tests': their operators have the same name, and
    some go on while they are uninstalled.
    """
    user = f"system:serviceaccount:{NAMESPACE}:{NAME}"
    with cluster.audit_log.open() as log:
        log.seek(earlier)
        lines = [json.loads(line) for line in log]
    events = [each for each in lines if each["user"]["username"] == user and "objectRef" in each]
    refused = [
        (each["verb"], each["objectRef"], each["responseStatus"])
        for each in events
        if each.get("responseStatus", {}).get("code") in (401, 403)
    ]
    assert refused == []
    places = {each["objectRef"].get("namespace") for each in events}
    assert places - {None} == {TARGET, NAMESPACE}
    for permissions, place in ((PERMISSIONS, TARGET), (ELECTION, NAMESPACE)):
        used = {
            (seen(each["objectRef"]), each["verb"])
            for each in events
            if each["objectRef"].get("namespace") == place
        }
        granted = {
            ((p.resource.group, p.resource.plural, p.subresource), verb)
            for p in permissions
            for verb in p.verbs
        }
        assert granted - used <= AFTER_A_RESTART, "granted and never used"


def seen(ref: dict[str, str]) -> tuple[str, str, str]:
    return ref.get("apiGroup", ""), ref["resource"], ref.get("subresource", "")
