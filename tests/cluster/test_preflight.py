"""The checks that ask the API server, each good and bad; and a good start in every mode."""

import json

import pytest

from cluster.builders import EXISTING
from cluster.conftest import until
from pecr_rollout.cluster.connection import open_api
from pecr_rollout.cluster.observe import observe
from pecr_rollout.cluster.preflight import preflight
from pecr_rollout.lifecycle.actions import ApplyClone, WriteFlags
from pecr_rollout.lifecycle.observation import Severity

pytestmark = pytest.mark.cluster

ENGINE = "PECR_CONTROLLER_ENGINE"
BATCH = "PECR_CONTROLLER_BATCH_MODE_ENABLED"
ACK = {"PECR_RLM_SANDBOX_ACK": "true"}
FLEET = {"canary": {"mode": "Fleet", "steps": [{"hold": "1m"}]}}
NONE = {"promotion": {"strategy": "None"}}


def errors(found):
    return {reason for reason, f in found.items() if f.severity is Severity.ERROR}


@pytest.fixture
async def ready(scene):
    scene.namespace.install_target(replicas=4, env=ACK)
    scene.create()
    await scene.settled()
    return scene


@pytest.mark.parametrize("spec", [{}, FLEET, {"canary": EXISTING}], ids=["m", "f", "e"])
async def test_a_good_start_finds_and_leaves_nothing(scene, spec):
    scene.namespace.install_target(replicas=3, env=ACK)
    if spec and spec != FLEET:
        scene.namespace.install_target(name="pecr-controller-next", replicas=1, env=ACK)
    rollout = scene.create(**spec)
    await scene.settled(rollout)
    before = [await scene.body(), await scene.deployment(), await scene.config_map()]
    assert await scene.check() == {}
    assert [await scene.body(), await scene.deployment(), await scene.config_map()] == before
    what = "configmaps,leases,controllerrevisions,deployments,events.events.k8s.io"
    made = scene.namespace.kubectl_json("get", what, "-l", "pecr.dev/rollout-uid")["items"]
    assert made == []


async def test_nothing_is_there(scene):
    scene.create()
    found = await scene.check()
    assert errors(found) == {"DeploymentMissing", "ConfigMapMissing"}
    assert scene.name in found["DeploymentMissing"].message


async def test_a_target_in_the_middle_of_a_roll_out(ready):
    ready.namespace.kubectl("set", "image", "deployment/pecr-controller", "controller=none:1")
    found = await ready.check()
    assert errors(found) == {"DeploymentNotReady"}


TEMPLATE = {
    "metadata": {"labels": {"app": "other"}},
    "spec": {
        "containers": [{"name": "c", "image": "other:1",
                        "envFrom": [{"configMapRef": {"name": "pecr-controller-env"}}]}],
        "restartPolicy": "Always",
    },
}  # fmt: skip
JOB = {**TEMPLATE, "spec": {**TEMPLATE["spec"], "restartPolicy": "Never"}}
MATCH = {"matchLabels": {"app": "other"}}


OTHERS = [
    ("apps/v1", "Deployment", {"selector": MATCH, "template": TEMPLATE}),
    ("apps/v1", "ReplicaSet", {"selector": MATCH, "template": TEMPLATE}),
    ("apps/v1", "StatefulSet", {"selector": MATCH, "template": TEMPLATE, "serviceName": "s"}),
    ("apps/v1", "DaemonSet", {"selector": MATCH, "template": TEMPLATE}),
    ("batch/v1", "Job", {"template": JOB, "suspend": True}),
    ("batch/v1", "CronJob", {"schedule": "0 0 1 1 *", "jobTemplate": {"spec": {"template": JOB}}}),
    ("v1", "Pod", TEMPLATE["spec"]),
]


async def test_the_map_is_read_by_other_workloads(ready):
    ready.apply(*(
        {"apiVersion": version, "kind": kind, "metadata": {"name": f"other-{kind.lower()}"},
         "spec": spec}
        for version, kind, spec in OTHERS
    ))  # fmt: skip
    said = " ".join(f.message for f in await ready.findings() if f.reason == "ConfigMapShared")
    for _, kind, _ in OTHERS:
        assert said.count(f"{kind} other-{kind.lower()} ") == 1
    assert said.count("is read by") == len(OTHERS), "pods are not told beside what runs them"
    ready.create(**NONE)
    assert errors(await ready.check()) == set(), "nothing is written that others read"


async def test_the_clone_and_the_canary_may_read_the_map(scene):
    scene.namespace.install_target(replicas=2, env=ACK)
    scene.namespace.install_target(name="pecr-controller-next", replicas=1, env=ACK)
    both = [
        {"configMapRef": {"name": n}} for n in ("pecr-controller-env", "pecr-controller-next-env")
    ]
    change = [{"op": "replace", "path": "/spec/template/spec/containers/0/envFrom", "value": both}]
    scene.namespace.kubectl(
        "patch", "deployment/pecr-controller-next", "--type=json", "-p", json.dumps(change)
    )
    rollout = scene.create(canary=EXISTING)
    await scene.settled(rollout)
    assert errors(await scene.check()) == set()


async def test_the_clone_of_this_rollout_is_no_other_workload(ready):
    await ready.do(ApplyClone({ENGINE: "rlm"}, 1))
    await ready.settled()
    assert errors(await ready.check()) == set()


async def test_the_clones_name_is_taken(ready):
    ready.namespace.install_target(name="pecr-controller-canary", replicas=1, wait=False)
    assert errors(await ready.check()) == {"CloneNameTaken"}


