"""Others change the target in the middle: the cohort follows, and evidence starts again."""

import pytest

from integration.harness.phases import (
    in_canary,
    in_fallback,
    in_promoting,
    pods,
    set_flags,
    set_template,
)
from integration.harness.scenarios import healthy
from integration.harness.specs import (
    CONFIG_MAP,
    EXISTING,
    FLEET,
    MANAGED,
    NEXT,
    RLM,
    STEP_1,
)
from integration.harness.world import CLONE, HELD

pytestmark = pytest.mark.cluster

LABELLED = {"metadata": {"labels": {"team": "retrieval"}}}


def followed(rollout, phase):
    """Wait until the step goes on with fresh evidence; give the status."""
    told = rollout.says("Others changed the target")
    assert "window" not in told, "what was counted before counts no more"
    return rollout.reach(phase, "Judging", run=1)


def test_a_new_template_in_canary(install):
    world = install()
    rollout = in_canary(world)
    set_template(world, LABELLED)
    followed(rollout, "Canary")
    world.await_rolled_out("pecr-controller")
    world.remember()
    world.holds(rollout, canary_flags=RLM, replicas=1, locks=HELD)
    world.told(rollout, "CanaryStarted", "Followed")


def test_another_key_of_the_config_map_in_canary(install):
    world = install()
    rollout = in_canary(world)
    before = pods(world), pods(world, CLONE)
    set_flags(world, CONFIG_MAP, PECR_LOG_LEVEL="debug")
    followed(rollout, "Canary")
    assert (pods(world), pods(world, CLONE)) == before, "a ConfigMap reaches no running pod"
    world.remember()
    world.holds(rollout, canary_flags=RLM, locks=HELD)


@pytest.mark.parametrize("mode", [EXISTING, FLEET], ids=["existing", "fleet"])
def test_a_new_template_of_the_users_cohort(install, mode):
    world = install(existing=1 if mode is EXISTING else 0)
    rollout = in_canary(world, mode)
    name = NEXT if mode is EXISTING else "pecr-controller"
    set_template(world, LABELLED, name)
    followed(rollout, "Canary")
    world.await_rolled_out(name)
    place = "existing_flags" if mode is EXISTING else "fleet_flags"
    rollout.abort()
    rollout.reach("Aborted", "Idle")
    template = world.kube.get("deployments", name)["spec"]["template"]
    assert template["metadata"]["labels"]["team"] == "retrieval", "others' change stays"
    assert place


def test_a_new_template_in_promoting(install):
    world = install()
    rollout = in_promoting(world, MANAGED)
    set_template(world, LABELLED)
    followed(rollout, "Promoting")
    labels = world.kube.get("deployments", CLONE)["spec"]["template"]["metadata"]["labels"]
    assert labels["team"] == "retrieval"
    rollout.change(promotion={"bake": "2s"})
    rollout.reach("Completed", "Idle")


def test_a_new_template_in_fallback(install):
    world = install()
    rollout = in_fallback(world)
    world.scenario(healthy())
    incident = rollout.incident
    set_template(world, LABELLED)
    followed(rollout, "Fallback")
    world.await_rolled_out("pecr-controller")
    world.remember()
    world.holds(
        rollout, canary_flags=RLM | STEP_1, locks=incident, finalizer=True, report="Fallback"
    )
