"""One look at the real API server."""

import pytest

from cluster.builders import EXISTING
from cluster.conftest import until
from pecr_rollout.api.status import Status
from pecr_rollout.cluster import observe as observing
from pecr_rollout.cluster.client import Api
from pecr_rollout.cluster.connection import open_api
from pecr_rollout.cluster.errors import ForbiddenError
from pecr_rollout.cluster.locks import acquire, lease_name
from pecr_rollout.cluster.observe import observe, observe_all
from pecr_rollout.cluster.resources import CONFIG_MAPS, REPLICA_SETS
from pecr_rollout.cluster.whole import NotWholeError
from pecr_rollout.lifecycle.actions import ApplyClone, TakeSnapshot
from pecr_rollout.lifecycle.observation import Flags, Progress, Snapshot

pytestmark = pytest.mark.cluster

ENGINE = "PECR_CONTROLLER_ENGINE"


async def test_a_settled_target(scene):
    scene.namespace.install_target(replicas=3, env={ENGINE: "baseline", "PECR_X": "1"})
    scene.create()
    cluster = await scene.settled()
    assert cluster.target.progress is Progress.COMPLETE
    assert (cluster.target.replicas, cluster.target.ready) == (3, 3)
    assert cluster.target.settled_at > 0
    assert cluster.target.environment_hash is None
    assert cluster.environment.flags == {ENGINE: "baseline"}
    assert cluster.environment.resolved == {ENGINE: "baseline"}
    assert cluster.clone is None
    assert cluster.snapshot is None
    assert cluster.finalizer is False
    pods = scene.namespace.kubectl_json("get", "pods")["items"]
    (name,) = cluster.target.replica_sets
    assert all(pod["metadata"]["name"].startswith(f"{name}-") for pod in pods)


async def test_a_list_that_is_older_than_the_deployment_is_recognised(scene, monkeypatch):
    scene.namespace.install_target(replicas=3, env={ENGINE: "baseline"})
    scene.create()
    assert not (await scene.settled()).target.torn
    list_all = Api.list_all

    async def older(api, resource, *where, **more):
        found = await list_all(api, resource, *where, **more)
        return [] if resource is REPLICA_SETS else found

    monkeypatch.setattr(Api, "list_all", older)
    target = (await scene.observe()).target
    assert (target.progress, target.replica_sets, target.torn) == (Progress.COMPLETE, (), True)


async def test_locks_of_all_subjects_in_their_order(scene):
    scene.namespace.install_target(wait=False)
    scene.create(canary=EXISTING)
    cluster = await scene.observe()
    assert [lock.subject for lock in cluster.locks] == [
        "configmap/pecr-controller-env",
        "configmap/pecr-controller-next-env",
        "deployment/pecr-controller",
        "deployment/pecr-controller-next",
    ]
    assert all(lock.holder is None and lock.incident is None for lock in cluster.locks)
    assert cluster.locks[0].name == lease_name("configmap/pecr-controller-env")


async def test_what_is_missing_is_none(scene):
    scene.create(canary=EXISTING)
    cluster = await scene.observe()
    assert cluster.target is None
    assert cluster.environment is None
    assert cluster.existing is None
    assert cluster.existing_environment is None
    assert cluster.unreadable == ""


async def test_an_existing_canary(scene):
    scene.namespace.install_target()
    acknowledged = {ENGINE: "rlm", "PECR_RLM_SANDBOX_ACK": "true"}
    scene.namespace.install_target(name="pecr-controller-next", replicas=1, env=acknowledged)
    scene.create(canary=EXISTING)
    cluster = await scene.settled()
    assert cluster.existing.name == "pecr-controller-next"
    assert cluster.existing_environment.resolved == {ENGINE: "rlm"}


async def test_what_env_sets_is_what_the_process_resolves(scene):
    scene.namespace.install_target(
        wait=False, env={ENGINE: "rlm"}, container_env={ENGINE: "baseline"}
    )
    scene.create()
    cluster = await scene.observe()
    assert cluster.environment.flags == {ENGINE: "rlm"}
    assert cluster.environment.resolved == {ENGINE: "baseline"}


async def test_a_crashing_target(scene):
    scene.namespace.install_target(wait=False, env={ENGINE: "nonsense"})
    scene.create()
    cluster = await until(scene.observe, lambda c: c.target.progress is Progress.CRASHING)
    assert "exit code 1" in cluster.target.trouble


async def test_a_roll_out_in_the_middle(scene):
    scene.namespace.install_target()
    scene.create()
    before = await scene.settled()
    scene.namespace.kubectl("rollout", "restart", "deployment/pecr-controller")
    middle = await scene.observe()
    assert middle.target.progress is Progress.ROLLING
    assert middle.target.template != before.target.template
    after = await scene.settled()
    assert after.target.replica_sets != before.target.replica_sets
    assert after.target.ready == 3


