"""Who may do what, asked of a real API server as somebody, verb by verb."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from typing import Any

import pytest
import yaml

from install.people import (
    ADMIN,
    EDITOR,
    IN_GROUP,
    OWNER,
    OWNING_ADMIN,
    Person,
    Refused,
    Who,
    until_in_force,
)
from localcluster import LocalCluster
from localcluster.processes import wait_until
from pecr_packaging.render import ROOT
from pecrfleet.kube import MERGE_PATCH

SYSTEM, TARGET = "pecr-system", "admission"
OPERATOR = (f"system:serviceaccount:{SYSTEM}:pecr-rollout-operator", "")
NAME = "rlm-engine"
INCIDENT = {"id": "abcd1234-1-1", "openedAt": "2026-01-01T00:00:00Z"}
FINALIZER = "pecr.dev/restore"

pytestmark = [pytest.mark.cluster, pytest.mark.xdist_group("install")]

Somebody = Callable[[Who], Person]


@pytest.fixture(scope="module")
def policies(localcluster: LocalCluster, crd: None) -> Iterator[LocalCluster]:
    """The operator's rights, user roles and policies, as the manifests have them, cluster-wide."""
    for folder in ("cluster-wide", "policies/fill-in"):
        localcluster.kubectl("apply", "--server-side", "-k", str(ROOT / "manifests" / folder))
    localcluster.kubectl("create", "namespace", TARGET)
    people = {"edit": [EDITOR[0]], "acknowledge": [OWNER[0], IN_GROUP[0]]}
    for role, users in people.items():
        bound = [f"--user={user}" for user in users]
        role_name = f"--clusterrole=pecr-rollout-operator-{role}"
        localcluster.kubectl("create", "rolebinding", role, role_name, *bound, namespace=TARGET)
    localcluster.apply([rollout("first")])
    with Person(localcluster, ADMIN, TARGET) as admin:
        until_in_force(admin, "first")
    yield localcluster
    for folder in ("policies/fill-in", "cluster-wide"):
        localcluster.kubectl("delete", "-k", str(ROOT / "manifests" / folder))


def rollout(name: str = NAME, namespace: str = TARGET, **annotations: str) -> dict[str, Any]:
    body = yaml.safe_load((ROOT / "manifests/samples/demo/rollout.yaml").read_text())
    keys = {f"pecr.dev/{key.replace('_', '-')}": value for key, value in annotations.items()}
    body["metadata"] = {"name": name, "namespace": namespace, "annotations": keys}
    body["spec"]["rollbackOwner"]["subjects"] = {"users": [OWNER[0]], "groups": [IN_GROUP[1]]}
    return body


@pytest.fixture(scope="module")
def somebody(policies: LocalCluster) -> Iterator[Somebody]:
    with ExitStack() as stack:
        yield cache(lambda who: stack.enter_context(Person(policies, who, TARGET)))


@pytest.fixture
def quiet(somebody: Somebody) -> Iterator[str]:
    """A rollout without an incident."""
    person = somebody(ADMIN)
    person.create(rollout())
    yield NAME
    if exists(person):
        clear(somebody)
    if exists(person):
        person.delete(NAME)


@pytest.fixture
def incident(somebody: Somebody, quiet: str) -> str:
    """A rollout with an open incident and our finalizer, as the operator leaves it."""
    operator = somebody(OPERATOR)
    operator.patch(quiet, {"metadata": {"finalizers": [FINALIZER]}})
    operator.set_status(quiet, phase="Fallback", incident=INCIDENT)
    return quiet


def exists(person: Person) -> bool:
    return NAME in [one["metadata"]["name"] for one in person.get(person.rollouts)["items"]]


def clear(somebody: Somebody) -> None:
    """Close the incident and take the finalizer off, as the operator does."""
    somebody(OPERATOR).set_status(NAME, incident=None)
    somebody(OPERATOR).patch(NAME, {"metadata": {"finalizers": None}})


def annotations_of(somebody: Somebody) -> dict[str, str]:
    return somebody(ADMIN).read(NAME)["metadata"].get("annotations", {})


# the status


def test_nobody_but_the_operator_writes_the_status(somebody, quiet):
    with pytest.raises(Refused, match="only the operator writes the status"):
        somebody(ADMIN).set_status(quiet, phase="Completed")
    for who in (EDITOR, OWNER):
        with pytest.raises(Refused, match="cannot patch resource"):
            somebody(who).set_status(quiet, phase="Completed")


def test_the_status_cannot_be_replaced_either(somebody, quiet):
    person = somebody(ADMIN)
    body = person.read(quiet) | {"status": {"observedGeneration": 1, "phase": "Completed"}}
    with pytest.raises(Refused, match="only the operator writes the status"):
        person.request("PUT", f"{person.rollouts}/{quiet}/status", body)


def test_a_status_in_the_main_resource_is_ignored(somebody, incident):
    preset = rollout("preset") | {"status": {"phase": "Completed", "observedGeneration": 1}}
    made = somebody(EDITOR).create(preset, dry_run=True)
    assert made["status"]["phase"] == "Pending"
    somebody(EDITOR).patch(NAME, {"status": {"incident": None}})
    assert somebody(ADMIN).read(NAME)["status"]["incident"]["id"] == INCIDENT["id"]


