"""Good and bad rollouts: the models and the API server must say the same of each."""

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

ROOT = Path(__file__).resolve().parents[2]
ABSENT: Any = object()


def good(changes: dict[str, Any] | None = None) -> dict[str, Any]:
    """Give a good rollout with some values changed, by paths such as `spec/slo/sustainedFor`."""
    body: dict[str, Any] = yaml.safe_load((ROOT / "tests/api/good.yaml").read_text())
    for path, value in (changes or {}).items():
        _put(body, path.split("/"), value)
    return body


def _put(place: Any, path: list[str], value: Any) -> None:
    *way, last = path
    for part in way:
        place = place[int(part)] if isinstance(place, list) else place.setdefault(part, {})
    if value is ABSENT:
        del place[last]
    else:
        place[last] = copy.deepcopy(value)


class Bad(NamedTuple):
    """A rollout that is refused: the field that is named, and the cure."""

    changes: dict[str, Any]
    field: str
    cure: str
    twin: bool = True  # whether the models refuse it, too

    @property
    def name(self) -> str:
        return ", ".join(f"{k}={'absent' if v is ABSENT else v}" for k, v in self.changes.items())


STEP = {"cohort": "10%", "hold": "1m"}
HOLD = {"hold": "1m"}
LIMIT = {"maxIncrease": 0.1}
TIME = "write a positive time: 30s, 10m, 1h30m or 1200ms"
COHORT = "write a number of pods (2) or a share of the target's replicas (10%)"
SHARE = "write a share above 0 and at most 1"
RATE = "write a share from 0 to 1"
NAME = "write an object's name"
RATES = {
    "budgetViolationRate": 0,
    "errorRate": 0,
    "terminalModes": {"SOURCE_UNAVAILABLE": 0},
    "stopReasons": {"bridge_*": 0.5},
}
EXISTING = {"deployment": "next", "configMap": "next-env"}
DURATIONS = (
    "spec/slo/sustainedFor",
    "spec/slo/latency/p95",
    "spec/slo/latency/p99",
    "spec/canary/steps/0/hold",
    "spec/canary/readyWithin",
    "spec/analysis/interval",
    "spec/analysis/settle",
    "spec/analysis/maxDuration",
    "spec/promotion/bake",
)
BAD_DURATIONS = ("-5m", "2 weeks", "5", "0s", "1.5h", "1d", "", "1h1m1s", "5m ", "100000s")


def _selectors(**matcher: str) -> dict[str, Any]:
    fine = {"label": "pod", "value": "a"}
    return {"canary": [fine | matcher], "baseline": [fine]}


def _shown(path: str) -> str:
    """Write a path as the API server does."""
    parts = (f"[{part}]" if part.isdigit() else f".{part}" for part in path.split("/"))
    return "".join(parts).removeprefix(".")


def _durations() -> Iterator[Bad]:
    for path in DURATIONS:
        yield Bad({path: "2 weeks"}, _shown(path), TIME)
    for text in BAD_DURATIONS:
        yield Bad({"spec/slo/sustainedFor": text}, "spec.slo.sustainedFor", TIME)


def _numbers() -> Iterator[Bad]:
    for value in (0, -0.1, 1.01, 5):
        path = "spec/slo/errorRate/maxIncrease"
        yield Bad({path: value}, _shown(path), SHARE)
    for value in (-0.1, 1.01):
        rates = {"errorRate": value, "budgetViolationRate": 0, "terminalModes": {}}
        baseline = {"source": "Fixed", "rates": rates}
        yield Bad({"spec/baseline": baseline}, "spec.baseline.rates.errorRate", RATE)
    for value in (0, 1_000_001):
        yield Bad({"spec/slo/minRequests": value}, "spec.slo.minRequests", "than or equal to 1")
    policies = "spec/flagDelta/operatorConcurrencyPolicies"
    for value in (0, -1, 100_001):
        change = {policies: {"search": {"maxInFlight": value}}}
        yield Bad(change, f"{_shown(policies)}.search.maxInFlight", "than or equal to 1")


