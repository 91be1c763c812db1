"""Each trigger alone, while every other signal is watched, too, and finds nothing."""

import pytest

from integration.harness.scenarios import faulty
from integration.harness.specs import ORDER, RLM, STEP_1, spec
from pecrfleet import Effect, Rule, When

pytestmark = pytest.mark.cluster

ALL_SIGNALS = {
    "latency": {"p95": "1s", "p99": "2500ms"},
    "budgetViolationRate": {"maxIncrease": 0.1},
    "terminalModes": {
        "SOURCE_UNAVAILABLE": {"maxIncrease": 0.1},
        "INSUFFICIENT_EVIDENCE": {"maxIncrease": 0.1},
    },
    "errorRate": {"maxIncrease": 0.1},
    "stopReasons": {"bridge_*": {"maxIncrease": 0.1}},
}

EFFECTS = {
    # one in ten over 1 s, none over 2.5 s
    "latency_p95": Effect(latency=((0.2, 0.9), (2.0, 0.1))),
    # three in a hundred over 2.5 s: p95 allows five
    "latency_p99": Effect(latency=((0.2, 0.97), (4.0, 0.03))),
    "budget_violation_rate": Effect(violation_rate=0.5),
    # answered with a 200, so that no error shows it
    "terminal_mode:SOURCE_UNAVAILABLE": Effect(
        terminal_modes={"SUPPORTED": 0.6, "INSUFFICIENT_EVIDENCE": 0.1, "SOURCE_UNAVAILABLE": 0.3}
    ),
    # lost quality: every service level is kept
    "terminal_mode:INSUFFICIENT_EVIDENCE": Effect(
        terminal_modes={"SUPPORTED": 0.5, "INSUFFICIENT_EVIDENCE": 0.5}
    ),
    # errors are fast, and have no terminal mode
    "error_rate": Effect(error_rate=0.3),
    # an rlm that silently retries as baseline
    "stop_reason:bridge_*": Effect(stop_reasons={"plan_complete": 0.7, "bridge_error": 0.3}),
}


@pytest.mark.parametrize("signal", EFFECTS)
def test_one_signal_alone_falls_back(install, signal):
    cured_by_step_1 = Rule(When(engine="rlm", adaptive_parallelism=True), EFFECTS[signal])
    world = install(faulty(cured_by_step_1))
    rollout = world.rollout(spec(slo=ALL_SIGNALS))
    status = rollout.reach("Fallback", taken=1)
    incident = status["incident"]
    assert status["fallback"]["taken"] == [ORDER[0]]
    verdicts = {each["name"]: each["verdict"] for each in status["signals"]}
    assert verdicts.keys() == EFFECTS.keys()
    assert [name for name, verdict in verdicts.items() if verdict == "Breached"] == [signal]
    assert signal in incident["cause"]
    assert "retrieval-oncall" not in incident["command"]
    rollout.reach("Fallback", "Judging")
    world.holds(
        rollout,
        canary_flags=RLM | STEP_1,
        locks=incident["id"],
        finalizer=True,
        report="Fallback",
    )
    report = world.report(rollout)
    assert report["status"] == "fallback_required"
    assert [trigger["id"] for trigger in report["triggers"]] == [signal]
    world.told(rollout, "CanaryStarted", "FallbackStep")
    rollout.condition("SLOMet")  # cured: green signals
    assert rollout.status["phase"] == "Fallback", "and still nobody but a person recovers"
    assert rollout.incident == incident["id"]