def test_nothing_but_the_status_is_written_through_the_status(somebody, quiet):
    change = {
        "metadata": {"annotations": {"pecr.dev/acknowledge": "x"}},
        "status": {"message": "m"},
    }
    somebody(OPERATOR).patch(quiet, change, sub="/status")
    assert somebody(ADMIN).read(NAME)["status"]["message"] == "m"
    assert "pecr.dev/acknowledge" not in annotations_of(somebody)


# the acknowledgement


@pytest.mark.parametrize("who", [OWNER, IN_GROUP])
def test_an_owner_acknowledges_and_his_name_is_filled_in(somebody, incident, who):
    somebody(who).annotate(NAME, acknowledge=INCIDENT["id"])
    found = annotations_of(somebody)
    assert found["pecr.dev/acknowledge"] == INCIDENT["id"]
    assert found["pecr.dev/acknowledged-by"] == who[0]


def test_the_name_follows_whoever_acknowledges_next(somebody, incident):
    somebody(OWNER).annotate(NAME, acknowledge="one")
    somebody(IN_GROUP).annotate(NAME, acknowledge="two")
    assert annotations_of(somebody)["pecr.dev/acknowledged-by"] == IN_GROUP[0]


@pytest.mark.parametrize("who", [EDITOR, ADMIN, OPERATOR])
def test_nobody_else_acknowledges(somebody, incident, who):
    with pytest.raises(Refused) as caught:
        somebody(who).annotate(NAME, acknowledge=INCIDENT["id"], acknowledged_by=who[0])
    assert "only the rollback owner (oncall@example.com, retrieval-sre)" in str(caught.value)


def test_nobody_acknowledges_in_another_name(somebody, incident):
    with pytest.raises(Refused, match="must be the name that you sign in with"):
        somebody(OWNER).annotate(NAME, acknowledge=INCIDENT["id"], acknowledged_by=IN_GROUP[0])


def test_the_name_alone_cannot_be_changed(somebody, incident):
    somebody(OWNER).annotate(NAME, acknowledge="one")
    with pytest.raises(Refused, match="must be the name"):
        somebody(OWNER).annotate(NAME, acknowledged_by="somebody-else")
    with pytest.raises(Refused, match="must be the name"):
        somebody(OWNER).annotate(NAME, acknowledged_by=None)
    with pytest.raises(Refused, match="only the rollback owner"):
        somebody(EDITOR).annotate(NAME, acknowledged_by=EDITOR[0])
    with pytest.raises(Refused, match="only the rollback owner"):
        somebody(EDITOR).annotate(NAME, acknowledged_by=None, acknowledge=None)


def test_nobody_makes_himself_the_owner_in_the_same_request(somebody, incident):
    change = {
        "metadata": {"annotations": {"pecr.dev/acknowledge": INCIDENT["id"]}},
        "spec": {"rollbackOwner": {"subjects": {"users": [EDITOR[0]]}}},
    }
    with pytest.raises(Refused, match="only"):
        somebody(EDITOR).patch(NAME, change)


def test_stale_annotations_may_go_once_the_incident_is_closed(somebody, incident):
    somebody(OWNER).annotate(NAME, acknowledge=INCIDENT["id"])
    clear(somebody)
    somebody(EDITOR).annotate(NAME, acknowledge=None, acknowledged_by=None)
    assert annotations_of(somebody) == {}


def test_replaying_an_object_is_no_acknowledgement(somebody, policies):
    """The new object's owner is who may answer for an incident on its lock."""
    replayed = rollout("replayed", acknowledge=INCIDENT["id"], acknowledged_by=OWNER[0])
    with pytest.raises(Refused, match="only the rollback owner"):
        somebody(EDITOR).create(replayed)
    forged = rollout("replayed", acknowledge=INCIDENT["id"], acknowledged_by="somebody")
    with pytest.raises(Refused, match="must be the name"):
        somebody(OWNING_ADMIN).create(forged)
    somebody(OWNING_ADMIN).create(replayed, dry_run=True)


def test_before_kubernetes_1_36_the_name_has_to_be_given(policies, somebody, incident):
    owner, fill_in = somebody(OWNER), str(ROOT / "manifests/policies/fill-in")

    def tried(**annotations: str) -> bool:
        keys = {f"pecr.dev/{key}": value for key, value in annotations.items()}
        try:
            owner.patch(NAME, {"metadata": {"annotations": keys}}, query="?dryRun=All")
        except Refused as refused:
            return f"add pecr.dev/acknowledged-by={OWNER[0]}" not in str(refused)
        return True

    policies.kubectl("delete", "-k", fill_in)
    try:
        assert wait_until(lambda: not tried(acknowledge="x"), 20)
        assert tried(**{"acknowledge": "x", "acknowledged-by": OWNER[0]})
    finally:
        policies.kubectl("apply", "-k", fill_in)
        assert wait_until(lambda: tried(acknowledge="x"), 20)


