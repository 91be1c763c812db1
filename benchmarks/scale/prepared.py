"""Rollouts in analysis, made as the operator leaves them: hundreds at once, in place of minutes.

A start costs some seventy requests and rolls every pod. What is measured is what comes after, so
the fleets are created with the delta in force, and the locks, snapshot and status beside them, by
the operator's own builders. The first ones of a world are driven there by the operator itself.
"""

import time
from math import ceil
from typing import Any

from benchmarks.scale.world import INTERVAL, PLURALS, World, namespace_of, rollout, target

from pecr_rollout.api.rollout import ENVIRONMENT_HASH, FINALIZER, read
from pecr_rollout.api.status import (
    HistoryEntry,
    Phase,
    Stage,
    Status,
    StepStatus,
    Window,
    instant,
)
from pecr_rollout.cluster.environment import environment_view
from pecr_rollout.cluster.locks import lease_manifest
from pecr_rollout.cluster.snapshot import snapshot_manifest
from pecr_rollout.cluster.status import status_body
from pecr_rollout.cluster.workload import template_fingerprint
from pecr_rollout.contract.flags import FLAGS
from pecr_rollout.lifecycle.observation import Flags, Snapshot
from pecr_rollout.lifecycle.wishes import environment_hash
from pecrfleet.kube import MERGE_PATCH, KubeClient

Json = dict[str, Any]

ENVIRONMENT = {"PECR_CONTROLLER_ENGINE": "rlm"}
RECORDED = {
    "latency_p95": (300.0, 15_000.0),
    "latency_p99": (0.0, 15_000.0),
    "budget_violation_rate": (30.0, 15_000.0),
    "terminal_mode:SOURCE_UNAVAILABLE": (150.0, 15_000.0),
    "error_rate": (30.0, 15_000.0),
}
"""What a fleet of this traffic counts in fifty minutes."""


def fleet(number: int) -> list[Json]:
    """Give the n-th fleet with the delta in force."""
    config_map, deployment = target(number)
    config_map["data"] |= ENVIRONMENT
    template = deployment["spec"]["template"]
    template["metadata"]["annotations"] = {ENVIRONMENT_HASH: environment_hash(ENVIRONMENT)}
    return [config_map, deployment]


def prepare(world: World, numbers: list[int]) -> None:
    """Create what is missing: fleets, and once their pods run the rollouts."""
    world.create(each for number in numbers for each in fleet(number))
    world.until("pods are ready", lambda: len(world.ready_pods()), max(numbers) + 1)
    world.each(_in_analysis, numbers)


def _in_analysis(client: KubeClient, number: int) -> None:
    """Create the n-th rollout, in analysis."""
    body = rollout(number)
    namespace, name = namespace_of(number), body["metadata"]["name"]
    body["metadata"]["finalizers"] = [FINALIZER]
    path = PLURALS["ControllerRollout"].format(namespace)
    made = read(client.request("POST", path, body))
    deployment = client.get(f"/apis/apps/v1/namespaces/{namespace}/deployments/{name}")
    config_map = client.get(f"/api/v1/namespaces/{namespace}/configmaps/{name}-env")
    for subject in (f"deployment/{name}", f"configmap/{name}-env"):
        leases = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases"
        client.request("POST", leases, lease_manifest(made, subject, None))
    snapshot = Snapshot(
        identity=made.spec.identity(),
        spec=made.spec.identity_part(),
        target=Flags(
            config_map=f"{name}-env",
            config_map_uid=config_map["metadata"]["uid"],
            deployment=name,
            deployment_uid=deployment["metadata"]["uid"],
            values={flag.variable: None for flag in FLAGS},
            environment_hash=None,
        ),
        recorded=RECORDED,
        taken_at=time.time() - 120,
    )
    revisions = f"/apis/apps/v1/namespaces/{namespace}/controllerrevisions"
    client.request("POST", revisions, snapshot_manifest(made, snapshot, 1))
    context = (
        f"{template_fingerprint(deployment['spec']['template'])}"
        f"-{environment_view(config_map, None, {}).others}"
    )
    status = _status(snapshot.identity, context, time.time())
    client.request(
        "PATCH",
        f"{path}/{name}/status",
        {"status": status_body(status)},
        content_type=MERGE_PATCH,
    )


def _status(identity: str, context: str, now: float) -> Status:
    """Give the status of a rollout whose evidence begins at the next evaluation."""
    cohort = "1 of 1 pods, 100% of traffic"
    began = f"Run 1: the delta goes to the cohort of step 1, {cohort}."
    return Status(
        observed_generation=1,
        phase=Phase.CANARY,
        stage=Stage.JUDGING,
        stage_since=instant(now),
        run=1,
        identity=identity,
        environment=ENVIRONMENT,
        step=StepStatus(replicas=1, fleet_replicas=1, share=1.0, since=instant(now)),
        cohort=cohort,
        window=Window(since=ceil(now / INTERVAL) * INTERVAL, context=context),
        history=[HistoryEntry(at=instant(now), run=1, phase=Phase.CANARY, message=began)],
    )
