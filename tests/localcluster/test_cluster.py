"""The real control plane, with kwok, the fleet and Prometheus."""

import json
import stat
import time

import pytest
from prometheus_client.parser import text_string_to_metric_families

from localcluster import LocalClusterError
from localcluster.prometheus_query import instant_query, wait_for_query
from localcluster.pytest_plugin import TargetNamespace
from pecrfleet import (
    SAFE_ENVIRONMENT,
    Effect,
    FleetError,
    Rule,
    Scenario,
    Traffic,
    When,
    named_scenario,
    target_manifests,
)
from pecrfleet.kube import KubeError

# One worker has one cluster of its own for all of these.
pytestmark = [pytest.mark.cluster, pytest.mark.xdist_group("localcluster")]


def _ready(count):
    return lambda pods: len(pods) == count and all(pod.ready for pod in pods)


def _state(name):
    return lambda pods: bool(pods) and all(pod.state == name for pod in pods)


def _patch_environment(namespace, **data):
    patch = json.dumps({"data": data})
    namespace.kubectl("patch", "configmap", "pecr-controller-env", "--type=merge", "-p", patch)


def _statuses(namespace):
    pods = namespace.kubectl_json("get", "pods")["items"]
    return [pod["status"]["containerStatuses"][0] for pod in pods]


def test_is_kubernetes_1_36(localcluster):
    version = localcluster.kubectl_json("version")
    assert version["serverVersion"]["gitVersion"].startswith("v1.36.")
    assert version["clientVersion"]["gitVersion"].startswith("v1.36.")


def test_everything_runs_and_secrets_are_private(localcluster):
    assert sorted(localcluster.components) == sorted(localcluster.expected_components)
    assert stat.S_IMODE(localcluster.kubeconfig.stat().st_mode) == 0o600
    assert stat.S_IMODE(localcluster.workdir.stat().st_mode) == 0o700
    for url in (localcluster.server, localcluster.prometheus_url, localcluster.fleet_url):
        assert "//127.0.0.1:" in url


def test_policies_of_admission_are_served(localcluster):
    served = localcluster.kubectl(
        "api-resources", "--api-group=admissionregistration.k8s.io"
    ).stdout
    for kind in ("ValidatingAdmissionPolicy", "MutatingAdmissionPolicy"):
        assert kind in served


def test_deployment_rolls(namespace):
    namespace.install_target(replicas=4, with_service=True)
    before = {pod.name for pod in namespace.fleet.pods(namespace.name)}
    ips = {pod["status"]["podIP"] for pod in namespace.kubectl_json("get", "pods")["items"]}
    assert len(before) == len(ips) == 4
    patch = '{"spec": {"template": {"metadata": {"annotations": {"roll": "1"}}}}}'
    namespace.kubectl("patch", "deployment", "pecr-controller", "-p", patch)
    namespace.wait_ready()
    after = namespace.fleet.wait(namespace.name, _ready(4))
    assert before.isdisjoint(pod.name for pod in after)
    assert {pod.deployment for pod in after} == {"pecr-controller"}
    slices = namespace.kubectl_json("get", "endpointslices")["items"]
    assert sum(len(each["endpoints"] or []) for each in slices) == 4


def test_environment_is_read_at_start_and_at_a_container_restart(namespace):
    namespace.install_target(replicas=1)
    [pod] = namespace.fleet.pods(namespace.name)
    _patch_environment(namespace, PECR_CONTROLLER_ENGINE="rlm")
    time.sleep(0.3)
    assert namespace.fleet.pod(namespace.name, pod.name).flags["engine"] == "baseline"
    namespace.fleet.restart_container(namespace.name, pod.name)
    [pod] = namespace.fleet.wait(
        namespace.name, lambda pods: pods[0].restarts == 1 and pods[0].ready
    )
    assert pod.flags["engine"] == "rlm"
    namespace.kubectl("wait", "pod", pod.name, "--for=condition=Ready", "--timeout=10s")
    [status] = _statuses(namespace)
    assert status["restartCount"] == 1
    assert status["lastState"]["terminated"]["exitCode"] == 137


