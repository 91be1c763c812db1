"""Under the rights of the table, and nothing more, everything works; and each right is used."""

import pytest

from cluster.builders import EXISTING
from cluster.conftest import Requests, Scene
from cluster.test_kept import report, snapshot
from pecr_rollout.api.status import Status
from pecr_rollout.cluster.connection import open_api
from pecr_rollout.cluster.events import Announcement, announce
from pecr_rollout.cluster.observe import observe_all
from pecr_rollout.cluster.permissions import PERMISSIONS
from pecr_rollout.cluster.preflight import preflight
from pecr_rollout.cluster.status import write_status
from pecr_rollout.lifecycle.actions import (
    AcquireLocks,
    AddFinalizer,
    ApplyClone,
    DropSnapshot,
    MarkIncident,
    ReleaseLocks,
    RemoveClone,
    RemoveFinalizer,
    StampTemplate,
    TakeSnapshot,
    WriteFlags,
    WriteReport,
)
from pecr_rollout.lifecycle.observation import Severity

pytestmark = pytest.mark.cluster

ENGINE = "PECR_CONTROLLER_ENGINE"
SUBJECTS = ("configmap/pecr-controller-env", "deployment/pecr-controller")


def role(namespace):
    name = {"name": "operator", "namespace": namespace}
    rbac = "rbac.authorization.k8s.io"
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": name},
        {"apiVersion": f"{rbac}/v1", "kind": "Role", "metadata": name,
         "rules": [permission.rule for permission in PERMISSIONS]},
        {"apiVersion": f"{rbac}/v1", "kind": "RoleBinding", "metadata": name,
         "roleRef": {"apiGroup": rbac, "kind": "Role", "name": "operator"},
         "subjects": [{"kind": "ServiceAccount", **name}]},
    ]  # fmt: skip


async def everything(scene):
    """Do everything that a run may do."""
    await scene.do(AddFinalizer(), AcquireLocks(SUBJECTS), TakeSnapshot(snapshot()))
    await scene.do(TakeSnapshot(snapshot()), TakeSnapshot(snapshot("abcdef0123")))
    await scene.do(ApplyClone({ENGINE: "rlm"}, 1), ApplyClone({ENGINE: "baseline"}, 1))
    await scene.insist(
        lambda c: WriteFlags(c.environment.name, c.environment.uid,
                             c.environment.resource_version, {ENGINE: "rlm"})
    )  # fmt: skip
    await scene.insist(
        lambda c: StampTemplate(c.target.name, c.target.uid, c.target.resource_version, "h")
    )
    await scene.do(MarkIncident(SUBJECTS, "i"), WriteReport(report()), WriteReport(report("x")))
    assert await announce(scene.api, scene.read(), Announcement("k", "R", "m", at=0.0))
    await write_status(scene.api, scene.read(), Status())
    await scene.do(RemoveClone(), MarkIncident(SUBJECTS, None), ReleaseLocks(SUBJECTS))
    await scene.do(DropSnapshot(), RemoveFinalizer())


async def test_under_its_own_service_account(localcluster, namespace, crd):
    namespace.install_target(replicas=3, env={"PECR_RLM_SANDBOX_ACK": "true"})
    namespace.install_target(name="pecr-controller-next", replicas=1)
    localcluster.apply(role(namespace.name))
    kubeconfig = localcluster.kubeconfig_for_service_account(namespace.name, "operator")
    requests = Requests()
    async with open_api(str(kubeconfig), count=requests) as api:
        scene = Scene(api, namespace)
        rollout = scene.create("other", canary=EXISTING)
        await scene.observe(rollout)
        rollout = scene.create()
        found = await preflight(api, rollout, await scene.settled(rollout))
        assert [f for f in found if f.severity is Severity.ERROR] == []
        assert [one async for one, _ in observe_all(api, [rollout])] == [rollout]
        await everything(scene)
    refused = {seen for seen in requests.seen if seen[2] in (401, 403)}
    assert refused == set()
    used = {(plural, verb) for verb, plural, _ in requests.seen}
    granted = {(p.resource.plural, verb) for p in PERMISSIONS for verb in p.verbs}
    by_the_runtime = {(p.resource.plural, "watch") for p in PERMISSIONS}
    by_the_runtime |= {("controllerrollouts", "list")}
    assert granted - used <= by_the_runtime