def _words() -> Iterator[Bad]:
    for path, right in (
        ("spec/canary/mode", '"Managed", "Existing", "Fleet"'),
        ("spec/target/conflicts", '"Refuse", "Take"'),
        ("spec/flagDelta/engine", '"baseline", "rlm"'),
        ("spec/slo/sharedIncident", '"Fallback", "Hold"'),
        ("spec/analysis/onInconclusive", '"Hold", "Abort"'),
        ("spec/baseline/source", '"Concurrent", "Recorded", "Fixed"'),
        ("spec/promotion/strategy", '"Automatic", "Manual", "None"'),
        ("spec/promotion/guard", '"Bake", "Always"'),
        ("spec/fallback/onExhausted", '"Hold", "Withdraw"'),
        ("spec/onDelete", '"Restore", "Retain"'),
    ):
        yield Bad({path: "Perhaps"}, _shown(path), right)
    for value in (1, "yes"):
        yield Bad({"spec/flagDelta/batchMode": value}, "spec.flagDelta.batchMode", "boolean")


def _required() -> Iterator[Bad]:
    for path in (
        "spec/target",
        "spec/target/deployment",
        "spec/target/configMap",
        "spec/flagDelta",
        "spec/canary",
        "spec/canary/steps",
        "spec/slo",
        "spec/rollbackOwner",
        "spec/rollbackOwner/name",
        "spec/rollbackOwner/contact",
        "spec/rollbackOwner/subjects",
        "spec/slo/errorRate/maxIncrease",
        "spec/canary/steps/0/hold",
    ):
        yield Bad({path: ABSENT}, _shown(path), "Required value")
    yield Bad({"spec": ABSENT}, "spec", "Required value")


def _names() -> Iterator[Bad]:
    for text in ("Upper", "a_b", "-a", "a-", "a..b", "a.-b", "", "ä"):
        yield Bad({"spec/target/deployment": text}, "spec.target.deployment", NAME)
    yield Bad({"spec/target/configMap": "a b"}, "spec.target.configMap", NAME)
    yield Bad({"spec/target/configMap": "a" * 201}, "spec.target.configMap", "more than 200")
    yield Bad({"spec/target/container": "a.b"}, "spec.target.container", "letters, digits and -")
    yield Bad({"spec/analysis/prometheus": "A"}, "spec.analysis.prometheus", "letters, digits")
    yield Bad({"spec/rollbackOwner/name": " "}, "spec.rollbackOwner.name", "name the team")
    yield Bad({"spec/rollbackOwner/contact": ""}, "spec.rollbackOwner.contact", "how to reach")
    yield Bad({"metadata/name": "a" * 64}, "metadata.name", "at most 63 characters")


def _delta() -> Iterator[Bad]:
    delta, policies = "spec/flagDelta", "spec/flagDelta/operatorConcurrencyPolicies"
    yield Bad({delta: {}}, _shown(delta), "name at least one flag to change")
    change = {policies: {"serch": {"maxInFlight": 1}}}
    yield Bad(change, _shown(policies), "lookup_evidence, list_versions, diff, redact; found serch")
    cure = "give maxInFlight, fairnessWeight or both"
    yield Bad({policies: {"search": {}}}, f"{_shown(policies)}[search]", cure)


def _canary() -> Iterator[Bad]:
    steps, field = "spec/canary/steps", "spec.canary.steps"
    for value in ("10 percent", "0%", "101%", "010%", "10.5%", "10", "%", "", 0, -1, 10_001):
        yield Bad({steps: [{"cohort": value, "hold": "1m"}]}, f"{field}[0].cohort", COHORT)
    yield Bad({steps: []}, field, "give at least one step")
    yield Bad({steps: [STEP | {"cohort": f"{i + 1}%"} for i in range(21)]}, field, "at most 20")
    growing = "let every step's cohort be larger than the one before"
    for sizes in (("10%", "10%"), ("50%", "9%"), ("100%", "99%"), (2, 2), (10, 9), (1, 5, 5)):
        yield Bad({steps: [STEP | {"cohort": size} for size in sizes]}, field, growing)
    for sizes in (("10%", 20), (2, "50%"), (1, 2, "50%")):
        mixed = [STEP | {"cohort": size} for size in sizes]
        yield Bad({steps: mixed}, field, "use one unit in all steps: pods (2) or shares (10%)")
    cohorts = "give every step a cohort in mode Managed, and none in Existing and Fleet"
    yield Bad({steps: [STEP, HOLD]}, field, f"{cohorts}; found mode Managed")
    fleet = {"spec/canary/mode": "Fleet"}
    yield Bad(fleet | {steps: [STEP]}, field, f"{cohorts}; found mode Fleet")
    one = "give exactly one step, with a hold only, in modes Existing and Fleet"
    yield Bad(fleet | {steps: [HOLD, HOLD]}, field, f"{one}; found several in mode Fleet")
    existing = {"spec/canary/mode": "Existing", steps: [HOLD]}
    with_mode = "give existing exactly with mode: Existing"
    yield Bad(existing, "spec.canary.existing", f"{with_mode}; found mode Existing")
    given = {"spec/canary/existing": EXISTING}
    yield Bad(given, "spec.canary.existing", f"{with_mode}; found mode Managed")
    change = existing | {"spec/canary/existing": EXISTING | {"deployment": "A"}}
    yield Bad(change, "spec.canary.existing.deployment", NAME)


