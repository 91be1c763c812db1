"""The managed cohort on the real API server, with its pods."""

import pytest

from cluster.conftest import until
from pecr_rollout.cluster import cohort
from pecr_rollout.cluster.errors import ConflictError, RefusedError
from pecr_rollout.cluster.execute import execute
from pecr_rollout.cluster.resources import CONFIG_MAPS
from pecr_rollout.lifecycle.actions import ApplyClone, RemoveClone
from pecr_rollout.lifecycle.observation import Progress

pytestmark = pytest.mark.cluster

ENGINE = "PECR_CONTROLLER_ENGINE"
RLM = {ENGINE: "rlm"}
BASELINE = {ENGINE: "baseline"}


@pytest.fixture
async def cluster(scene):
    scene.namespace.install_target(replicas=3)
    scene.create()
    return await scene.settled()


async def overlays(scene):
    found = await scene.api.list_all(CONFIG_MAPS, scene.name, "pecr.dev/part=overlay")
    return sorted(o["metadata"]["name"] for o in found)


async def test_the_cohort_starts_with_the_delta_and_the_target_is_unharmed(scene, cluster):
    await scene.do(ApplyClone(RLM, 2))
    there = await scene.settled()
    assert there.clone.owned
    assert there.clone.environment == RLM
    assert there.clone.source_template == there.target.template
    assert (there.clone.workload.replicas, there.clone.workload.ready) == (2, 2)
    assert there.target.replica_sets == cluster.target.replica_sets
    assert there.target.ready == 3
    engines = {p.deployment: p.env.get(ENGINE) for p in scene.namespace.fleet.pods(scene.name)}
    assert engines == {"pecr-controller": None, "pecr-controller-canary": "rlm"}


async def test_the_same_again_changes_nothing(scene, cluster):
    await scene.do(ApplyClone(RLM, 1))
    once = await scene.settled()
    await scene.do(ApplyClone(RLM, 1))
    twice = await scene.settled()
    assert once.clone.workload.replica_sets == twice.clone.workload.replica_sets
    assert len(await overlays(scene)) == 1


async def test_growing_restarts_nothing(scene, cluster):
    await scene.do(ApplyClone(RLM, 1))
    small = await scene.settled()
    await scene.do(ApplyClone(RLM, 3))
    large = await scene.settled()
    assert large.clone.workload.ready == 3
    assert large.clone.workload.replica_sets == small.clone.workload.replica_sets


async def test_another_environment_rolls_and_the_overlay_before_is_kept_for_a_while(scene, cluster):
    for environment in (RLM, BASELINE, {ENGINE: "rlm", "PECR_CONTROLLER_BATCH_MODE_ENABLED": "0"}):
        await scene.do(ApplyClone(environment, 1))
        there = await scene.settled()
        assert there.clone.environment == environment
    assert len(await overlays(scene)) == 2


async def test_the_clone_follows_the_targets_template(scene, cluster):
    await scene.do(ApplyClone(RLM, 1))
    scene.namespace.kubectl("set", "env", "deployment/pecr-controller", "PECR_NEW=1")
    there = await scene.settled()
    assert there.clone.source_template != there.target.template
    await scene.do(ApplyClone(RLM, 1))
    there = await scene.settled()
    assert there.clone.source_template == there.target.template
    (pod,) = [
        p for p in scene.namespace.fleet.pods(scene.name) if "canary" in p.deployment and p.ready
    ]
    assert (pod.env["PECR_NEW"], pod.env[ENGINE]) == ("1", "rlm")


async def test_all_of_it_goes(scene, cluster):
    await scene.do(ApplyClone(RLM, 1))
    await scene.settled()
    there = await scene.do(RemoveClone(), RemoveClone())
    assert there.clone is None
    assert await overlays(scene) == []
    assert there.target.ready == 3


async def test_a_clone_whose_overlay_was_deleted_is_seen_and_mended(scene, cluster):
    await scene.do(ApplyClone(RLM, 1))
    (name,) = await overlays(scene)
    scene.namespace.kubectl("delete", "configmap", name)
    assert (await scene.observe()).clone.environment == {}
    assert (await scene.do(ApplyClone(RLM, 1))).clone.environment == RLM


async def test_a_taken_name_is_refused_and_left_alone(scene, cluster):
    scene.namespace.install_target(name="pecr-controller-canary", replicas=1)
    before = await scene.deployment("pecr-controller-canary")
    assert not (await scene.observe()).clone.owned
    with pytest.raises(RefusedError, match="pecr-controller-canary belongs to nobody known"):
        await scene.do(ApplyClone(RLM, 1))
    there = await scene.do(RemoveClone())
    assert there.clone is not None
    after = await scene.deployment("pecr-controller-canary")
    assert after["spec"] == before["spec"]


async def test_a_taken_overlay_name_is_refused(scene, cluster):
    await scene.do(ApplyClone(RLM, 1))
    (name,) = await overlays(scene)
    await scene.do(RemoveClone())
    scene.namespace.kubectl("create", "configmap", name)
    with pytest.raises(RefusedError, match=f"ConfigMap {name}"):
        await scene.do(ApplyClone(RLM, 1))


