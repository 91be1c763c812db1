"""Every trigger, step and exit status through the real command line."""

import json
import sys

import pytest

from guard.harness import DATA, Guard, gates, summary

ADAPTIVE = "PECR_CONTROLLER_ADAPTIVE_PARALLELISM_ENABLED"
BATCH = "PECR_CONTROLLER_BATCH_MODE_ENABLED"
RLM_DEFAULT = "PECR_RLM_DEFAULT_ENABLED"
ENGINE = "PECR_CONTROLLER_ENGINE"
SLOW = summary(p95=1300, p99=1400)


def test_the_real_inputs(guard: Guard):
    files = (
        "--summary",
        DATA / "guard/k6-summary.json",
        "--metrics-gates",
        DATA / "guard/gates.json",
    )
    outcome = guard.raw(*files)
    assert outcome.code == 0
    assert outcome.report["status"] == "fallback_required"
    assert outcome.triggers == ["budget_violation_rate"]
    assert outcome.step == "disable_adaptive_parallelism"
    assert outcome.report["signals"] == {
        "p95_ms": 163.933,
        "p99_ms": 177.218,
        "bvr": 0.06818181818181818,
        "ser": 0.0,
        "source_unavailable_rate": None,
    }
    assert outcome.report["requests"]["p95_ms"] == 707
    assert outcome.report["requests"]["bvr"] == 44
    assert guard.raw(*files, "--fail-on-fallback").code == 2


def test_healthy(guard: Guard):
    outcome = guard.run("--fail-on-fallback")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.report["status"] == "healthy"
    assert outcome.report["triggers"] == []
    assert outcome.report["recommended_fallback"]["step"] == "none"
    assert outcome.report["recommended_fallback"]["env_updates"] == {}


@pytest.mark.parametrize(
    ("k6", "bounds", "options", "trigger"),
    [
        (summary(p95=1200.001), gates(), (), "latency_p95"),
        (summary(p99=1500.001), gates(), (), "latency_p99"),
        (summary(), gates(bvr=0.0051), (), "budget_violation_rate"),
        (summary(), gates(ser=0.0051), (), "staleness_error_rate"),
        (
            summary(),
            gates(),
            ("--source-unavailable-rate", "0.0501"),
            "source_unavailable_rate",
        ),
    ],
)
def test_each_trigger_alone(guard: Guard, k6, bounds, options, trigger):
    guard.write(k6, bounds)
    outcome = guard.run("--fail-on-fallback", *options)
    assert outcome.code == 2
    assert outcome.triggers == [trigger]
    (item,) = outcome.report["triggers"]
    assert "limit" in item["message"]


def test_all_triggers_in_the_contracts_order(guard: Guard):
    guard.write(summary(9999, 9999), gates(bvr=1, ser=1))
    assert guard.run("--source-unavailable-rate", "1").triggers == [
        "latency_p95",
        "latency_p99",
        "budget_violation_rate",
        "staleness_error_rate",
        "source_unavailable_rate",
    ]


def test_a_figure_equal_to_its_limit_keeps_it(guard: Guard):
    guard.write(summary(1200, 1500), gates(bvr=0.005, ser=0.005))
    outcome = guard.run("--source-unavailable-rate", "0.05", "--fail-on-fallback")
    assert (outcome.code, outcome.triggers) == (0, [])


@pytest.mark.parametrize(
    ("options", "step", "updates"),
    [
        ((), "disable_adaptive_parallelism", {ADAPTIVE: "false"}),
        (("--adaptive-enabled", "false"), "disable_batch_mode", {BATCH: "false"}),
        (
            ("--adaptive-enabled", "0", "--batch-enabled", "0", "--rlm-default-enabled", "1"),
            "disable_rlm_defaulting",
            {RLM_DEFAULT: "false"},
        ),
        (
            ("--adaptive-enabled", "0", "--batch-enabled", "0"),
            "switch_engine_to_baseline",
            {ENGINE: "baseline"},
        ),
        (
            ("--adaptive-enabled", "0", "--batch-enabled", "0", "--engine", "baseline"),
            "already_at_safest_mode",
            {},
        ),
        (
            ("--adaptive-enabled", "0", "--engine", "baseline"),
            "disable_batch_mode",
            {BATCH: "false"},
        ),
    ],
)
def test_the_first_step_that_applies(guard: Guard, options, step, updates):
    guard.write(SLOW, gates())
    outcome = guard.run("--fail-on-fallback", *options)
    assert outcome.code == 2
    assert outcome.step == step
    assert outcome.report["recommended_fallback"]["env_updates"] == updates