def test_fatal_environment_crash_loops_until_it_is_mended(namespace):
    env = dict(SAFE_ENVIRONMENT) | {"PECR_CONTROLLER_ENGINE": "rlm", "PECR_RLM_SANDBOX_ACK": "no"}
    namespace.install_target(replicas=1, env=env, wait=False)
    [pod] = namespace.fleet.wait(
        namespace.name,
        lambda pods: bool(pods) and pods[0].restarts >= 1 and pods[0].state == "crashed",
    )
    assert "ERR_RLM_REQUIRES_SANDBOX_ACK" in pod.message
    with pytest.raises(FleetError, match="answered 503"):
        namespace.fleet.metrics(namespace.name, pod.name)
    namespace.kubectl(
        "wait",
        "pod",
        pod.name,
        "--for=jsonpath={.status.containerStatuses[0].state.waiting.reason}=CrashLoopBackOff",
        "--timeout=10s",
    )
    [status] = _statuses(namespace)
    assert status["lastState"]["terminated"]["exitCode"] == 1
    _patch_environment(namespace, PECR_RLM_SANDBOX_ACK="true")
    [pod] = namespace.fleet.wait(namespace.name, _ready(1))
    assert pod.flags["engine"] == "rlm"


def test_missing_config_map_is_waited_for(namespace):
    manifests = target_manifests(namespace.name, replicas=1, with_namespace=False)
    namespace.cluster.apply([each for each in manifests if each["kind"] != "ConfigMap"])
    [pod] = namespace.fleet.wait(namespace.name, _state("config-error"))
    assert pod.message == 'configmap "pecr-controller-env" not found'
    namespace.cluster.apply(manifests)
    namespace.wait_ready()


def test_ordinary_pods_and_jobs_live_too(namespace):
    image = "--image=registry.invalid/operator:1"
    namespace.kubectl("create", "deployment", "operator", image, "--replicas=2")
    namespace.kubectl("create", "job", "once", image)
    namespace.wait_ready("operator")
    namespace.kubectl("wait", "job/once", "--for=condition=Complete", "--timeout=20s")
    assert namespace.fleet.pods(namespace.name) == []
    namespace.kubectl("delete", "deployment", "operator", "--cascade=foreground", "--timeout=20s")


def test_gateway_down_keeps_new_pods_from_being_ready(namespace):
    namespace.install_target(replicas=2)
    namespace.scenario(named_scenario("gateway-down"))
    namespace.kubectl("scale", "deployment", "pecr-controller", "--replicas=3")
    pods = namespace.fleet.wait(
        namespace.name, lambda pods: [pod.state for pod in pods] == ["running"] * 3
    )
    assert sorted(pod.ready for pod in pods) == [False, True, True]
    namespace.scenario(Scenario(gateway="down"))
    namespace.fleet.wait(namespace.name, lambda pods: not any(pod.ready for pod in pods))
    namespace.scenario(Scenario())
    namespace.wait_ready()


def test_start_takes_its_time_and_a_crash_comes_later(namespace):
    effect = Effect(start_seconds=0.5, crash_after=1.0)
    namespace.scenario(Scenario(rules=(Rule(When(deployment="pecr-controller"), effect),)))
    namespace.install_target(replicas=1, wait=False)
    namespace.fleet.wait(namespace.name, _state("running"))
    assert not namespace.fleet.pods(namespace.name)[0].ready
    namespace.fleet.wait(namespace.name, _ready(1))
    namespace.fleet.wait(namespace.name, _state("crashed"))
    namespace.fleet.wait(namespace.name, lambda pods: pods[0].restarts >= 1 and pods[0].ready)


