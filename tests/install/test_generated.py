"""What is generated is what its source says, and chart and manifests say the same."""

import pytest
import yaml

from localcluster.binaries import Binaries
from pecr_packaging import generate, manifests
from pecr_packaging.rbac import election_rules, rules, table
from pecr_packaging.render import ROOT, load, render
from pecr_rollout.cluster.permissions import ELECTION, LEASE_NAME, PERMISSIONS

PROMETHEUS = {"prometheus": {"url": "http://prometheus:9090"}}
STALE = "run `make manifests`"


@pytest.fixture(scope="module")
def helm():
    return Binaries().path("helm")


@pytest.mark.parametrize("path", generate.chart_files(), ids=lambda path: path.name)
def test_the_charts_files_are_generated(path):
    assert path.read_text() == generate.chart_files()[path], STALE


@pytest.fixture(scope="module")
def manifest_files(helm):
    return generate.manifest_files(helm)


def test_the_manifests_are_generated(manifest_files):
    for path, text in manifest_files.items():
        assert path.read_text() == text, f"{path.relative_to(ROOT)}: {STALE}"


def test_the_documents_tables_are_generated():
    for path, text in generate.document_files().items():
        assert path.read_text() == text, STALE
        assert table() in text


def test_nothing_generated_is_left_over(manifest_files):
    """A file with our header that nothing generates any more."""
    made = {*manifest_files, *generate.chart_files()}
    for folder in (ROOT / "manifests", ROOT / "charts"):
        for path in folder.rglob("*.yaml"):
            if path.read_text().startswith((manifests.HEADER, generate.HEADER)):
                assert path in made, path


def found(objects, kind):
    return [one for one in objects if one["kind"] == kind]


def test_the_roles_are_the_permissions(helm):
    narrow = render(helm, PROMETHEUS | {"watch": {"namespaces": ["a", "b"]}})
    *roles, election = [
        r for r in found(narrow, "Role") if "helm.sh/hook" not in str(r["metadata"])
    ]
    assert [role["metadata"]["namespace"] for role in roles] == ["a", "b"]
    assert all(role["rules"] == rules() for role in roles)
    users = {"-view", "-edit", "-acknowledge"}
    assert all(
        any(role["metadata"]["name"].endswith(user) for user in users)
        for role in found(narrow, "ClusterRole")
    ), "in namespaced mode the operator has no right in the cluster"
    assert found(narrow, "ClusterRoleBinding") == []
    wide = render(helm, PROMETHEUS | {"watch": {"scope": "Cluster"}})
    assert found(wide, "Role") == [election]
    [role] = [
        r for r in found(wide, "ClusterRole") if r["metadata"]["name"] == "pecr-rollout-operator"
    ]
    assert role["rules"] == rules()


def test_the_election_is_about_one_lease_in_the_operators_own_namespace(helm):
    objects = render(helm, PROMETHEUS, namespace="elsewhere")
    [role] = [r for r in found(objects, "Role") if r["metadata"]["name"].endswith("-election")]
    assert role["metadata"]["namespace"] == "elsewhere"
    [deployment] = found(objects, "Deployment")
    arguments = deployment["spec"]["template"]["spec"]["containers"][0]["args"]
    [name] = [a.partition("=")[2] for a in arguments if a.startswith("--lease-name=")]
    assert "--lease-namespace=elsewhere" in arguments
    assert str(role["rules"]) == str(election_rules()).replace(LEASE_NAME, name)
    assert role["rules"][1]["resourceNames"] == [name]


def test_least_privilege():
    for permission in PERMISSIONS + ELECTION:
        text = str(permission.rule)
        assert "*" not in text
        assert "secrets" not in text
        assert permission.why
    verbs = {verb for permission in PERMISSIONS + ELECTION for verb in permission.verbs}
    assert verbs <= {"get", "list", "watch", "create", "patch", "delete"}


def test_the_edit_role_is_the_only_one_that_may_update(helm):
    roles = found(render(helm, PROMETHEUS), "ClusterRole")
    verbs = {r["metadata"]["name"].rpartition("-")[2]: r["rules"][0]["verbs"] for r in roles}
    assert verbs["view"] == ["get", "list", "watch"]
    assert verbs["acknowledge"] == ["get", "list", "watch", "patch"]
    assert "update" in verbs["edit"]
    assert all(r["rules"][0]["resources"] == ["controllerrollouts"] for r in roles)


def test_the_operators_name_is_in_every_policy(helm):
    values = PROMETHEUS | {"serviceAccount": {"name": "robot"}}
    more = ("--api-versions=admissionregistration.k8s.io/v1/MutatingAdmissionPolicy",)
    objects = render(helm, values, *more, namespace="elsewhere")
    policies = [one for one in objects if one["kind"].endswith("AdmissionPolicy")]
    assert len(policies) == 3
    assert "OPERATOR_USERNAME" not in str(policies)
    assert "system:serviceaccount:elsewhere:robot" in str(policies)
    account = [one["metadata"]["name"] for one in found(objects, "ServiceAccount")]
    assert "robot" in account


def test_the_policies_hold_where_the_operator_watches(helm):
    narrow = render(helm, PROMETHEUS | {"watch": {"namespaces": ["a", "b"]}})
    for binding in found(narrow, "ValidatingAdmissionPolicyBinding"):
        [where] = binding["spec"]["matchResources"]["namespaceSelector"]["matchExpressions"]
        assert where["values"] == ["a", "b"]
        assert binding["spec"]["validationActions"] == ["Deny"]
    wide = render(helm, PROMETHEUS | {"watch": {"scope": "Cluster"}})
    assert all(
        "matchResources" not in one["spec"]
        for one in found(wide, "ValidatingAdmissionPolicyBinding")
    )


def test_the_crd_stays_when_the_release_goes(helm):
    [crd] = found(render(helm, PROMETHEUS), "CustomResourceDefinition")
    assert crd["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}
    [ours] = load((ROOT / "crds/controllerrollouts.pecr.dev.yaml").read_text())
    assert crd["spec"] == ours["spec"]
    assert found(render(helm, PROMETHEUS | {"crds": {"install": False}}), crd["kind"]) == []


def test_yaml_is_read_as_go_reads_it():
    assert yaml.safe_load(manifests.to_yaml({"a": "="})) == {"a": "="}
    assert load("a: =") == [{"a": "="}]
