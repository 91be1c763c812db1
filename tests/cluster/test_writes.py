"""Writes to what the user owns, with their preconditions."""

import pytest

from pecr_rollout.api.rollout import ENVIRONMENT_HASH, FINALIZER
from pecr_rollout.cluster.errors import ConflictError, NotFoundError
from pecr_rollout.lifecycle.actions import (
    AddFinalizer,
    RemoveFinalizer,
    StampTemplate,
    WriteFlags,
)

pytestmark = pytest.mark.cluster

ENGINE = "PECR_CONTROLLER_ENGINE"
BATCH = "PECR_CONTROLLER_BATCH_MODE_ENABLED"


@pytest.fixture
async def cluster(scene):
    scene.namespace.install_target(env={"PECR_X": "1", BATCH: "true"})
    scene.create()
    return await scene.settled()


def flags(cluster, **changes):
    there = cluster.environment
    return WriteFlags(there.name, there.uid, there.resource_version, changes)


def stamp(cluster, value):
    there = cluster.target
    return StampTemplate(there.name, there.uid, there.resource_version, value)


async def test_flags_are_merged_under_our_name_and_restart_nothing(scene, cluster):
    after = await scene.do(flags(cluster, **{ENGINE: "rlm", BATCH: None}))
    config_map = await scene.config_map()
    assert config_map["data"] == {"PECR_X": "1", ENGINE: "rlm"}
    owners = [m for m in config_map["metadata"]["managedFields"] if m["manager"] == "pecr-rollout"]
    assert list(owners[0]["fieldsV1"]["f:data"]) == [f"f:{ENGINE}"]
    assert after.target.replica_sets == cluster.target.replica_sets


async def test_flags_are_not_written_over_somebody_elses_change(scene, cluster):
    scene.patch("configmap/pecr-controller-env", {"data": {ENGINE: "baseline"}})
    with pytest.raises(ConflictError):
        await scene.do(flags(cluster, **{ENGINE: "rlm"}))
    assert (await scene.config_map())["data"][ENGINE] == "baseline"


async def test_flags_are_not_written_into_another_map_of_the_same_name(scene, cluster):
    scene.namespace.kubectl("delete", "configmap", "pecr-controller-env")
    with pytest.raises(NotFoundError):
        await scene.do(flags(cluster, **{ENGINE: "rlm"}))
    scene.namespace.kubectl("create", "configmap", "pecr-controller-env")
    with pytest.raises(ConflictError):
        await scene.do(flags(cluster, **{ENGINE: "rlm"}))
    assert "data" not in await scene.config_map()


async def test_flags_into_a_map_without_data(scene):
    scene.namespace.kubectl("create", "configmap", "pecr-controller-env")
    scene.create()
    cluster = await scene.observe()
    await scene.do(flags(cluster, **{ENGINE: "rlm", BATCH: None}))
    assert (await scene.config_map())["data"] == {ENGINE: "rlm"}


async def test_a_stamp_rolls_the_pods_and_taking_it_off_rolls_them_back(scene, cluster):
    await scene.insist(lambda seen: stamp(seen, "h1"))
    there = await scene.settled()
    assert there.target.environment_hash == "h1"
    assert there.target.template == cluster.target.template
    assert there.target.replica_sets != cluster.target.replica_sets
    await scene.insist(lambda seen: stamp(seen, None))
    back = await scene.settled()
    assert back.target.replica_sets == cluster.target.replica_sets
    template = (await scene.deployment())["spec"]["template"]
    assert ENVIRONMENT_HASH not in (template["metadata"].get("annotations") or {})


async def test_a_stamp_is_not_put_on_what_was_changed_meanwhile(scene, cluster):
    scene.namespace.kubectl("scale", "deployment/pecr-controller", "--replicas=2")
    with pytest.raises(ConflictError):
        await scene.do(stamp(cluster, "h1"))


async def test_the_finalizer_stands_beside_those_of_others(scene):
    scene.create()
    both = ["example.com/theirs", FINALIZER]
    scene.patch("controllerrollout/rlm-engine", {"metadata": {"finalizers": both[:1]}})
    rollout = scene.read()
    await scene.do(AddFinalizer(), AddFinalizer(), rollout=rollout)
    assert (await scene.body())["metadata"]["finalizers"] == both
    assert (await scene.observe()).finalizer
    await scene.do(RemoveFinalizer(), RemoveFinalizer())
    assert (await scene.body())["metadata"]["finalizers"] == both[:1]
    scene.patch("controllerrollout/rlm-engine", {"metadata": {"finalizers": None}})


async def test_the_finalizer_lets_a_deleted_rollout_go(scene):
    scene.create()
    rollout = scene.read()
    await scene.do(AddFinalizer(), rollout=rollout)
    scene.delete()
    await scene.do(RemoveFinalizer(), RemoveFinalizer(), rollout=rollout)
    with pytest.raises(NotFoundError):
        await scene.body()


async def test_a_finalizer_never_goes_on_a_rollout_created_again(scene):
    old = scene.create()
    scene.delete()
    scene.create()
    with pytest.raises(ConflictError):
        await scene.do(AddFinalizer(), rollout=old)
    await scene.do(RemoveFinalizer(), rollout=old)
