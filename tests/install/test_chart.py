"""The chart over a matrix of values: linted, and valid for every Kubernetes that it supports."""

import itertools
import json
import os
import subprocess
import warnings

import kubernetes_validate
import pytest
import yaml

from localcluster.binaries import Binaries
from pecr_packaging.render import CHART, ChartError, render

VERSIONS = ("1.33", "1.34", "1.35", "1.36")
URL = {"prometheus": {"url": "http://prometheus:9090"}}
FILL_IN = "--api-versions=admissionregistration.k8s.io/v1/MutatingAdmissionPolicy"

MATRIX = {
    "the least": {},
    "cluster-wide": {"watch": {"scope": "Cluster"}, "uninstall": {"unfinished": "Release"}},
    "two namespaces": {
        "watch": {"namespaces": ["a", "b"], "selector": "team in (search, ads),!legacy"},
        "uninstall": {"unfinished": "Release"},
    },
    "everything": {
        "prometheus": {
            "url": "https://prometheus:9090",
            "tokenSecret": {"name": "prometheus", "key": "token"},
            "caConfigMap": {"name": "ca", "key": "ca.crt"},
        },
        "notifications": {"secretName": "receivers", "secretKey": "urls"},
        "image": {"digest": "sha256:" + "0" * 64},
        "imagePullSecrets": [{"name": "registry"}],
        "serviceAccount": {"annotations": {"a": "b"}},
        "log": {"format": "plain", "verbose": True},
        "port": 9000,
        "priorityClassName": "system-cluster-critical",
        "nodeSelector": {"a": "b"},
        "tolerations": [{"operator": "Exists"}],
        "affinity": {"nodeAffinity": {}},
        "podAnnotations": {"a": "b"},
        "podLabels": {"a": "b"},
        "replicas": 3,
        "networkPolicy": {
            "enabled": True,
            "metricsFrom": [{"namespaceSelector": {}}],
            "apiServerTo": [{"ipBlock": {"cidr": "10.0.0.1/32"}}],
            "prometheusTo": [{"namespaceSelector": {}}],
            "notificationTo": [{"namespaceSelector": {}}],
        },
        "monitoring": {
            "serviceMonitor": True, "podMonitor": True, "rules": True, "dashboard": True,
            "labels": {"release": "prometheus"},
        },
    },
    "nothing": {
        "crds": {"install": False},
        "rbac": {"create": False, "userRoles": False, "aggregate": False},
        "serviceAccount": {"create": False, "name": "mine"},
        "admission": {"enabled": False},
    },
    "open network policy": {"networkPolicy": {"enabled": True}},
}  # fmt: skip

FOREIGN = {"ServiceMonitor", "PodMonitor", "PrometheusRule"}
"""Kinds that Kubernetes itself does not know."""


@pytest.fixture(scope="module")
def helm():
    return Binaries().path("helm")


def merged(values):
    return URL | values


@pytest.mark.parametrize("values", MATRIX.values(), ids=MATRIX)
def test_lint(helm, tmp_path, values):
    env = os.environ | {
        f"HELM_{place}_HOME": str(tmp_path) for place in ("CACHE", "CONFIG", "DATA")
    }
    done = subprocess.run(
        [helm, "lint", CHART, "--strict", "--values=-"], check=False, env=env, text=True,
        capture_output=True, input=json.dumps(merged(values)),
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(("name", "version"), list(itertools.product(MATRIX, VERSIONS)))
def test_valid_for(helm, name, version):
    with warnings.catch_warnings():  # of the schemas' own reader
        warnings.simplefilter("ignore")
        more = (FILL_IN,) if version == "1.36" else ()
        objects = render(helm, merged(MATRIX[name]), *more, version=f"{version}.0")
        kinds = {one["kind"] for one in objects}
        for one in objects:
            if one["kind"] not in FOREIGN:
                kubernetes_validate.validate(one, version, strict=True)
    assert ("MutatingAdmissionPolicy" in kinds) == (version == "1.36" and name != "nothing")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"prometheus": {"url": ""}}, "prometheus.url is needed"),
        ({"prometheus": {"url": "prometheus:9090"}}, "prometheus"),
        (URL | {"replica": 3}, "replica"),
        (URL | {"replicas": 0}, "replicas"),
        (URL | {"leaderElection": {"durationSeconds": 1}}, "durationSeconds"),
        (URL | {"watch": {"scope": "Everywhere"}}, "scope"),
        (URL | {"watch": {"namespaces": ["Not_A_Name"]}}, "namespaces"),
        (URL | {"image": {"digest": "latest"}}, "digest"),
        (URL | {"serviceAccount": {"create": False}}, "serviceAccount.name is needed"),
        (URL | {"uninstall": {"unfinished": "Force"}}, "unfinished"),
        (URL | {"port": 80}, "port"),
    ],
)
def test_misspelt_values_are_refused(helm, values, said):
    with pytest.raises(ChartError, match=said):
        render(helm, values)


def test_old_clusters_are_refused(helm):
    with pytest.raises(ChartError, match=r"1\.33"):
        render(helm, URL, version="1.32.0")


def test_every_value_has_a_schema():
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    schema = json.loads((CHART / "values.schema.json").read_text())

    def check(value, part, path):
        if isinstance(value, dict) and "properties" in part:
            assert set(value) <= set(part["properties"]), path
            for key, each in value.items():
                check(each, part["properties"][key], f"{path}.{key}")

    check(values, schema, "")


def test_containers_are_locked_down(helm):
    for one in render(helm, URL | MATRIX["everything"]):
        if one["kind"] not in ("Deployment", "Job"):
            continue
        spec = one["spec"]["template"]["spec"]
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in spec["containers"]:
            context = container["securityContext"]
            assert context["readOnlyRootFilesystem"] is True
            assert context["allowPrivilegeEscalation"] is False
            assert context["capabilities"] == {"drop": ["ALL"]}