def test_termination_takes_its_grace_where_the_scenario_says_so(namespace):
    namespace.scenario(Scenario(terminate="grace"))
    namespace.install_target(replicas=1, grace_seconds=2)
    [pod] = namespace.fleet.pods(namespace.name)
    began = time.monotonic()
    namespace.kubectl("delete", "pod", pod.name, "--wait=false")
    namespace.fleet.wait(
        namespace.name, lambda pods: any(each.state == "terminating" for each in pods)
    )
    namespace.fleet.metrics(namespace.name, pod.name)
    namespace.fleet.wait(namespace.name, lambda pods: pod.name not in {each.name for each in pods})
    assert 1.0 <= time.monotonic() - began <= 6.0


def test_prometheus_finds_and_scrapes_every_pod(namespace):
    namespace.scenario(named_scenario("rlm-violates-until-baseline", rps=90))
    env = dict(SAFE_ENVIRONMENT) | {"PECR_CONTROLLER_ENGINE": "rlm"}
    namespace.install_target(replicas=3, env=env)
    pods = {pod.name for pod in namespace.fleet.pods(namespace.name)}
    url, where = namespace.cluster.prometheus_url, f'{{namespace="{namespace.name}"}}'
    found = wait_for_query(url, f"up{where} == 1", lambda samples: len(samples) == 3)
    for labels, _ in found:
        assert set(labels) == {"__name__", "instance", "job", "namespace", "pod"}
        assert labels["job"] == "pecr"
        assert labels["instance"].endswith(":8081")
    assert {labels["pod"] for labels, _ in found} == pods
    ratio = (
        f"sum(increase(pecr_controller_budget_violations_total{where}[5s])) / "
        f"sum(increase(pecr_controller_terminal_modes_total{where}[5s]))"
    )
    wait_for_query(url, ratio, lambda samples: bool(samples) and 0.42 < samples[0][1] < 0.52)
    runs = f'{{namespace="{namespace.name}",route="/v1/run"}}'
    rate = f"sum(rate(pecr_controller_http_requests_total{runs}[5s]))"
    wait_for_query(url, rate, lambda samples: bool(samples) and 85 < samples[0][1] < 95)


def test_a_container_restart_zeroes_and_removes_lazy_series(namespace):
    namespace.scenario(Scenario(traffic=Traffic(rps=200, capabilities_rps=0)))
    namespace.install_target(replicas=1)
    [pod] = namespace.fleet.pods(namespace.name)
    time.sleep(0.3)
    assert "terminal_modes_total{" in namespace.fleet.metrics(namespace.name, pod.name)
    namespace.scenario(Scenario(traffic=Traffic(rps=0, capabilities_rps=0)))
    namespace.fleet.restart_container(namespace.name, pod.name)
    namespace.fleet.wait(namespace.name, lambda pods: pods[0].restarts == 1 and pods[0].ready)
    text = namespace.fleet.metrics(namespace.name, pod.name)
    assert "terminal_modes_total" not in text
    assert "pecr_controller_budget_violations_total 0" in text


def test_faults(namespace):
    namespace.scenario(Scenario(traffic=Traffic(rps=100)))
    namespace.install_target(replicas=1)
    [pod] = namespace.fleet.pods(namespace.name)

    def metrics(mode, pod_name=None):
        namespace.fleet.set_fault(namespace.name, mode, pod_name)
        return namespace.fleet.metrics(namespace.name, pod.name)

    assert all(
        sample.value != sample.value
        for family in text_string_to_metric_families(metrics("nan"))
        for sample in family.samples
    )
    assert metrics("html").startswith("<!doctype html>")
    assert metrics("empty") == ""
    frozen = metrics("frozen")
    time.sleep(0.1)
    namespace.fleet.clear_fault("another-namespace")
    assert namespace.fleet.metrics(namespace.name, pod.name) == frozen
    with pytest.raises(FleetError, match="answered 500"):
        metrics("error", pod.name)
    with pytest.raises(FleetError, match="mode: 'x' is none of hang"):
        metrics("x")
    namespace.fleet.clear_fault(namespace.name, pod.name)
    namespace.fleet.clear_fault(namespace.name)
    assert namespace.fleet.metrics(namespace.name, pod.name) != frozen
    namespace.fleet.reset_counters(namespace.name, pod.name)


