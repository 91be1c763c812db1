"""The checks that only look at what was read."""

import pytest

from cluster.builders import EXISTING, config_map, container, deployment, env, replica_set, rollout
from pecr_rollout.cluster.objects import Objects
from pecr_rollout.cluster.preflight.cohort import check_cohort, largest_cohort
from pecr_rollout.cluster.preflight.facts import Facts
from pecr_rollout.cluster.preflight.flags import check_flags
from pecr_rollout.cluster.preflight.places import check_places
from pecr_rollout.lifecycle.observation import Cluster, Severity

ENGINE = "PECR_CONTROLLER_ENGINE"
BATCH = "PECR_CONTROLLER_BATCH_MODE_ENABLED"
PARALLEL = "PECR_CONTROLLER_ADAPTIVE_PARALLELISM_ENABLED"
POLICIES = "PECR_OPERATOR_CONCURRENCY_POLICIES"
ALIAS = "PECR_CONTROLLER_OPERATOR_CONCURRENCY_POLICY"
ACK = {"PECR_RLM_SANDBOX_ACK": "true"}
SEARCH = {"operatorConcurrencyPolicies": {"search": {"maxInFlight": 4}}}
WITHOUT_FLEET = {"promotion": {"strategy": "None"}}


def facts(*deployments, maps=(), **spec):
    deployments = deployments or (deployment(),)
    maps = maps or (config_map(**ACK),)
    given = rollout(**spec)
    objects = Objects(
        given.spec.target.container,
        deployments={d["metadata"]["name"]: d for d in deployments},
        config_maps={m["metadata"]["name"]: m for m in maps},
        replica_sets=[replica_set(d) for d in deployments],
    )
    return Facts(given, Cluster(None, None, ()), objects)


def found(given):
    checks = (check_places, check_cohort, check_flags)
    return {f.reason: f for check in checks for f in check(given)}


def with_container(*containers, **more):
    return deployment("pecr-controller", *containers, **more)


def controller(*sources, **more):
    return with_container(container("controller", *(sources or ("pecr-controller-env",)), **more))


def test_nothing_is_found_where_all_is_well():
    assert found(facts()) == {}