def test_a_fallback_without_the_option_exits_0(guard: Guard):
    guard.write(SLOW, gates())
    outcome = guard.run()
    assert (outcome.code, outcome.report["status"]) == (0, "fallback_required")


def test_both_doors_say_the_same(guard: Guard):
    guard.write(SLOW, gates())
    files = ("--summary", guard.summary, "--metrics-gates", guard.gates, "--fail-on-fallback")
    script = guard.raw(*files)
    package = guard.raw("guard", *files, command=(sys.executable, "-m", "pecr_rollout"))
    assert (script.code, script.out) == (package.code, package.out)


class TestEvidence:
    def test_too_few_requests_are_inconclusive_where_evidence_is_required(self, guard: Guard):
        guard.write(summary(count=99), gates())
        assert guard.run().code == 0
        outcome = guard.run("--require-evidence")
        assert outcome.code == 3
        assert outcome.report["status"] == "inconclusive"
        assert outcome.step == "none"
        assert "only 99 requests" in outcome.out

    def test_enough_requests_decide(self, guard: Guard):
        guard.write(summary(count=100), gates(count=100))
        assert guard.run("--require-evidence").code == 0

    def test_an_unknown_number_is_no_evidence(self, guard: Guard):
        k6 = summary()
        del k6["metrics"]["http_reqs"]
        guard.write(k6, gates())
        outcome = guard.run("--require-evidence")
        assert outcome.code == 3
        assert "unknown number of requests" in outcome.out

    def test_a_breach_on_enough_requests_beats_a_signal_with_too_few(self, guard: Guard):
        guard.write(summary(p95=1300, count=500), gates(count=3))
        outcome = guard.run("--require-evidence", "--fail-on-fallback")
        assert (outcome.code, outcome.triggers) == (2, ["latency_p95"])

    def test_a_breach_on_too_few_requests_is_none(self, guard: Guard):
        guard.write(summary(p95=1300, count=50), gates())
        outcome = guard.run("--require-evidence", "--fail-on-fallback")
        assert (outcome.code, outcome.triggers) == (3, [])

    def test_min_requests_and_requests_behind_the_given_rate(self, guard: Guard):
        given = ("--source-unavailable-rate", "0.9", "--require-evidence", "--fail-on-fallback")
        assert guard.run(*given).code == 3
        assert guard.run(*given, "--source-unavailable-requests", "200").code == 2
        few = ("--source-unavailable-requests", "200", "--min-requests", "201")
        assert guard.run(*given, *few).code == 3

    def test_a_rate_that_is_not_given_needs_no_evidence(self, guard: Guard):
        assert guard.run("--require-evidence").code == 0


class TestReport:
    def test_all_keys_of_the_contract(self, guard: Guard):
        report = guard.run("--source-unavailable-rate", "0.01").report
        assert set(report["current_state"]) == {
            "adaptive_parallelism_enabled",
            "batch_mode_enabled",
            "rlm_default_enabled",
            "auto_fallback_enabled",
            "baseline_shadow_percent",
        }
        assert report["thresholds"] == {
            "max_p95_ms": 1200,
            "max_p99_ms": 1500,
            "bvr": 0.005,
            "ser": 0.005,
            "max_source_unavailable_rate": 0.05,
        }
        assert set(report["signals"]) == {
            "p95_ms",
            "p99_ms",
            "bvr",
            "ser",
            "source_unavailable_rate",
        }
        assert set(report["recommended_fallback"]) == {"step", "env_updates", "reason"}
        assert report["engine"] == "rlm"

    def test_the_number_of_requests_behind_each_figure(self, guard: Guard):
        outcome = guard.run("--output-md", "r.md")
        assert outcome.report["requests"] == {
            "p95_ms": 500,
            "p99_ms": 500,
            "bvr": 500,
            "ser": 500,
            "source_unavailable_rate": None,
        }
        assert "| 500 |" in (guard.folder / "r.md").read_text()

    def test_same_input_same_output(self, guard: Guard):
        assert guard.run().out == guard.run().out

    def test_k6s_newer_layout(self, guard: Guard):
        newer = {
            "metrics": {
                "http_req_duration": {"type": "trend", "values": {"p(95)": 1300, "p(99)": 1301}},
                "http_reqs": {"type": "counter", "values": {"count": 7, "rate": 1}},
            }
        }
        guard.write(newer, gates())
        outcome = guard.run()
        assert outcome.triggers == ["latency_p95"]
        assert outcome.report["requests"]["p95_ms"] == 7

    def test_a_byte_order_mark_is_read_over(self, guard: Guard):
        guard.write("\ufeff" + json.dumps(summary()), gates())
        assert guard.run().code == 0