def _slo() -> Iterator[Bad]:
    latency, modes, reasons = "spec/slo/latency", "spec/slo/terminalModes", "spec/slo/stopReasons"
    yield Bad({"spec/slo": {"sustainedFor": "5m"}}, "spec.slo", "name at least one signal: latency")
    yield Bad({latency: {}}, "spec.slo.latency", "give p95, p99 or both")
    change = {latency: {"p95": "1001ms", "p99": "1s"}}
    yield Bad(change, "spec.slo.latency.p95", "let p95 be at most p99; found 1001ms and 1s")
    largest = "give at most 10s, the largest bound of the controller's histogram; found "
    yield Bad({latency: {"p95": "11s"}}, "spec.slo.latency.p95", largest + "11s")
    yield Bad({latency: {"p99": "10s1ms"}}, "spec.slo.latency.p99", largest + "10s1ms")
    yield Bad({modes: {}}, "spec.slo.terminalModes", "name at least one, or leave the field out")
    cure = "name terminal modes that show a loss: INSUFFICIENT_EVIDENCE"
    yield Bad({modes: {"SUPPORTED": LIMIT}}, "spec.slo.terminalModes", cure)
    yield Bad({reasons: {}}, "spec.slo.stopReasons", "name at least one, or leave the field out")
    cure = "write stop reasons in lower case, with * for any text, for example bridge_*"
    for glob in ("Bridge", "a b", "", "a" * 64):
        yield Bad({reasons: {glob: LIMIT}}, "spec.slo.stopReasons", cure)
    rates = {"source": "Fixed", "rates": {"stopReasons": {"Bridge": 0.1}}}
    yield Bad({"spec/baseline": rates}, "spec.baseline.rates.stopReasons", f"{cure}; found Bridge")