def errors(given):
    return {reason for reason, f in found(given).items() if f.severity is Severity.ERROR}


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (facts(deployment("another")), "DeploymentMissing"),
        (facts(maps=[config_map("another")]), "ConfigMapMissing"),
        (facts(with_container(container("a"), container("b"))), "ContainerUnclear"),
        (facts(target={"deployment": "pecr-controller", "container": "x",
                       "configMap": "pecr-controller-env"}), "ContainerMissing"),
        (facts(controller("another")), "NotInEnvFrom"),
        (facts(controller({"prefix": "X_", "configMapRef": {"name": "pecr-controller-env"}})),
         "Prefixed"),
        (facts(maps=[config_map(**ACK) | {"immutable": True}]), "ConfigMapImmutable"),
        (facts(deployment(replicas=0)), "NoReplicas"),
        (facts(deployment(readyReplicas=1)), "DeploymentNotReady"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_places(given, reason):
    assert reason in errors(given)
    assert found(given)[reason].message.count(".") <= 4


def test_both_prefixed_and_plain_is_well():
    prefixed = {"prefix": "X_", "configMapRef": {"name": "pecr-controller-env"}}
    assert found(facts(controller(prefixed, "pecr-controller-env"))) == {}


@pytest.mark.parametrize(
    ("change", "reason"),
    [({"paused": True}, "DeploymentPaused"),
     ({"strategy": {"type": "Recreate"}}, "RecreateStrategy")],
)  # fmt: skip
def test_what_cannot_be_rolled_matters_only_where_it_is_rolled(change, reason):
    given = deployment()
    given["spec"] |= change
    assert errors(facts(given)) == {reason}
    assert errors(facts(given, **WITHOUT_FLEET)) == set()


def test_an_immutable_map_matters_only_where_it_is_written():
    immutable = config_map(**ACK) | {"immutable": True}
    assert errors(facts(maps=[immutable], **WITHOUT_FLEET)) == set()


@pytest.mark.parametrize("name", [ENGINE, PARALLEL, BATCH])
def test_a_flag_of_delta_or_fallback_shadowed_by_env(name):
    value = "baseline" if name == ENGINE else "true"
    given = facts(controller(env=[env(name, value)]))
    assert "FlagShadowed" in errors(given)
    message = found(given)["FlagShadowed"].message
    assert name in message
    assert "its own env entry" in message


def test_a_fallback_flag_that_is_safe_already_may_be_shadowed():
    assert found(facts(controller(env=[env(BATCH, "false")]))) == {}


def test_shadowed_by_a_later_source_and_not_by_an_earlier_one():
    maps = [config_map(**ACK), config_map("late", **{ENGINE: "baseline"})]
    late = facts(controller("pecr-controller-env", "late"), maps=maps)
    assert "ConfigMap late" in found(late)["FlagShadowed"].message
    assert found(facts(controller("late", "pecr-controller-env"), maps=maps)) == {}


def test_a_later_secret_may_shadow():
    secret = {"secretRef": {"name": "s"}}
    assert list(found(facts(controller("pecr-controller-env", secret)))) == ["SecretMayShadow"]
    assert found(facts(controller(secret, "pecr-controller-env"))) == {}


def test_an_alias_wins():
    given = facts(maps=[config_map(**ACK, **{ALIAS: "{}"})], flagDelta=SEARCH)
    assert ALIAS in found(given)["AliasWins"].message
    secret = {"name": ALIAS, "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}
    assert "AliasWins" in errors(facts(controller(env=[secret]), flagDelta=SEARCH))
    assert "AliasWins" not in errors(facts(maps=[config_map(**ACK, **{ALIAS: "{}"})]))


def test_the_sandbox_is_not_acknowledged():
    assert "SandboxNotAcknowledged" in errors(facts(maps=[config_map()]))
    off = config_map(PECR_RLM_SANDBOX_ACK="on")
    assert "SandboxNotAcknowledged" in errors(facts(maps=[off]))
    assert found(facts(maps=[config_map()], flagDelta={"batchMode": False})) == {}


def test_a_sandbox_that_is_not_seen_is_said():
    secret = {"secretRef": {"name": "s"}}
    unseen = facts(controller(secret, "pecr-controller-env"), maps=[config_map()])
    assert found(unseen)["SandboxUnknown"].severity is Severity.WARNING
    own = {"name": "PECR_RLM_SANDBOX_ACK",
           "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}  # fmt: skip
    assert "SandboxUnknown" in found(facts(controller(env=[own]), maps=[config_map()]))


@pytest.mark.parametrize(
    ("values", "delta"),
    [
        ({ENGINE: " rlm "}, {"engine": "rlm"}),
        ({}, {"batchMode": True}),
        ({BATCH: "False"}, {"batchMode": True}),
        ({POLICIES: '{"search": {"max_in_flight": 4}}'}, SEARCH),
        ({"PECR_BATCH_MODE": "0"}, {"batchMode": False}),
    ],
)
def test_a_delta_that_changes_nothing(values, delta):
    given = facts(maps=[config_map(**ACK, **values)], flagDelta=delta)
    assert errors(given) == {"NothingToChange"}


def test_a_delta_of_which_something_changes():
    assert found(facts(flagDelta={"engine": "rlm", "batchMode": True})) == {}


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [(ENGINE, "RLM", "FatalValue"), (POLICIES, "[]", "FatalValue"), (ALIAS, "null", "FatalValue"),
     (BATCH, "off", "IgnoredValue"), ("PECR_BATCH_MODE", "False", "IgnoredValue")],
)  # fmt: skip
def test_bad_values_that_are_there_already(name, value, reason):
    given = facts(
        maps=[config_map(**ACK, **{name: value})], flagDelta={"adaptiveParallelism": False}
    )
    assert name in found(given)[reason].message
    assert (reason in errors(given)) is (reason == "FatalValue")


def test_a_config_file_is_warned_of():
    given = facts(maps=[config_map(**ACK, PECR_CONFIG_PATH="/etc/pecr.env")])
    assert "/etc/pecr.env" in found(given)["ConfigFile"].message


def steps(*cohorts):
    return {"steps": [{"cohort": c, "hold": "1m"} for c in cohorts]}


def test_a_cohort_larger_than_its_target():
    message = found(facts(canary=steps(1, 50)))["CohortTooLarge"].message
    assert 'write "50%"' in message
    assert "only 3" in message
    assert found(facts(canary=steps(1, 3))) == {}


def test_steps_that_do_not_grow():
    assert (
        "steps 1 (10%) and 2 (30%)"
        in found(facts(canary=steps("10%", "30%")))["StepsAlike"].message
    )


def test_the_largest_cohort():
    assert largest_cohort(facts(canary=steps("10%", "50%"))) == 2
    assert largest_cohort(facts(canary=steps("10%", "100%"))) == 3


def existing(*, image=None, values=None, **more):
    canary = deployment("pecr-controller-next", **more)
    if image:
        canary["spec"]["template"]["spec"]["containers"][0]["image"] = image
    data = ACK if values is None else values
    maps = [config_map(**ACK), config_map("pecr-controller-next-env", **data)]
    return facts(deployment(), canary, maps=maps, canary=EXISTING)


def test_an_existing_canary_that_is_well():
    assert found(existing()) == {}


def test_an_existing_canary_with_other_flags_or_another_image():
    assert BATCH in found(existing(values={**ACK, BATCH: "false"}))["CanaryDiffers"].message
    assert "other:1" in found(existing(image="other:1"))["ImageDiffers"].message


def test_an_existing_canary_has_the_checks_of_the_target():
    assert "SandboxNotAcknowledged" in errors(existing(values={}))
    assert "NoReplicas" in errors(existing(replicas=0))


def test_the_canary_must_not_be_the_target():
    same = {"existing": {"deployment": "pecr-controller", "configMap": "pecr-controller-env"}}
    assert errors(facts(canary=EXISTING | same)) == {"SameDeployment", "SameConfigMap"}
