"""The fixed order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pecr_rollout.contract.fallback import FALLBACK_ORDER, next_step, safest_updates
from pecr_rollout.contract.flags import ADAPTIVE_PARALLELISM, BATCH_MODE, ENGINE
from pecr_rollout.contract.guard import GUARD_ORDER, GUARD_TRIGGERS
from pecr_rollout.contract.signals import SIGNALS, TRIGGER_RULES, Trigger

NAMES = ["disable_adaptive_parallelism", "disable_batch_mode", "switch_engine_to_baseline"]
ENVIRONMENTS = st.fixed_dictionaries(
    {},
    optional={
        ADAPTIVE_PARALLELISM.variable: st.sampled_from(["true", "false", "False", ""]),
        ADAPTIVE_PARALLELISM.aliases[1]: st.sampled_from(["true", "false"]),
        BATCH_MODE.variable: st.sampled_from(["true", "0", "off"]),
        ENGINE.variable: st.sampled_from(["rlm", "baseline", "", "RLM"]),
    },
)


def test_the_order_of_the_contract():
    assert [step.name for step in FALLBACK_ORDER] == NAMES
    assert [step.updates for step in FALLBACK_ORDER] == [
        {"PECR_CONTROLLER_ADAPTIVE_PARALLELISM_ENABLED": "false"},
        {"PECR_CONTROLLER_BATCH_MODE_ENABLED": "false"},
        {"PECR_CONTROLLER_ENGINE": "baseline"},
    ]


def test_the_guards_order_is_the_same_with_one_step_more():
    assert [step.name for step in GUARD_ORDER] == [*NAMES[:2], "disable_rlm_defaulting", NAMES[2]]
    assert [step for step in GUARD_ORDER if step in FALLBACK_ORDER] == list(FALLBACK_ORDER)


def test_a_flag_at_its_safe_value_is_skipped():
    assert next_step({}).name == NAMES[0]
    off = {ADAPTIVE_PARALLELISM.variable: "0"}
    assert next_step(off).name == NAMES[1]
    assert next_step({**off, BATCH_MODE.variable: "no"}) is None  # baseline is the default
    rlm = {**off, BATCH_MODE.variable: "no", ENGINE.variable: "rlm"}
    assert next_step(rlm).name == NAMES[2]


def test_a_value_that_is_silently_ignored_is_not_safe():
    assert next_step({ADAPTIVE_PARALLELISM.variable: "False"}).name == NAMES[0]


def test_a_value_that_stops_the_service_is_not_safe():
    off = {ADAPTIVE_PARALLELISM.variable: "0", BATCH_MODE.variable: "0"}
    assert next_step({**off, ENGINE.variable: "RLM"}).name == NAMES[2]


@pytest.mark.parametrize("taken", [[], NAMES[:1], NAMES[:2], NAMES])
def test_never_back_to_a_step_that_was_taken(taken):
    step = next_step({ENGINE.variable: "rlm"}, taken)
    assert (step is None) == (len(taken) == 3)
    assert step is None or NAMES.index(step.name) >= len(taken)


@given(ENVIRONMENTS)
def test_the_steps_one_by_one_reach_what_all_at_once_does(environment):
    taken: list[str] = []
    at_once = safest_updates(environment)
    one_by_one: dict[str, str] = {}
    while step := next_step({**environment, **one_by_one}, taken):
        assert not taken or NAMES.index(step.name) > NAMES.index(taken[-1])
        taken.append(step.name)
        one_by_one |= step.updates
    assert one_by_one == at_once
    assert next_step({**environment, **at_once}) is None


def test_every_trigger_has_a_rule():
    assert {rule.trigger for rule in TRIGGER_RULES} == set(Trigger)
    assert set(GUARD_TRIGGERS) <= set(Trigger)
    assert len(SIGNALS) == 7
