"""Scenarios, their rules and the ones that come with the fleet."""

import json
from pathlib import Path

import pytest

import pecrfleet
from pecrfleet import Effect, Rule, Scenario, ScenarioError, Traffic, When, named_scenario
from pecrfleet.flags import read_flags
from pecrfleet.manifests import SAFE_ENVIRONMENT, target_manifests
from pecrfleet.rules import Subject, effect_of, next_change

NAMES = sorted(each.stem for each in (Path(pecrfleet.__file__).parent / "scenarios").glob("*.json"))
FALLBACKS = [
    {"PECR_CONTROLLER_ENGINE": "rlm"},
    {"PECR_CONTROLLER_ADAPTIVE_PARALLELISM_ENABLED": "false"},
    {"PECR_CONTROLLER_BATCH_MODE_ENABLED": "false"},
    {"PECR_CONTROLLER_ENGINE": "baseline"},
]


def _subject(env=SAFE_ENVIRONMENT, **more):
    given = {"pod": "p-abc-1", "deployment": "p", "labels": {}, "env": env}
    return Subject(**(given | more), flags=read_flags(env))


def _along_the_fallbacks(name, field):
    env, values = dict(SAFE_ENVIRONMENT), []
    for change in FALLBACKS:
        env |= change
        values.append(effect_of(named_scenario(name), _subject(env), 0.0)[field])
    return values


@pytest.mark.parametrize("name", NAMES)
def test_named_scenarios_survive_the_wire(name):
    scenario = named_scenario(name)
    assert Scenario.from_json(json.loads(json.dumps(scenario.to_json()))) == scenario


@pytest.mark.parametrize(
    ("name", "rates"),
    [
        ("healthy", [0.0, 0.0, 0.0, 0.0]),
        ("rlm-violates-until-batch-off", [0.47, 0.36, 0.0, 0.0]),
        ("rlm-violates-until-baseline", [0.47, 0.36, 0.48, 0.0]),
        ("step-2-cures-step-3-brings-back", [1.0, 1.0, 0.0, 1.0]),
    ],
)
def test_measured_violation_rates(name, rates):
    assert _along_the_fallbacks(name, "violation_rate") == rates


def test_measured_latencies():
    assert _along_the_fallbacks("latency-until-baseline", "latency") == ["slow"] * 3 + ["fast"]
    assert _along_the_fallbacks("latency-until-step-1", "latency")[1:] == ["fast"] * 3


def test_broken_source_stays_broken_for_the_canary_alone():
    scenario = named_scenario("broken-source")
    canary = _subject(labels={"pecr.dev/cohort": "canary"})
    assert effect_of(scenario, canary, 0)["terminal_modes"] == {"SOURCE_UNAVAILABLE": 1.0}
    assert "SOURCE_UNAVAILABLE" not in effect_of(scenario, _subject(), 0)["terminal_modes"]


def test_unknown_scenario_lists_the_known():
    with pytest.raises(ScenarioError, match=r"no scenario 'x'; there are .*healthy"):
        named_scenario("x")


def test_rate_can_be_chosen():
    assert named_scenario("healthy", rps=7).traffic.rps == 7


@pytest.mark.parametrize(
    ("when", "holds"),
    [
        (When(), True),
        (When(engine="baseline", batch_mode=True), True),
        (When(engine="rlm"), False),
        (When(policies=True), False),
        (When(deployment="p"), True),
        (When(deployment="p-.*"), False),
        (When(pod="p-.*"), True),
        (When(pod_prefix="p-abc"), True),
        (When(labels={"a": "b"}), False),
        (When(env={"PECR_RLM_SANDBOX_ACK": "true"}), True),
        (When(older_than=5), False),
    ],
)
def test_when(when, holds):
    scenario = Scenario(rules=(Rule(when, Effect(error_rate=0.5)),))
    assert effect_of(scenario, _subject(), 4.0)["error_rate"] == (0.5 if holds else 0.0)


def test_first_rule_wins_field_by_field():
    rules = (
        Rule(effect=Effect(error_rate=0.1)),
        Rule(effect=Effect(error_rate=0.2, violation_rate=0.3)),
    )
    scenario = Scenario(rules=rules, defaults=Effect(violation_rate=0.9, inflight_ops=4.0))
    effect = effect_of(scenario, _subject(), 0)
    assert (effect["error_rate"], effect["violation_rate"], effect["inflight_ops"]) == (
        0.1,
        0.3,
        4.0,
    )


def test_next_change_of_age():
    scenario = Scenario(rules=(Rule(When(older_than=9), Effect(crash_after=20, start_seconds=3)),))
    effect = effect_of(scenario, _subject(), 10)
    assert next_change(scenario, effect, 1) == 3
    assert next_change(scenario, effect, 5) == 9
    assert next_change(scenario, effect, 10) == 20
    assert next_change(scenario, effect, 30) is None


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ([], "scenario: must be a map"),
        ({"trafic": {}}, "scenario.trafic: no such field; there are traffic, gateway"),
        ({"traffic": {"qps": 1}}, "traffic.qps: no such field"),
        ({"traffic": {"split": "odd"}}, "traffic.split: 'odd' is none of even, perPod"),
        ({"gateway": "off"}, "gateway: 'off' is none of down, downForNew, up"),
        ({"rules": {}}, "rules: must be a list"),
        ({"rules": [{"when": {"motor": 1}}]}, r"rules\[0\].when.motor: no such field"),
        ({"rules": [{"when": {"pod": "("}}]}, "missing \\)"),
        ({"defaults": {"latency": "soon"}}, "latency 'soon' is neither"),
        ({"defaults": {"errorRate": -1}}, "errorRate: -1 is no number from 0 up"),
    ],
)
def test_bad_scenarios_are_named(content, says):
    with pytest.raises(ScenarioError, match=says):
        Scenario.from_json(content)


def test_target_manifests():
    kinds = [each["kind"] for each in target_manifests("x", replicas=2)]
    assert kinds == ["Namespace", "ConfigMap", "Deployment", "Service"]
    bare = target_manifests("x", with_namespace=False, with_service=False, container_env={"A": "b"})
    assert [each["kind"] for each in bare] == ["ConfigMap", "Deployment"]
    container = bare[1]["spec"]["template"]["spec"]["containers"][0]
    assert container["env"] == [{"name": "A", "value": "b"}]
    assert container["envFrom"] == [{"configMapRef": {"name": "pecr-controller-env"}}]


def test_traffic_defaults():
    assert Scenario().traffic == Traffic(rps=50.0, split="even", capabilities_rps=0.1)
