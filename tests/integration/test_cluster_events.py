"""What a run works on changes under it: it goes, comes back as another, is full, is forbidden."""

import pytest

from integration.harness import fleet
from integration.harness.account import ACCOUNT, ROLES
from integration.harness.phases import in_canary, in_promoting, left, set_flags
from integration.harness.scenarios import under_rlm
from integration.harness.specs import (
    CONFIG_MAP,
    DEPLOYMENT,
    FLEET,
    RLM,
    TWO_STEPS,
    canary,
    spec,
)
from integration.harness.waiting import wait_until
from integration.harness.world import CLONE, HELD
from integration.test_crash import withdrawn
from pecrfleet.kube import MERGE_PATCH, KubeError

pytestmark = pytest.mark.cluster


def delete(world, path):
    """Delete what the harness has no word for."""
    world.kube.client.request("DELETE", path)


def test_the_target_is_deleted_and_created_again(install):
    world = install()
    rollout = in_canary(world)
    world.kube.delete("deployments", DEPLOYMENT)
    rollout.says("nothing is written", f"Deployment {DEPLOYMENT} is gone")
    world.namespace.install_target()
    rollout.says("nothing is written", "was replaced by another of the same name")
    rollout.condition("Stalled")
    rollout.delete()
    rollout.gone()
    left(world)


def test_the_config_map_is_deleted_and_created_again(install):
    world = install()
    rollout = in_canary(world, FLEET)
    world.kube.delete("configmaps", CONFIG_MAP)
    rollout.says("nothing is written", f"ConfigMap {CONFIG_MAP} is gone")
    world.namespace.install_target(wait=False)
    rollout.says("nothing is written", "was replaced by another of the same name")
    data = world.kube.get("configmaps", CONFIG_MAP)["data"]
    assert fleet.flags_of(data) == {}, "what is another one's is not written"
    rollout.delete()
    rollout.gone()


def test_the_config_map_is_made_immutable(install):
    world = install()
    rollout = in_canary(world, FLEET)
    world.kube.patch("configmaps", CONFIG_MAP, {"immutable": True})
    rollout.says("nothing is written", "was made immutable")
    rollout.delete()
    rollout.gone()
    assert fleet.flags_of(world.kube.get("configmaps", CONFIG_MAP)["data"]) == RLM


def test_pods_are_evicted(install):
    """Their successors count on, and nothing is told of it."""
    world = install()
    rollout = world.rollout(spec(promotion="Manual"))
    rollout.await_(lambda s: s.get("slo") == "Within")
    for pod in fleet.pods_of(world.namespace, CLONE) + fleet.pods_of(world.namespace, DEPLOYMENT):
        world.kube.delete("pods", pod.name)
    world.holds(rollout, canary_flags=RLM, replicas=1, locks=HELD)
    rollout.annotate(looked="again")
    rollout.await_(lambda s: s.get("slo") == "Within")
    world.told(rollout, "CanaryStarted")


def test_pods_that_ran_well_begin_to_crash(install):
    world = install()
    rollout = in_canary(world)
    world.scenario(under_rlm(crash_after=0.3))
    withdrawn(world, rollout)


def test_a_quota_appears_before_the_next_step(install):
    world = install()
    rollout = world.rollout(spec() | {"canary": canary(TWO_STEPS, readyWithin="10s")})
    rollout.reach("Canary", "Judging", step=1)
    hard = {"spec": {"hard": {"pods": "4"}}, "metadata": {"name": "tight"}}
    path = f"/api/v1/namespaces/{world.name}/resourcequotas"
    world.kube.client.request("POST", path, hard)
    rollout.says("could not be scheduled within 10s", "exceeded quota")
    rollout.reach("Pending", "Preparing", run=2)
    world.holds(rollout, snapshot=True)
    delete(world, f"{path}/tight")
    rollout.change(analysis={"maxDuration": "1h"})  # preflight is tried again every 30 s, or now
    rollout.reach("Completed", "Idle", run=2)
    world.holds(rollout, fleet_flags=RLM, report="Completed")


def test_the_namespace_is_deleted(install):
    """A rollout in the middle does not keep its namespace from going."""
    world = install()
    rollout = in_promoting(world)
    path = f"/api/v1/namespaces/{world.name}"
    delete(world, path)

    def gone():
        try:
            return world.kube.client.get(path) is None
        except KubeError as error:
            return error.status == 404

    wait_until(gone, explain=lambda: str(rollout.status))
    rollout.gone()


def test_a_right_is_taken_away_and_given_back(install):
    world = install()
    rollout = in_canary(world)
    path = f"{ROLES.format(world.name, 'role')}/{ACCOUNT}"
    rules = world.kube.client.get(path)["rules"]

    def allow(rules) -> None:
        world.kube.client.request("PATCH", path, {"rules": rules}, content_type=MERGE_PATCH)

    allow([rule for rule in rules if rule["resources"] != ["deployments"]])
    set_flags(world, CONFIG_MAP, PECR_LOG_LEVEL="debug")  # there is something to look at
    rollout.says("the target cannot be read", "deployments")
    rollout.condition("Stalled")
    allow(rules)
    rollout.says("Others changed the target")
    rollout.reach("Canary", "Judging", run=1)
