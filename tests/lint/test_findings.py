"""What is found, and what is said of it."""

import pytest

from lint.harness import GOOD, config_map, deployment, dump, good
from pecr_rollout.cli.lint.check import Known, lint
from pecr_rollout.cli.lint.finding import Finding


def found(*documents: dict, known: Known | None = None) -> list[Finding]:
    return lint([("f.yaml", dump(*documents))], known or Known())


def of_rule(rule: str, *documents: dict) -> Finding:
    (finding,) = [item for item in found(*documents) if item.rule == rule]
    return finding


class TestSchema:
    @pytest.mark.parametrize(
        ("changes", "field", "part"),
        [
            ({"rollbackOwner": None}, "spec.rollbackOwner", "is missing; Who is told"),
            ({"flagDelta": None}, "spec.flagDelta", "is missing"),
            ({"canary": None}, "spec.canary", "is missing"),
            ({"slo": None}, "spec.slo", "is missing"),
            ({"flagDelta": {}}, "spec.flagDelta", "name at least one flag"),
            ({"flagDelta__adaptiveParallelism": "false"}, None, "valid boolean"),
            ({"flagDelta__engine": "RLM"}, None, "'baseline' or 'rlm'"),
            ({"flagDelta__batchmode": True}, None, "did you mean batchMode?"),
            ({"flag_delta": {"engine": "rlm"}}, "spec.flag_delta", "did you mean flagDelta?"),
            ({"slo__sustainedFor": "5 min"}, None, "is no duration; write for example 30s"),
            ({"slo__sustainedFor": "-5m"}, None, "is no duration"),
            ({"slo__sustainedFor": 300}, None, "valid string"),
            ({"slo__minRequests": 0}, None, "greater than or equal to 1"),
            ({"slo__latency": {"p95": "3s", "p99": "2s"}}, None, "p95 be at most p99"),
            ({"slo__budgetViolationRate": {"maxIncrease": 1.5}}, None, "less than or equal to 1"),
            ({"slo__terminalModes": {"SUPPORTED": {"maxIncrease": 0.1}}}, None, "INSUFFICIENT"),
            ({"target__configMap": "Bad_Name"}, None, "is no object name"),
            ({"canary__steps": []}, None, "at least 1 item"),
            ({"canary__steps": [{"cohort": "10 %", "hold": "10m"}]}, None, "is no cohort"),
            ({"canary__steps": [{"cohort": True, "hold": "10m"}]}, None, "is no cohort"),
            ({"canary__mode": "Managd"}, "spec.canary.mode", "'Managed', 'Existing' or 'Fleet'"),
            ({"canary__mode": "Existing"}, "spec.canary", "existing exactly with mode"),
            ({"baseline": {"source": "Fixed"}}, "spec.baseline", "give rates exactly"),
            ({"promotion": {"guard": "always"}}, None, "'Bake' or 'Always'"),
        ],
    )
    def test_refusals_name_field_and_cure(self, changes, field, part):
        refusals = found(good(**changes))
        wanted = field or "spec." + next(iter(changes)).replace("__", ".")
        assert any(
            item.severity == "error" and item.field.startswith(wanted) and part in item.message
            for item in refusals
        ), refusals

    def test_the_line_is_that_of_the_field(self):
        text = GOOD.read_text().replace("maxInFlight: 4", "maxInFlight: 0")
        (finding,) = [item for item in lint([("f", text)], Known()) if item.severity == "error"]
        assert finding.field == "spec.flagDelta.operatorConcurrencyPolicies.search.maxInFlight"
        assert "maxInFlight: 0" in text.splitlines()[finding.place.line - 1]

    def test_what_is_missing_is_shown_at_what_is_there(self):
        text = GOOD.read_text().replace("    name: retrieval-oncall\n", "")
        (finding,) = [item for item in lint([("f", text)], Known()) if item.severity == "error"]
        assert "rollbackOwner" in text.splitlines()[finding.place.line - 1]

    def test_all_refusals_at_once(self):
        bad = good(flagDelta__engine="RLM", slo__sustainedFor="x", rollbackOwner__contact=None)
        assert len([item for item in found(bad) if item.severity == "error"]) == 3

    @pytest.mark.parametrize(
        ("key", "value"), [("apiVersion", "pecr.dev/v1"), ("metadata", {}), ("spec", None)]
    )
    def test_the_frame(self, key, value):
        document = good()
        document[key] = value
        assert any(key in item.field for item in found(document))


class TestYaml:
    @pytest.mark.parametrize(
        ("text", "line", "part"),
        [
            ("a: [1\nb: 2", 2, "not a YAML document"),
            ("a: 1\n\tb: 2", 2, "not a YAML document"),
            ("a: \x07", 1, "not a YAML text"),
            ("a: &x [*x]", 1, "an alias that holds itself"),
            ("a: 1\na: 2\n", 2, "stands twice"),
            ("a: *nowhere", 1, "undefined alias"),
            ("a: !!python/object:os.system {}", 1, "not a YAML document"),
            ("[" * 5000, 1, "nested too deeply"),
        ],
    )
    def test_broken(self, text, line, part):
        finding = lint([("f", text)], Known())[0]
        assert (finding.severity, finding.place.line) == ("error", line)
        assert part in finding.message

    def test_aliases_of_aliases_end(self):
        lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
        lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9)]
        (finding,) = lint([("f", "\n".join(lines))], Known())
        assert "too many fields" in finding.message

    def test_read_as_the_api_servers_clients_do(self):
        document = good()
        document["metadata"]["annotations"] = {"on": "x"}
        text = dump(document).replace("'on': x", "since: 2026-01-01")
        assert all(item.severity == "note" for item in lint([("f", text)], Known()))
        assert all(
            item.severity == "note" for item in found(good(slo__errorRate={"maxIncrease": 2e-3}))
        )

    def test_merge_keys(self):
        text = GOOD.read_text().replace(
            "{cohort: 50%, hold: 10m}", "{<<: {hold: 10m}, cohort: 50%}"
        )
        assert all(item.severity == "note" for item in lint([("f", text)], Known()))

    def test_a_file_without_a_rollout_is_noted(self):
        (finding,) = found(config_map())
        assert (finding.severity, finding.rule) == ("note", "empty")