async def test_a_quota_keeps_pods_from_being_created(scene):
    scene.apply({
        "apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "tight"},
        "spec": {"hard": {"pods": "1"}},
    })  # fmt: skip
    scene.namespace.install_target(replicas=3, wait=False)
    scene.create()
    cluster = await until(scene.observe, lambda c: "exceeded quota" in c.target.scheduling)
    assert cluster.target.progress is Progress.ROLLING


async def test_a_namespace_that_is_being_deleted_is_told(scene):
    scene.namespace.install_target()
    scene.create()
    assert not (await scene.settled()).namespace_ends
    scene.namespace.kubectl("delete", "namespace", scene.name, "--wait=false")
    await until(scene.observe, lambda c: c.namespace_ends)


async def test_few_requests_and_each_counted(scene, requests):
    scene.namespace.install_target()
    rollout = scene.create()
    await scene.settled()
    await scene.do(ApplyClone({ENGINE: "rlm"}, 1))
    requests.seen.clear()
    await scene.observe(rollout)
    verbs = sorted({verb for verb, _, _ in requests.seen})
    assert verbs == ["get", "list"]
    assert len(requests.seen) <= 10
    assert sum(1 for _, plural, _ in requests.seen if plural == "pods") == 1


async def test_after_a_change_of_the_spec_the_run_is_looked_at(scene):
    """A run ends with the spec that it began with, also when the canary is named anew."""
    scene.namespace.install_target(name="pecr-controller-next", wait=False)
    rollout = scene.create(canary=EXISTING)
    identity = rollout.spec.identity()
    flags = Flags("c", "u", "d", "v", {}, None)
    await scene.do(TakeSnapshot(Snapshot(identity, rollout.spec.identity_part(), flags)))
    other = {"existing": {"deployment": "other", "configMap": "other"}}
    changed = scene.create(canary=EXISTING | other)
    assert changed.spec.identity() != identity
    running = changed.model_copy(update={"status": Status(identity=identity)})
    cluster = await scene.observe(running)
    assert cluster.existing.name == "pecr-controller-next"
    assert "deployment/pecr-controller-next" in [lock.subject for lock in cluster.locks]
    assert cluster.snapshot.identity == identity


async def test_what_may_not_be_read_is_said(scene, localcluster):
    rollout = scene.create()
    kubeconfig = localcluster.kubeconfig_for_service_account(scene.name, "default")
    async with open_api(str(kubeconfig)) as powerless:
        cluster = await observe(powerless, rollout)
    assert cluster.target is None
    assert "forbidden" in cluster.unreadable


async def test_many_at_once_see_what_each_would_have_seen_alone(scene, requests):
    scene.namespace.install_target(replicas=2)
    scene.namespace.install_target(name="second", replicas=1)
    rollouts = [
        scene.create(),
        scene.create("second", target={"deployment": "second", "configMap": "second-env"}),
        scene.create("lost", target={"deployment": "lost", "configMap": "lost-env"}),
        scene.create("other", canary=EXISTING),
    ]
    await acquire(scene.api, rollouts[0], ("configmap/pecr-controller-env",))
    await scene.settled(rollouts[0])
    await scene.settled(rollouts[1])
    alone = [await scene.observe(one) for one in rollouts]
    requests.seen.clear()
    together = [cluster async for _, cluster in observe_all(scene.api, rollouts)]
    assert together == alone
    asked = [(verb, plural) for verb, plural, _ in requests.seen]
    assert {verb for verb, _ in asked} == {"list"}
    assert len(asked) == len(set(asked)), "each kind once"


@pytest.mark.parametrize("why", ["large", "forbidden"])
async def test_a_namespace_that_is_not_to_be_read_whole(scene, monkeypatch, why):
    rollout = scene.create()
    if why == "large":
        monkeypatch.setattr("pecr_rollout.cluster.client.PAGE", 1)

    async def forbidden(*_):
        raise ForbiddenError("no")

    if why == "forbidden":
        monkeypatch.setattr(Api, "list_page", forbidden)
    for name in ("a", "b"):
        metadata = {"namespace": scene.name, "name": name}
        await scene.api.create(CONFIG_MAPS, {"metadata": metadata})
    with pytest.raises(NotWholeError):
        _ = [each async for each in observe_all(scene.api, [rollout])]


async def test_what_one_meets_is_not_the_others(scene, monkeypatch):
    first, second = scene.create(), scene.create("second")
    look = observing._look

    async def fails(reads, rollout):
        if rollout.metadata.name == first.metadata.name:
            raise KeyError("nobody thought of this")
        return await look(reads, rollout)

    monkeypatch.setattr(observing, "_look", fails)
    assert [one async for one, _ in observe_all(scene.api, [first, second])] == [second]
