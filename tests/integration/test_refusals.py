"""What cannot run: refused by the API server, held by preflight, or unreadable, each in words."""

import pytest

from integration.harness.lawful import kstatus
from integration.harness.phases import stays
from integration.harness.rollout import conditions
from integration.harness.specs import (
    CONFIG_MAP,
    DEPLOYMENT,
    ENGINE,
    EXISTING,
    FLEET,
    RLM,
    TWO_STEPS,
    manifest,
    spec,
)
from integration.harness.world import CLONE, HELD
from pecrfleet import SAFE_ENVIRONMENT, Scenario, Traffic
from pecrfleet.kube import KubeError

pytestmark = pytest.mark.cluster


def without(part):
    found = spec()
    del found[part]
    return found


@pytest.mark.parametrize(
    ("content", "words"),
    [
        *(
            pytest.param(without(part), [f"spec.{part}", "Required value"], id=f"no {part}")
            for part in ("flagDelta", "canary", "slo", "rollbackOwner")
        ),
        pytest.param(
            spec(analysis={"interval": "-5s"}),
            ["spec.analysis.interval", '"-5s"', "write a positive time"],
            id="a negative time",
        ),
        pytest.param(
            spec(mode=FLEET, baseline={"source": "Concurrent"}),
            ["spec.baseline.source", "Concurrent", "use baseline.source Recorded or Fixed"],
            id="no rest of the fleet",
        ),
        pytest.param(
            spec(mode=TWO_STEPS | {"steps": [{"cohort": 2, "hold": "3s"}] * 2}),
            ["spec.canary.steps", "larger than the one before"],
            id="steps that do not grow",
        ),
        pytest.param(
            spec(delta={"engine": "RLM"}),
            ["spec.flagDelta.engine", '"RLM"', '"baseline", "rlm"'],
            id="a value that is fatal to the service",
        ),
    ],
)
def test_a_bad_spec_is_refused_by_the_api_server(world, content, words):
    with pytest.raises(KubeError) as refused:
        world.kube.create(manifest("bad", content))
    assert refused.value.status == 422
    for word in words:
        assert word in str(refused.value)
    assert world.kube.list("controllerrollouts") == []


def held_back(world, rollout, reason, *words):
    """Assert that preflight holds a rollout back: named with cause and cure, nothing written."""
    status = rollout.says(reason)
    stalled = conditions(status)["Stalled"]
    assert (stalled["status"], stalled["reason"]) == ("True", reason)
    for word in words:
        assert word in status["message"]
    assert kstatus(rollout.body) == "Failed"
    assert status["phase"] == "Pending"
    assert world.locks() == {}
    world._check_clone(rollout, None, None)
    world._check_finalizer(rollout, there=False)
    world._check_report(rollout, None)


def test_a_config_map_that_is_not_read_until_it_is_the_right_one(install):
    world = install()
    world.kube.create(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "other"}, "data": {}}
    )
    target = {"deployment": DEPLOYMENT, "configMap": "other"}
    rollout = world.rollout(spec(target=target))
    held_back(world, rollout, "NotInEnvFrom", "pecr-controller-env", "add it there")
    rollout.change(target={"configMap": CONFIG_MAP})
    rollout.reach("Completed", "Idle")
    world.holds(rollout, fleet_flags=RLM, report="Completed")
    world.kube.delete("configmaps", "other")


def test_a_deployment_that_is_not_there_until_it_is(world):
    world.operator.start()
    rollout = world.rollout(spec())
    status = rollout.says("DeploymentMissing")
    assert "create it in namespace" in status["message"]
    world.install(Scenario(traffic=Traffic(rps=1200)))
    rollout.reach("Canary", "Judging")
    world.holds(rollout, canary_flags=RLM, locks=HELD)


def test_rlm_without_its_acknowledgement(install):
    env = {k: v for k, v in SAFE_ENVIRONMENT.items() if k != "PECR_RLM_SANDBOX_ACK"}
    world = install(env=env)
    rollout = world.rollout(spec())
    held_back(world, rollout, "SandboxNotAcknowledged", "PECR_RLM_SANDBOX_ACK")
    world.untouched(rollout)