def test_service_account_has_the_rights_that_it_was_given(namespace):
    namespace.kubectl("create", "serviceaccount", "reader")
    namespace.kubectl("create", "role", "reader", "--verb=get,list", "--resource=configmaps")
    subject = f"--serviceaccount={namespace.name}:reader"
    namespace.kubectl("create", "rolebinding", "reader", "--role=reader", subject)
    config = namespace.cluster.kubeconfig_for_service_account(namespace.name, "reader")
    assert stat.S_IMODE(config.stat().st_mode) == 0o600
    allowed = namespace.kubectl("get", "configmaps", kubeconfig=config)
    assert "kube-root-ca.crt" in allowed.stdout
    refused = namespace.kubectl("get", "pods", kubeconfig=config, check=False)
    assert "forbidden" in refused.stderr.lower()
    with pytest.raises(LocalClusterError, match=r"No token for .*/nobody: 404"):
        namespace.cluster.kubeconfig_for_service_account(namespace.name, "nobody")


def test_api_server_restarts_and_the_pods_live_on(namespace):
    namespace.install_target(replicas=2)
    before = namespace.fleet.pods(namespace.name)
    namespace.cluster.stop_apiserver()
    assert "kube-apiserver" not in namespace.cluster.components
    namespace.cluster.start_apiserver()
    namespace.kubectl("scale", "deployment", "pecr-controller", "--replicas=3")
    namespace.wait_ready()
    after = namespace.fleet.wait(namespace.name, _ready(3))
    assert {pod.uid for pod in before} < {pod.uid for pod in after}
    assert all(pod.restarts == 0 for pod in after)


def test_prometheus_restarts_with_its_data(namespace):
    url, where = namespace.cluster.prometheus_url, f'up{{namespace="{namespace.name}"}}'
    namespace.install_target(replicas=1)
    wait_for_query(url, where, bool)
    namespace.cluster.stop_prometheus()
    with pytest.raises(LocalClusterError, match="does not answer"):
        namespace.prom(where)
    namespace.cluster.start_prometheus()
    assert namespace.prom(f"count_over_time({where}[1m])")


def test_a_held_component_answers_nothing(localcluster):
    localcluster.pause_component("prometheus")
    try:
        with pytest.raises(LocalClusterError, match="does not answer"):
            instant_query(localcluster.prometheus_url, "1", timeout=0.3)
    finally:
        localcluster.resume_component("prometheus")


def test_a_fleet_restart_is_a_restart_of_every_container(namespace):
    namespace.install_target(replicas=2)
    namespace.cluster.stop_component("fleet")
    namespace.cluster.start_component("fleet")
    pods = namespace.fleet.wait(namespace.name, _ready(2))
    assert [pod.restarts for pod in pods] == [1, 1]


def test_helm_and_the_other_tools_are_there(localcluster):
    for name in ("helm", "promtool", "etcdctl", "etcdutl", "actionlint"):
        assert localcluster.binary(name).exists()


def test_unknown_pod_and_unknown_path(localcluster):
    with pytest.raises(FleetError, match="knows no pod a/b"):
        localcluster.fleet.pod("a", "b")
    with pytest.raises(FleetError, match="there is no GET /nothing"):
        localcluster.fleet._json("GET", ("nothing",))
    with localcluster.client() as client, pytest.raises(KubeError, match="404"):
        client.get("/api/v1/namespaces/absent")


def test_namespace_helper_is_what_the_readme_says(namespace):
    assert isinstance(namespace, TargetNamespace)
    assert namespace.name.startswith("t-namespace-helper-is")