async def test_a_target_that_was_replaced_is_not_cloned(scene, cluster):
    scene.namespace.kubectl("delete", "deployment", "pecr-controller")
    scene.namespace.install_target(wait=False)
    with pytest.raises(ConflictError):
        await execute(scene.api, scene.read(), cluster, ApplyClone(RLM, 1))


async def test_a_clone_with_another_selector_is_made_anew(scene, cluster):
    await scene.do(ApplyClone(RLM, 1))
    scene.namespace.kubectl("delete", "deployment", "pecr-controller")
    scene.namespace.install_target(labels={"extra": "1"}, wait=False)
    target = await scene.deployment()
    scene.namespace.kubectl("delete", "deployment", "pecr-controller")
    spec = target["spec"]
    spec["selector"]["matchLabels"] = {"extra": "1"}
    scene.apply({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": "pecr-controller"}, "spec": spec,
    })  # fmt: skip
    await scene.do(ApplyClone(RLM, 1))
    clone = await scene.deployment("pecr-controller-canary")
    labels = clone["spec"]["selector"]["matchLabels"]
    assert labels == {"extra": "1", "pecr.dev/cohort": "canary"}


async def test_what_another_operator_changed_meanwhile_is_not_overwritten(scene, cluster):
    """As one that was paused and goes on with an old decision."""
    rollout = scene.read()
    current = await scene.do(ApplyClone(RLM, 1))
    for stale in (cluster, current):
        await scene.do(ApplyClone(BASELINE, 1))
        with pytest.raises(ConflictError):
            await execute(scene.api, rollout, stale, ApplyClone(RLM, 2))
    with pytest.raises(ConflictError):
        await execute(scene.api, rollout, cluster, RemoveClone())
    assert (await scene.observe()).clone.environment == BASELINE
    await scene.do(RemoveClone())
    with pytest.raises(ConflictError):
        await execute(scene.api, rollout, current, ApplyClone(RLM, 2))
    assert (await scene.observe()).clone is None


async def test_begun_and_killed_it_is_finished(scene, cluster, monkeypatch):
    with monkeypatch.context() as killed:
        killed.setattr(cohort, "_create", None)
        with pytest.raises(TypeError):
            await scene.do(ApplyClone(RLM, 1))
    assert len(await overlays(scene)) == 1
    assert (await scene.do(ApplyClone(RLM, 1))).clone.environment == RLM


class KilledError(Exception):
    """The operator was killed right after its last write."""


async def test_killed_after_its_last_write_it_leaves_no_overlay_behind(scene, cluster, monkeypatch):
    """Nobody comes back for them: all is as recorded."""
    update = cohort._update

    async def then_killed(*arguments):
        await update(*arguments)
        raise KilledError

    await scene.do(ApplyClone(RLM, 1))
    await scene.do(ApplyClone(BASELINE, 1))
    third = {**RLM, "PECR_CONTROLLER_BATCH_MODE_ENABLED": "false"}
    monkeypatch.setattr(cohort, "_update", then_killed)
    with pytest.raises(KilledError):
        await scene.do(ApplyClone(third, 1))
    assert (await scene.observe()).clone.environment == third
    assert len(await overlays(scene)) == 2


async def test_killed_before_the_clone_is_removed_all_of_it_goes(scene, cluster, monkeypatch):
    async def killed(*_):
        raise KilledError

    await scene.do(ApplyClone(RLM, 1))
    with monkeypatch.context() as context:
        context.setattr(cohort, "_prune", killed)
        with pytest.raises(KilledError):
            await scene.do(RemoveClone())
    assert (await scene.observe()).clone is not None, "it tells that something is left to be done"
    await scene.do(RemoveClone())
    assert await overlays(scene) == []


async def test_a_crashing_cohort(scene):
    scene.namespace.install_target(env={"PECR_X": "1"})
    scene.create()
    await scene.settled()
    await scene.do(ApplyClone(RLM, 1))  # its sandbox is not acknowledged
    there = await until(scene.observe, lambda c: c.clone.workload.progress is Progress.CRASHING)
    assert "exit code 1" in there.clone.workload.trouble
    assert there.target.progress is Progress.COMPLETE


async def test_it_goes_with_its_rollout(scene, cluster):
    await scene.do(ApplyClone(RLM, 1))
    rollout = scene.read()
    scene.delete()
    await until(lambda: scene.observe(rollout), lambda c: c.clone is None)
    await until(lambda: overlays(scene), lambda names: names == [])


@pytest.mark.parametrize("what", ["generation", "uid"])
async def test_a_change_between_look_and_write_is_a_conflict(scene, cluster, monkeypatch, what):
    await scene.do(ApplyClone(RLM, 1))
    there = await scene.deployment("pecr-controller-canary")
    there["metadata"][what] = 99 if what == "generation" else "another"
    with pytest.raises(ConflictError, match="was changed meanwhile"):
        await cohort._update(scene.api, there, there)


async def test_annotations_of_others_stay(scene, cluster):
    await scene.do(ApplyClone(RLM, 1))
    for kept in ({"example.com/theirs": "1"}, None):
        scene.patch("deployment/pecr-controller-canary", {"metadata": {"annotations": kept}})
        await scene.do(ApplyClone(RLM, 2))
        there = await scene.deployment("pecr-controller-canary")
        assert "pecr.dev/source-template" in there["metadata"]["annotations"]
        assert (there["metadata"]["annotations"].get("example.com/theirs") is not None) is bool(
            kept
        )