def test_a_flag_of_another_field_manager(install):
    world = install(env=dict(SAFE_ENVIRONMENT) | {ENGINE: "baseline"})
    rollout = world.rollout(spec())
    held_back(world, rollout, "FlagOwned", ENGINE)
    world.untouched(rollout)
    rollout.change(target={"conflicts": "Take"})
    rollout.reach("Completed", "Idle")
    world.holds(rollout, fleet_flags=RLM, report="Completed")


def test_the_name_of_the_clone_is_taken(install):
    world = install()
    world.namespace.install_target(name=CLONE, replicas=1)
    rollout = world.rollout(spec())
    status = rollout.says("CloneNameTaken", CLONE)
    assert conditions(status)["Stalled"]["status"] == "True"
    assert world.locks() == {}
    assert world.kube.get("deployments", CLONE)["metadata"].get("ownerReferences") is None


def test_all_that_is_wrong_is_said_at_once(install):
    world = install()
    existing = EXISTING | {"existing": {"deployment": "nobody", "configMap": "nothing"}}
    target = {"deployment": DEPLOYMENT, "configMap": "missing"}
    rollout = world.rollout(spec(target=target, mode=existing))
    status = rollout.says("ConfigMapMissing: ConfigMap missing", "DeploymentMissing")
    assert "Deployment nobody is not there" in status["message"]
    world.untouched(rollout)


def test_no_traffic_until_there_is_some(world):
    world.operator.start(wait=False)
    world.scenario(Scenario(traffic=Traffic(rps=0)))
    world.namespace.install_target()
    world.remember()
    rollout = world.rollout(spec())
    held_back(world, rollout, "NoTraffic", "send traffic first")
    world.untouched(rollout)
    world.scenario(Scenario(traffic=Traffic(rps=1200)))
    world.await_traffic()
    rollout.annotate(note="look again")  # in place of waiting until it looks by itself
    rollout.reach("Canary", "Judging")
    world.holds(rollout, canary_flags=RLM, locks=HELD)


UNREADABLE = {
    # RE2 knows it, so the API server takes it; the models do not
    "selectors": {
        "canary": [{"label": "pod", "op": "=~", "value": r"\pL+"}],
        "baseline": [{"label": "pod", "value": "x"}],
    }
}


def test_an_unreadable_resource_stalls_alone(install):
    world = install()
    bad = world.rollout(spec(analysis=UNREADABLE), "bad")
    status = bad.says("cannot be read")
    assert "spec.analysis.selectors.canary.0" in status["message"]
    assert r"\pL+" in status["message"], "what was found"
    assert "write a regular expression" in status["message"], "what would be right"
    stalled = conditions(status)["Stalled"]
    assert (stalled["status"], stalled["reason"]) == ("True", "Unreadable")
    assert kstatus(bad.body) == "Failed"
    good = world.rollout(spec(), "good")
    good.reach("Completed", "Idle")
    world.holds(good, fleet_flags=RLM, report="Completed")
    stays(bad, lambda s: conditions(s)["Stalled"]["reason"] == "Unreadable", 1)
    assert bad.body["metadata"].get("finalizers") is None
    # mended, it goes on as if nothing had been
    bad.change(analysis={"selectors": None}, flagDelta={"engine": None, "batchMode": False})
    bad.reach("Completed", "Idle")


def test_a_resource_that_becomes_unreadable_in_a_run_stalls_with_what_it_has(install):
    world = install()
    mode = {"mode": "Managed", "steps": [{"cohort": 1, "hold": "10m"}]}
    rollout = world.rollout(spec(mode=mode))
    rollout.reach("Canary", "Judging")
    rollout.change(analysis=UNREADABLE)
    rollout.says("cannot be read")
    world.holds(rollout, canary_flags=RLM, locks=HELD)
    rollout.change(analysis={"selectors": None})
    rollout.says("is being judged")
    world.holds(rollout, canary_flags=RLM, locks=HELD)