def _rest() -> Iterator[Bad]:
    users = "spec/rollbackOwner/subjects"
    for subjects in ({}, {"users": []}, {"users": [], "groups": []}):
        yield Bad({users: subjects}, _shown(users), "name at least one user or group; nobody else")
    yield Bad({users: {"users": [""]}}, f"{_shown(users)}.users[0]", "write a user's or a group's")
    yield Bad({users: {"users": ["a"] * 33}}, f"{_shown(users)}.users", "at most 32")
    change = {"spec/analysis/interval": "999ms"}
    yield Bad(change, "spec.analysis.interval", "let the interval be at least 1s; found 999ms")
    change = {"spec/slo/sustainedFor": "29s"}
    cure = "let slo.sustainedFor be at least analysis.interval; found 29s and 30s"
    yield Bad(change, "spec.slo.sustainedFor", cure)
    fleet = {"spec/canary": {"mode": "Fleet", "steps": [HOLD]}}
    change = fleet | {"spec/baseline": {"source": "Concurrent"}}
    cure = "mode Fleet leaves no rest of the fleet: use baseline.source Recorded or Fixed"
    yield Bad(change, "spec.baseline.source", cure)
    cure = "give rates exactly with source: Fixed; found "
    yield Bad({"spec/baseline": {"source": "Fixed"}}, "spec.baseline", cure + "no rates")
    for rate, missing in (
        ("budgetViolationRate", "none of budgetViolationRate"),
        ("errorRate", "none of errorRate"),
        ("terminalModes", "none of terminalModes.SOURCE_UNAVAILABLE"),
        ("stopReasons", "none of stopReasons.bridge_*"),
    ):
        fixed = {"source": "Fixed", "rates": {k: v for k, v in RATES.items() if k != rate}}
        every = "give the baseline's rate of every signal that the slo compares with it; found "
        yield Bad({"spec/baseline": fixed}, "spec.baseline.rates", every + missing)
    fixed = {"source": "Fixed", "rates": RATES | {"stopReasons": {"bridge": 0.1}}}
    yield Bad({"spec/baseline": fixed}, "spec.baseline.rates", "found none of stopReasons.bridge_*")
    rates = {"source": "Recorded", "rates": {}}
    yield Bad({"spec/baseline": rates}, "spec.baseline", cure + "rates with another source")
    selectors, field = "spec/analysis/selectors", "spec.analysis.selectors.canary[0]"
    regex = "write a regular expression in RE2's syntax, or use = or !="
    yield Bad({selectors: _selectors(op="=~", value="(")}, field, regex)
    # What Python compiles and RE2 does not is refused by the API server alone.
    yield Bad({selectors: _selectors(op="!~", value="(?=a)")}, field, regex, twin=False)
    yield Bad({selectors: _selectors(label="a-b")}, f"{field}.label", "write a label's name")
    names = "name a label of the pods; which metric is asked for is the operator's choice; found"
    yield Bad({selectors: _selectors(label="__name__")}, f"{field}.label", names)
    yield Bad({selectors: _selectors(op="~")}, f"{field}.op", '"=", "!=", "=~", "!~"')
    yield Bad({f"{selectors}": {"canary": [], "baseline": []}}, "selectors.canary", "1 items")


BAD = [
    bad
    for cases in (
        _durations,
        _numbers,
        _words,
        _required,
        _names,
        _delta,
        _canary,
        _slo,
        _rest,
    )
    for bad in cases()
]

GOOD: list[dict[str, Any]] = [
    {},
    *({path: "1h30m"} for path in DURATIONS if "latency" not in path and "interval" not in path),
    {"spec/slo/latency": {"p95": "10s"}},
    {"spec/slo/latency": {"p95": "1s", "p99": "1000ms"}},
    {"spec/slo/latency": {"p99": "9s1000ms"}},
    {"spec/slo/sustainedFor": "30s"},
    {"spec/analysis/interval": "1s"},
    {"spec/slo/errorRate/maxIncrease": 1},
    {"spec/flagDelta": {"batchMode": False}},
    {"spec/flagDelta": {"operatorConcurrencyPolicies": {}}},
    {"spec/flagDelta": {"operatorConcurrencyPolicies": {"fetch_rows": {"fairnessWeight": 1}}}},
    *(
        {"spec/canary/steps": [STEP | {"cohort": size} for size in sizes]}
        for sizes in (
            (1,),
            (10_000,),
            ("1%",),
            ("9%", "10%", "100%"),
            (1, 2, 10),
            tuple(range(1, 21)),
        )
    ),
    {"spec/canary": {"mode": "Fleet", "steps": [HOLD]}},
    {"spec/canary": {"mode": "Fleet", "steps": [HOLD]}, "spec/baseline": {"source": "Recorded"}},
    {"spec/canary": {"mode": "Existing", "steps": [HOLD], "existing": EXISTING}},
    {"spec/baseline": {"source": "Fixed", "rates": RATES}},
    {"spec/baseline": {"source": "Fixed", "rates": {}}, "spec/slo": {"latency": {"p95": "1s"}}},
    {"spec/analysis/selectors": _selectors(op="=~", value="pecr-.*|next-.*")},
    {"spec/analysis/selectors": _selectors(op="=", value="(")},
    {"spec/target/deployment": "a.b-c.d"},
    {"spec/rollbackOwner/subjects": {"users": [], "groups": ["sre"]}},
    {"spec/suspend": True, "spec/onDelete": "Retain", "spec/fallback": {"onExhausted": "Withdraw"}},
    {"spec/analysis": None, "spec/promotion": None},
    {"metadata/name": "a" * 63},
]
