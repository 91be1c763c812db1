"""How the service reads its flags, and how we write them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pecr_rollout.contract import flags
from pecr_rollout.contract.flags import (
    ADAPTIVE_PARALLELISM,
    BATCH_MODE,
    CONCURRENCY_POLICIES,
    ENGINE,
    FlagError,
    missing_precondition,
    parse_engine,
    parse_policies,
    parse_switch,
)

SWITCHES = (ADAPTIVE_PARALLELISM, BATCH_MODE)


class TestSwitch:
    @pytest.mark.parametrize("word", ["1", "true", "TRUE", "yes", "YES", " true\n"])
    def test_true(self, word):
        assert parse_switch(word) is True

    @pytest.mark.parametrize("word", ["0", "false", "FALSE", "no", "NO", "\tno "])
    def test_false(self, word):
        assert parse_switch(word) is False

    @pytest.mark.parametrize("word", ["", "False", "True", "off", "on", "t", "2", "y", "nO"])
    def test_what_the_service_would_silently_ignore_is_refused(self, word):
        with pytest.raises(FlagError, match="write true or false"):
            parse_switch(word)

    @pytest.mark.parametrize("flag", SWITCHES)
    @pytest.mark.parametrize("value", [True, False])
    def test_written_so_that_it_is_surely_read(self, flag, value):
        assert flag.render(value) in ("true", "false")
        assert flag.parse(flag.render(value)) is value


class TestEngine:
    @pytest.mark.parametrize(
        ("raw", "engine"), [("rlm", "rlm"), (" rlm ", "rlm"), ("", "baseline")]
    )
    def test_read(self, raw, engine):
        assert parse_engine(raw) == engine

    @pytest.mark.parametrize("raw", ["RLM", "Baseline", "rlm2", "true"])
    def test_refused(self, raw):
        with pytest.raises(FlagError, match="baseline, rlm"):
            parse_engine(raw)


class TestPolicies:
    @pytest.mark.parametrize("raw", ["", " ", "{}"])
    def test_none(self, raw):
        assert parse_policies(raw) == {}

    def test_read(self):
        raw = '{"search": {"max_in_flight": 4, "fairness_weight": 2}, "diff": {}}'
        assert parse_policies(raw) == json.loads(raw)

    @pytest.mark.parametrize(
        ("raw", "part"),
        [
            ("[]", "not a JSON map"),
            ("null", "not a JSON map"),
            ("search=4", "not JSON"),
            ('{"search": null}', "not a map"),
            ('{"serch": {}}', "no operator"),
            ('{"": {}}', "no operator"),
            ('{"search": {"max_inflight": 4}}', "neither max_in_flight"),
            ('{"search": {"max_in_flight": 0}}', "at least 1"),
            ('{"search": {"max_in_flight": -1}}', "at least 1"),
            ('{"search": {"max_in_flight": 1.5}}', "at least 1"),
            ('{"search": {"max_in_flight": "4"}}', "at least 1"),
            ('{"search": {"max_in_flight": true}}', "at least 1"),
        ],
    )
    def test_refused(self, raw, part):
        with pytest.raises(FlagError, match=part):
            parse_policies(raw)

    @given(
        st.dictionaries(
            st.sampled_from(flags.OPERATORS),
            st.dictionaries(
                st.sampled_from(["max_in_flight", "fairness_weight"]), st.integers(1, 10**6)
            ),
        )
    )
    def test_written_the_same_whatever_the_order(self, policies):
        text = CONCURRENCY_POLICIES.render(policies)
        backwards = dict(reversed(policies.items()))
        assert CONCURRENCY_POLICIES.render(backwards) == text
        assert CONCURRENCY_POLICIES.parse(text) == policies


class TestEffective:
    @pytest.mark.parametrize("flag", flags.FLAGS)
    def test_unset_means_the_default(self, flag):
        assert flag.effective({}) == flag.default

    @pytest.mark.parametrize("flag", SWITCHES)
    def test_an_unreadable_switch_means_the_default_as_in_the_service(self, flag):
        assert flag.effective({flag.variable: "False"}) is True
        assert flag.effective({flag.variable: "off"}) is True

    @pytest.mark.parametrize("flag", SWITCHES)
    def test_the_documented_switch_wins_when_it_parses(self, flag):
        aliases = dict.fromkeys(flag.aliases, "false")
        assert flag.effective({flag.variable: "true", **aliases}) is True
        assert flag.effective({flag.variable: "off", **aliases}) is False
        assert flag.shadowing_alias(aliases) is None

    @pytest.mark.parametrize("flag", SWITCHES)
    def test_switch_aliases_in_their_order(self, flag):
        first, second, third = flag.aliases
        assert flag.effective({first: "false", second: "true", third: "true"}) is False
        assert flag.effective({first: "maybe", second: "false", third: "true"}) is False
        assert flag.effective({third: "false"}) is False

    def test_aliases_of_the_policies_beat_the_documented_name(self):
        first, second = CONCURRENCY_POLICIES.aliases
        mine, one, two = '{"diff":{}}', '{"search":{}}', '{"redact":{}}'
        environment = {CONCURRENCY_POLICIES.variable: mine, second: two}
        assert CONCURRENCY_POLICIES.effective(environment) == {"redact": {}}
        assert CONCURRENCY_POLICIES.shadowing_alias(environment) == second
        assert CONCURRENCY_POLICIES.effective({**environment, first: one}) == {"search": {}}
        assert CONCURRENCY_POLICIES.shadowing_alias({**environment, first: one}) == first

    @pytest.mark.parametrize("flag", [ENGINE, CONCURRENCY_POLICIES])
    def test_what_stops_the_service_is_an_error(self, flag):
        with pytest.raises(FlagError):
            flag.effective({flag.variable: "[]"})


class TestPrecondition:
    def test_rlm_needs_its_sandbox_acknowledged(self):
        rlm = {ENGINE.variable: "rlm"}
        assert flags.SANDBOX_ACK in (missing_precondition(rlm) or "")
        for word in ("false", "True", "on", ""):
            assert missing_precondition({**rlm, flags.SANDBOX_ACK: word}) is not None
        for word in ("true", "1", "YES"):
            assert missing_precondition({**rlm, flags.SANDBOX_ACK: word}) is None

    def test_baseline_needs_nothing(self):
        assert missing_precondition({}) is None
        assert missing_precondition({ENGINE.variable: "baseline"}) is None


def test_names_are_unique():
    names = [name for flag in flags.FLAGS for name in (flag.variable, *flag.aliases)]
    assert len(names) == len(set(names))
    assert set(flags.BY_VARIABLE) == {flag.variable for flag in flags.FLAGS}
    assert set(flags.BY_FIELD) == {flag.field for flag in flags.FLAGS}
