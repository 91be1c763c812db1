"""The service's reading of its environment, as measured on the real one."""

import json

import pytest

from pecrfleet.flags import Flags, StartupError, read_flags

ACK = {"PECR_RLM_SANDBOX_ACK": "true"}
POLICIES = "PECR_OPERATOR_CONCURRENCY_POLICIES"


def test_defaults():
    assert read_flags({}) == Flags(
        "baseline", adaptive_parallelism=True, batch_mode=True, policies={}
    )


@pytest.mark.parametrize("value", ["0", "false", "FALSE", "no", "NO", " false "])
def test_false(value):
    flags = read_flags({"PECR_CONTROLLER_BATCH_MODE_ENABLED": value})
    assert flags.batch_mode is False
    assert flags.adaptive_parallelism is True


@pytest.mark.parametrize("value", ["False", "off", "No", "", "2", "True", "on"])
def test_anything_else_is_silently_the_default(value):
    assert read_flags({"PECR_CONTROLLER_ADAPTIVE_PARALLELISM_ENABLED": value}).adaptive_parallelism


@pytest.mark.parametrize(
    "alias",
    [
        "PECR_CONTROLLER_ADAPTIVE_PARALLELISM",
        "PECR_ADAPTIVE_PARALLELISM_ENABLED",
        "PECR_ADAPTIVE_PARALLELISM",
    ],
)
def test_boolean_alias_counts_where_the_documented_name_does_not_parse(alias):
    name = "PECR_CONTROLLER_ADAPTIVE_PARALLELISM_ENABLED"
    assert read_flags({alias: "false"}).adaptive_parallelism is False
    assert read_flags({alias: "false", name: "off"}).adaptive_parallelism is False
    assert read_flags({alias: "false", name: "true"}).adaptive_parallelism is True


@pytest.mark.parametrize(("value", "engine"), [("rlm", "rlm"), (" rlm ", "rlm"), ("", "baseline")])
def test_engine(value, engine):
    assert read_flags(ACK | {"PECR_CONTROLLER_ENGINE": value}).engine == engine


@pytest.mark.parametrize("value", ["RLM", "Baseline", "turbo"])
def test_other_engines_are_fatal(value):
    with pytest.raises(StartupError, match=r"^STARTUP_ERROR \w+: PECR_CONTROLLER_ENGINE"):
        read_flags(ACK | {"PECR_CONTROLLER_ENGINE": value})


@pytest.mark.parametrize(
    "ack", [{}, {"PECR_RLM_SANDBOX_ACK": "False"}, {"PECR_RLM_SANDBOX_ACK": "0"}]
)
def test_rlm_needs_its_acknowledgement(ack):
    with pytest.raises(StartupError, match="ERR_RLM_REQUIRES_SANDBOX_ACK"):
        read_flags(ack | {"PECR_CONTROLLER_ENGINE": "rlm"})


@pytest.mark.parametrize(
    "value",
    [
        "nonsense",
        "[]",
        "null",
        '{"search": null}',
        '{"search": 3}',
        '{"": {}}',
        *(json.dumps({"search": {"max_in_flight": bad}}) for bad in (0, -1, 1.5, "4", True)),
        '{"search": {"fairness_weight": 0}}',
    ],
)
def test_fatal_policies(value):
    with pytest.raises(StartupError, match=POLICIES):
        read_flags({POLICIES: value})


@pytest.mark.parametrize(
    "value", ["", "{}", '{"serach": {"max_in_flight": 1}}', '{"search": {"maxInFlight": 0}}']
)
def test_policies_that_are_silently_accepted(value):
    read_flags({POLICIES: value})


def test_policy_aliases_win():
    flags = read_flags(
        {
            POLICIES: '{"a": {}}',
            "PECR_CONTROLLER_OPERATOR_CONCURRENCY_POLICY": '{"b": {}}',
            "PECR_CONTROLLER_OPERATOR_CONCURRENCY_POLICIES": '{"c": {}}',
        }
    )
    assert flags.policies == {"c": {}}