class TestAdvice:
    @pytest.mark.parametrize(
        ("rule", "changes", "part"),
        [
            ("bucket", {"slo__latency": {"p95": "1200ms"}}, "between the histogram's bounds 1s"),
            ("window", {"slo__sustainedFor": "30s"}, "5m to 10m"),
            ("bake", {"promotion": {"bake": "1m"}}, "shorter than slo.sustainedFor"),
            ("percent", {"canary__steps": [{"cohort": 50, "hold": "10m"}]}, "write 50%"),
            (
                "no-effect",
                {"flagDelta": {"engine": "baseline", "batchMode": True}},
                "acts in rlm only",
            ),
            ("hidden-retries", {"slo__stopReasons": None}, "bridge_*"),
            ("terminal-modes", {"slo__terminalModes": None}, "broken source"),
        ],
    )  # fmt: skip
    def test_said_once(self, rule, changes, part):
        assert part in of_rule(rule, good(**changes)).message

    def test_a_hold_that_is_too_short_or_never_over(self):
        steps = [{"cohort": "10%", "hold": "1m"}, {"cohort": "20%", "hold": "3h"}]
        short, never = [item for item in found(good(canary__steps=steps)) if item.rule == "hold"]
        assert (short.severity, short.field) == ("warning", "spec.canary.steps[0].hold")
        assert (never.severity, never.field) == ("error", "spec.canary.steps[1].hold")

    def test_intents_in_a_manifest(self):
        document = good()
        document["metadata"]["annotations"] = {"pecr.dev/acknowledge": "0a1b2c3d-1-1"}
        assert of_rule("replayed-intent", document).severity == "warning"

    def test_a_bound_of_a_bucket_is_fine(self):
        latency = {"p95": "500ms", "p99": "2500ms"}
        assert not [item for item in found(good(slo__latency=latency)) if item.rule == "bucket"]

    def test_fleet_mode(self):
        fleet = {"mode": "Fleet", "steps": [{"hold": "10m"}]}
        assert of_rule("fleet", good(canary=fleet)).severity == "note"

    def test_two_rollouts_on_one_target(self):
        assert of_rule("shared-target", good(), good(), config_map()).severity == "warning"


class TestTarget:
    def test_the_sandbox_of_rlm(self):
        without = config_map(PECR_RLM_SANDBOX_ACK="True")
        assert of_rule("precondition", good(), without).severity == "error"
        assert of_rule("precondition", good()).severity == "note"
        baseline = good(flagDelta={"engine": "baseline"})
        assert not [item for item in found(baseline) if item.rule == "precondition"]

    def test_a_delta_that_changes_nothing(self):
        same = config_map(PECR_CONTROLLER_ENGINE=" rlm")
        assert of_rule("no-change", good(flagDelta={"engine": "rlm"}), same).severity == "error"
        default = good(flagDelta={"batchMode": True})
        assert of_rule("no-change", default, config_map()).severity == "error"

    def test_an_alias_that_beats_the_flag(self):
        shadow = config_map(PECR_CONTROLLER_OPERATOR_CONCURRENCY_POLICIES="{}")
        finding = of_rule("alias", good(), shadow)
        assert finding.field == "spec.flagDelta.operatorConcurrencyPolicies"

    def test_a_fatal_value_in_the_config_map(self):
        broken = config_map(PECR_CONTROLLER_ENGINE="RLM")
        finding = of_rule("precondition", good(flagDelta={"batchMode": False}), broken)
        assert "'RLM' is no engine" in finding.message

    def test_an_immutable_config_map(self):
        assert of_rule("immutable", good(), {**config_map(), "immutable": True})

    def test_a_config_map_of_another_namespace_is_another(self):
        other = config_map()
        other["metadata"]["namespace"] = "elsewhere"
        assert of_rule("precondition", good(), other).severity == "note"

    @pytest.mark.parametrize(
        ("rule", "container"),
        [
            ("env-from", {"envFrom": []}),
            ("env-from", {"envFrom": [{"secretRef": {"name": "pecr-controller-env"}}]}),
            (
                "prefix",
                {"envFrom": [{"prefix": "X_", "configMapRef": {"name": "pecr-controller-env"}}]},
            ),
            ("env", {"env": [{"name": "PECR_CONTROLLER_ENGINE", "value": "baseline"}]}),
            ("container", {"name": "other"}),
        ],
    )
    def test_a_container_that_the_flags_do_not_reach(self, rule, container):
        assert of_rule(rule, good(), config_map(), deployment(**container)).severity == "error"

    @pytest.mark.parametrize(
        ("rule", "spec"),
        [("paused", {"paused": True}), ("recreate", {"strategy": {"type": "Recreate"}})],
    )
    def test_a_deployment_that_cannot_roll(self, rule, spec):
        target = deployment()
        target["spec"] |= spec
        assert of_rule(rule, good(), config_map(), target).severity == "error"

    def test_more_pods_than_the_target_has(self):
        steps = [{"cohort": 3, "hold": "10m"}, {"cohort": 11, "hold": "10m"}]
        finding = of_rule("replicas", good(canary__steps=steps), config_map(), deployment())
        assert finding.field == "spec.canary.steps[1].cohort"