# while an incident is open


@pytest.mark.parametrize("who", [EDITOR, ADMIN])
def test_nobody_else_changes_the_owner(somebody, incident, who):
    with pytest.raises(Refused, match=r"is open: only its rollback owner \(oncall@example.com"):
        somebody(who).patch(NAME, {"spec": {"rollbackOwner": {"name": "us"}}})


def test_the_owner_may_hand_over(somebody, incident):
    somebody(OWNING_ADMIN).patch(NAME, {"spec": {"rollbackOwner": {"name": "us"}}})


def test_nobody_else_aborts(somebody, incident):
    for who in (EDITOR, ADMIN):
        with pytest.raises(Refused, match="may abort the rollout"):
            somebody(who).annotate(NAME, abort="abcd1234-1")
    somebody(OWNER).annotate(NAME, abort="abcd1234-1")


@pytest.mark.parametrize("who", [EDITOR, ADMIN])
def test_nobody_else_deletes(somebody, incident, who):
    with pytest.raises(Refused, match="may delete the rollout"):
        somebody(who).delete(NAME)
    with pytest.raises(Refused, match="may delete the rollout"):
        somebody(who).delete()
    assert "deletionTimestamp" not in somebody(ADMIN).read(NAME)["metadata"]


def test_the_owner_deletes_and_the_operator_lets_go(somebody, incident):
    somebody(OWNING_ADMIN).delete(NAME)
    assert "deletionTimestamp" in somebody(ADMIN).read(NAME)["metadata"]
    for who in (EDITOR, ADMIN):
        with pytest.raises(Refused, match="take away its finalizer"):
            somebody(who).patch(NAME, {"metadata": {"finalizers": None}})
    somebody(OPERATOR).patch(NAME, {"metadata": {"finalizers": None}})
    assert not exists(somebody(ADMIN))


def test_no_garbage_collection_is_provoked(somebody, incident):
    bogus = {"apiVersion": "v1", "kind": "ConfigMap", "name": "none", "uid": "none"}
    with pytest.raises(Refused, match="owner references"):
        somebody(EDITOR).patch(NAME, {"metadata": {"ownerReferences": [bogus]}})


def test_other_changes_go_through(somebody, incident):
    somebody(EDITOR).patch(NAME, {"spec": {"suspend": True}, "metadata": {"labels": {"a": "b"}}})
    somebody(EDITOR).annotate(NAME, promote="x")


def test_without_an_incident_editors_are_free(somebody, quiet):
    somebody(EDITOR).patch(quiet, {"spec": {"rollbackOwner": {"name": "us"}}})
    somebody(EDITOR).annotate(quiet, abort="x")
    somebody(EDITOR).delete(quiet)
    assert not exists(somebody(ADMIN))


def test_a_namespace_can_always_go(policies):
    policies.kubectl("create", "namespace", "doomed")
    policies.apply([rollout(namespace="doomed")])
    with Person(policies, OPERATOR, "doomed") as operator:
        operator.set_status(NAME, incident=INCIDENT)
    policies.kubectl("delete", "namespace", "doomed", "--timeout=50s")


# rights that RBAC alone cannot tell apart


def test_who_may_acknowledge_may_not_change_the_spec(somebody, quiet):
    with pytest.raises(Refused, match="changing the spec needs the verb update"):
        somebody(OWNER).patch(quiet, {"spec": {"suspend": True}})


def test_the_operator_may_not_change_the_spec(somebody, quiet):
    with pytest.raises(Refused, match="changing the spec needs the verb update"):
        somebody(OPERATOR).patch(quiet, {"spec": {"suspend": True}})


# locks


def test_locks_are_the_operators(somebody, policies):
    name = "pecr-lock-configmap-env"
    lease = {
        "metadata": {
            "name": name,
            "labels": {"app.kubernetes.io/managed-by": "pecr-rollout"},
            "annotations": {"pecr.dev/incident": INCIDENT["id"]},
        }
    }
    admin, operator = somebody(ADMIN), somebody(OPERATOR)
    path = f"{admin.leases}/{name}"
    with pytest.raises(Refused, match="the operator's"):
        admin.request("POST", admin.leases, lease)
    operator.request("POST", operator.leases, lease)
    for change in ({"annotations": None}, {"labels": None}):
        with pytest.raises(Refused, match="the operator's"):
            admin.request("PATCH", path, {"metadata": change}, content_type=MERGE_PATCH)
    for where in (path, admin.leases):
        with pytest.raises(Refused, match="the operator's"):
            admin.request("DELETE", where)
    operator.request("DELETE", path)


def test_the_api_server_finds_nothing_to_warn_of(policies):
    """Its own type check of the expressions."""
    found = policies.kubectl_json("get", "validatingadmissionpolicies")["items"]
    ours = {one["metadata"]["name"].split(".")[0]: one for one in found}
    assert {"rollouts", "locks"} <= set(ours)
    for one in ours.values():
        warnings = (one.get("status") or {}).get("typeChecking", {}).get("expressionWarnings")
        assert warnings is None, warnings