async def own_with(scene, manager, *, apply, **data):
    """Set keys as another field manager."""
    if not apply:
        change = json.dumps({"data": data})
        name = "configmap/pecr-controller-env"
        scene.namespace.kubectl("patch", name, "-p", change, "--field-manager", manager)
        return
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "pecr-controller-env"}}
    scene.namespace.kubectl(
        "apply", "--server-side", "--field-manager", manager, "-f", "-",
        input=json.dumps(body | {"data": data}),
    )  # fmt: skip


@pytest.mark.parametrize("apply", [True, False], ids=["apply", "update"])
async def test_a_flag_is_owned_by_another_manager(ready, apply):
    await own_with(ready, "argocd-controller", apply=apply, **{ENGINE: "baseline"})
    found = await ready.check()
    assert errors(found) == {"FlagOwned"}
    message = found["FlagOwned"].message
    assert ENGINE in message
    assert "argocd-controller" in message
    target = {"deployment": "pecr-controller", "configMap": "pecr-controller-env"}
    ready.create(target={**target, "conflicts": "Take"})
    found = await ready.check()
    assert found["FlagTaken"].severity is Severity.WARNING
    assert errors(found) == set()
    ready.create(**NONE)
    assert await ready.check() == {}, "the fleet is never written"


async def test_a_fallback_flag_is_owned_by_another_manager(ready):
    await own_with(ready, "flux", apply=True, **{BATCH: "true"})
    assert BATCH in (await ready.check())["FlagOwned"].message


async def test_what_we_wrote_ourselves_is_no_conflict(ready):
    there = (await ready.observe()).environment
    changes = {ENGINE: "baseline", BATCH: "true"}
    await ready.do(WriteFlags(there.name, there.uid, there.resource_version, changes))
    assert await ready.check() == {}


def quota(**hard):
    return {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q"},
            "spec": {"hard": hard}}  # fmt: skip


async def usage(scene, keys):
    found = scene.namespace.kubectl_json("get", "resourcequota", "q")
    return keys <= ((found.get("status") or {}).get("used") or {}).keys()


QUOTAS = [
    ({"pods": "5"}, "leaves 1 of pods, but the cohort's 2 pods need 2"),
    ({"requests.cpu": "500m"}, "leaves 0.1 of requests.cpu, but the cohort's 2 pods need 0.2"),
    ({"count/deployments.apps": "1"}, "exceeded quota: q"),
    ({"pods": "6", "requests.cpu": "1"}, None),
]


async def test_quotas(ready):
    for hard, said in QUOTAS:
        ready.apply(quota(**hard))
        await until(lambda keys=set(hard): usage(ready, keys), bool)
        found = await ready.check()
        assert errors(found) == ({"QuotaExceeded"} if said else set())
        if said:
            assert said in found["QuotaExceeded"].message
        ready.namespace.kubectl("delete", "resourcequota", "q")


async def test_an_autoscaler_counts_the_clone(ready):
    ready.apply({
        "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "hpa"},
        "spec": {"maxReplicas": 20, "scaleTargetRef": {
            "apiVersion": "apps/v1", "kind": "Deployment", "name": "pecr-controller"}},
    })  # fmt: skip
    found = await ready.check()
    assert errors(found) == set()
    assert (
        "4 replicas become 8 instead of 5 (at most 20)" in found["AutoscalerCountsCohort"].message
    )
    ready.create(**FLEET)
    assert await ready.check() == {}


def policy(name, namespace, expression):
    """An admission policy in one namespace, as any platform team may have it."""
    match = {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
    every = {"apiVersions": ["*"], "operations": ["CREATE", "UPDATE"], "resources": ["*"]}
    groups = ["apps", "", "coordination.k8s.io", "pecr.dev"]
    rules = [every | {"apiGroups": [group]} for group in groups]
    api = "admissionregistration.k8s.io/v1"
    return [
        {"apiVersion": api, "kind": "ValidatingAdmissionPolicy", "metadata": {"name": name},
         "spec": {"failurePolicy": "Fail",
                  "matchConstraints": {"resourceRules": rules, "namespaceSelector": match},
                  "validations": [{"expression": expression, "message": "not on my watch"}]}},
        {"apiVersion": api, "kind": "ValidatingAdmissionPolicyBinding",
         "metadata": {"name": name},
         "spec": {"policyName": name, "validationActions": ["Deny"]}},
    ]  # fmt: skip


async def test_admission_refuses_writes(ready):
    name = f"deny-{ready.name}"
    ready.namespace.cluster.apply(policy(name, ready.name, "request.userInfo.username == ''"))
    try:
        await until(ready.check, errors)
        found = await until(ready.findings, lambda found: len(found) >= 7)
    finally:
        kinds = "validatingadmissionpolicy,validatingadmissionpolicybinding"
        ready.namespace.cluster.kubectl("delete", kinds, name)
    assert {f.reason for f in found} == {"WriteRefused"}
    assert all("not on my watch" in f.message for f in found)
    said = " ".join(f.message for f in found)
    for what in (
        "write the flags in ConfigMap pecr-controller-env",
        "roll Deployment pecr-controller",
        "create Deployment pecr-controller-canary",
        "create ConfigMap rlm-engine-",
        "create Lease pecr-lock-deployment-pecr-controller",
        "create ControllerRevision rlm-engine-",
        "put a finalizer on it",
    ):
        assert f"cannot {what}" in said


async def test_missing_rights_are_named(ready, localcluster):
    rollout = ready.read()
    kubeconfig = localcluster.kubeconfig_for_service_account(ready.name, "default")
    cluster = await ready.observe()
    async with open_api(str(kubeconfig)) as powerless:
        found = await preflight(powerless, rollout, cluster)
        assert (await observe(powerless, rollout)).unreadable
    assert {f.reason for f in found} == {"PermissionMissing"}
    assert all("grant it" in f.message for f in found)
