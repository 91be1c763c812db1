"""`--rollout`: CI judges by what the cluster will."""

from pathlib import Path

import pytest
import yaml

from guard.harness import DATA, Guard, gates, summary

GOOD = DATA / "rollouts" / "good.yaml"


def changed(guard: Guard, **spec: object) -> Path:
    """Write the good rollout with parts of its spec replaced."""
    rollout = yaml.safe_load(GOOD.read_text())
    rollout["spec"] |= spec
    path = guard.folder / "rollout.yaml"
    path.write_text(yaml.safe_dump(rollout))
    return path


def test_engine_flags_and_envelope_are_the_rollouts(guard: Guard):
    rollout = changed(guard, flagDelta={"engine": "baseline", "adaptiveParallelism": False})
    report = guard.run("--rollout", rollout).report
    assert report["engine"] == "baseline"
    assert report["current_state"]["adaptive_parallelism_enabled"] is False
    assert report["thresholds"] == {
        "max_p95_ms": 1000,
        "max_p99_ms": 2500,
        "bvr": 0.01,
        "ser": 0.005,
        "max_source_unavailable_rate": 0.05,
    }


def test_an_option_beats_the_rollout_and_the_rollout_the_environment(guard: Guard):
    options = ("--rollout", GOOD, "--max-p95-ms", "77", "--engine", "baseline")
    report = guard.run(*options, env={"PECR_CANARY_P99_BUDGET_MS": "1"}).report
    assert report["thresholds"]["max_p95_ms"] == 77
    assert report["thresholds"]["max_p99_ms"] == 2500
    assert report["engine"] == "baseline"


def test_what_the_rollout_does_not_limit_is_not_judged(guard: Guard):
    rollout = changed(guard, slo={"latency": {"p99": "2500ms"}})
    guard.write(summary(p95=99999, p99=2500), gates(bvr=0.006))
    outcome = guard.run("--rollout", rollout, "--source-unavailable-rate", "1")
    assert outcome.triggers == ["budget_violation_rate"]  # the gates file's own limit
    assert outcome.report["thresholds"]["max_p95_ms"] is None
    assert "no limit is declared" in outcome.out


def test_rates_of_a_fixed_baseline_are_added(guard: Guard):
    slo = {
        "budgetViolationRate": {"maxIncrease": 0.01},
        "terminalModes": {"SOURCE_UNAVAILABLE": {"maxIncrease": 0.05}},
    }
    rates = {"budgetViolationRate": 0.002, "terminalModes": {"SOURCE_UNAVAILABLE": 0.01}}
    rollout = changed(guard, slo=slo, baseline={"source": "Fixed", "rates": rates})
    thresholds = guard.run("--rollout", rollout).report["thresholds"]
    assert thresholds["bvr"] == pytest.approx(0.012)
    assert thresholds["max_source_unavailable_rate"] == pytest.approx(0.06)


def test_evidence_is_the_rollouts_min_requests(guard: Guard):
    rollout = changed(guard, slo={"minRequests": 501, "latency": {"p95": "1s"}})
    assert guard.run("--rollout", rollout, "--require-evidence").code == 3
    enough = ("--min-requests", "500")
    assert guard.run("--rollout", rollout, "--require-evidence", *enough).code == 0


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "0 ControllerRollouts where one is expected"),
        ("kind: ConfigMap", "0 ControllerRollouts"),
        ("a: [", "rollout.yaml:1: not a YAML document"),
        (GOOD.read_text() + "---\n" + GOOD.read_text(), "2 ControllerRollouts"),
        (GOOD.read_text().replace("rlm\n", "RLM\n"), "rollout.yaml:10: spec.flagDelta.engine"),
    ],
)
def test_a_rollout_that_cannot_be_read(guard: Guard, text: str, part: str):
    (guard.folder / "rollout.yaml").write_text(text)
    assert part in guard.run("--rollout", "rollout.yaml").refused


def test_a_rollout_that_is_not_there(guard: Guard):
    assert "nowhere.yaml: cannot be read" in guard.run("--rollout", "nowhere.yaml").refused
