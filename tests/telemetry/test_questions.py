import pytest

from pecr_rollout.api.spec import Spec
from pecr_rollout.judge.evidence import Concurrent, Counts, Fixed, Kind, Recorded, SharedIncident
from pecr_rollout.telemetry.measures import SlowerThan, StopReasons
from pecr_rollout.telemetry.questions import ask, settings

SLO = {
    "latency": {"p95": "1200ms", "p99": "1500ms"},
    "budgetViolationRate": {"maxIncrease": 0.01},
    "terminalModes": {
        "SOURCE_UNAVAILABLE": {"maxIncrease": 0.05},
        "INSUFFICIENT_EVIDENCE": {"maxIncrease": 0.1},
    },
    "errorRate": {"maxIncrease": 0.02},
    "stopReasons": {"bridge_*": {"maxIncrease": 0.02}},
    "sharedIncident": "Hold",
}
NAMES = [
    "latency_p95",
    "latency_p99",
    "budget_violation_rate",
    "terminal_mode:INSUFFICIENT_EVIDENCE",
    "terminal_mode:SOURCE_UNAVAILABLE",
    "error_rate",
    "stop_reason:bridge_*",
]


def spec(**changes):
    return Spec.model_validate(
        {
            "target": {"deployment": "pecr-controller", "configMap": "env"},
            "flagDelta": {"engine": "rlm"},
            "canary": {"steps": [{"cohort": 1, "hold": "10m"}]},
            "slo": SLO,
            "rollbackOwner": {"name": "n", "contact": "c", "subjects": {"users": ["u"]}},
            **changes,
        }
    )


def test_questions_stand_in_the_contracts_order():
    asked = ask(spec(), concurrent=True)
    assert [entry.question.name for entry in asked] == NAMES
    assert asked[0].measure == SlowerThan(1.2)
    assert asked[-1].measure == StopReasons("bridge_*")
    assert [entry.question.limit for entry in asked] == [0.05, 0.01, 0.01, 0.1, 0.05, 0.02, 0.02]


def test_latency_is_absolute_and_the_rest_relative():
    kinds = [entry.question.kind for entry in ask(spec(), concurrent=True)]
    assert kinds == [Kind.ABSOLUTE] * 2 + [Kind.RELATIVE] * 5


def test_the_rest_of_the_fleet_is_the_baseline():
    asked = ask(spec(), concurrent=True)
    assert {entry.question.reference for entry in asked} == {Concurrent()}
    assert [entry.needs_baseline for entry in asked] == [False] * 2 + [True] * 5


def test_while_promoting_the_recorded_counts_stand_in():
    recorded = {"error_rate": (3.0, 400.0), "latency_p95": (1.0, 400.0)}
    references = {
        entry.question.name: entry.question.reference
        for entry in ask(spec(), concurrent=False, recorded=recorded)
    }
    assert references["error_rate"] == Recorded(Counts(3.0, 400.0))
    assert references["latency_p95"] == Recorded(Counts(1.0, 400.0))
    assert references["budget_violation_rate"] == Recorded(Counts(0.0, 0.0))
    assert references["latency_p99"] == Fixed(0.0), "no shared incident can be told"


def test_fixed_rates_are_the_baseline():
    rates = {
        "budgetViolationRate": 0.001,
        "errorRate": 0.002,
        "terminalModes": {"SOURCE_UNAVAILABLE": 0.003, "INSUFFICIENT_EVIDENCE": 0.0},
        "stopReasons": {"bridge_*": 0.004},
    }
    fixed = spec(baseline={"source": "Fixed", "rates": rates})
    references = [entry.question.reference for entry in ask(fixed, concurrent=True)]
    assert references[:2] == [Concurrent()] * 2, "the fleet still tells of a shared incident"
    assert references[2:] == [Fixed(r) for r in (0.001, 0.0, 0.003, 0.002, 0.004)]


def test_settings_are_seconds():
    given = settings(spec(), hold=600.0, signals=7, fallback_step=1)
    assert (given.tick, given.sustained_for, given.hold) == (30.0, 300.0, 600.0)
    assert (given.min_requests, given.signals, given.fallback_step) == (100, 7, 1)
    assert given.shared_incident is SharedIncident.HOLD
    assert not given.early_trip


@pytest.mark.parametrize("mode", ["Existing", "Fleet"])
def test_a_recorded_baseline_is_not_the_rest_of_the_fleet(mode):
    canary = {"mode": mode, "steps": [{"hold": "10m"}]}
    if mode == "Existing":
        canary["existing"] = {"deployment": "d", "configMap": "c"}
    chosen = spec(canary=canary, baseline={"source": "Recorded"})
    asked = ask(chosen, concurrent=True, recorded={"error_rate": (1.0, 100.0)})
    assert asked[5].question.reference == Recorded(Counts(1.0, 100.0))
