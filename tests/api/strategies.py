"""Specs that the models take, of every shape."""

from typing import Any

from hypothesis import strategies as st

from pecr_rollout.api import enums
from pecr_rollout.contract.flags import OPERATORS
from pecr_rollout.contract.signals import TERMINAL_MODES

NAMES = st.sampled_from(("a", "0", "pecr-controller", "a--b", "x" * 63, "9-z"))
DURATIONS = st.one_of(
    st.builds("{}{}".format, st.integers(1, 99_999), st.sampled_from(("s", "m", "h"))),
    st.builds("{}h{}m".format, st.integers(1, 99_999), st.integers(1, 99_999)),
)
SHARES = st.floats(1e-6, 1, allow_subnormal=False)
RATES = st.floats(0, 1, allow_subnormal=False)
MODES = st.sampled_from(TERMINAL_MODES[1:])
GLOBS = st.text("az09_*", min_size=1, max_size=63)
LIMITS = st.fixed_dictionaries({"maxIncrease": SHARES})
COUNTS = st.integers(1, 100_000)
TEXTS = st.sampled_from(
    ("a", "#team", "Größe", "a@b.example", "system:sa:ci:bot", "日本", "🙂" * 100)
)


def maybe(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Give maps with some of these fields."""
    return st.fixed_dictionaries({}, optional=fields)


def words(enum: type[enums.StrEnum]) -> st.SearchStrategy[str]:
    return st.sampled_from([str(word) for word in enum])


@st.composite
def latencies(draw: st.DrawFn) -> dict[str, str]:
    fast, slow = sorted(draw(st.tuples(st.integers(1, 10_000), st.integers(1, 10_000))))
    both = {"p95": f"{fast}ms", "p99": f"{slow}ms"}
    return {name: both[name] for name in draw(st.sampled_from((("p95",), ("p99",), tuple(both))))}


def slos() -> st.SearchStrategy[dict[str, Any]]:
    signals = maybe(
        latency=latencies(),
        budgetViolationRate=LIMITS,
        errorRate=LIMITS,
        terminalModes=st.dictionaries(MODES, LIMITS, min_size=1),
        stopReasons=st.dictionaries(GLOBS, LIMITS, min_size=1, max_size=8),
    ).filter(bool)
    more = maybe(
        minRequests=st.integers(1, 1_000_000),
        earlyTrip=st.booleans(),
        sharedIncident=words(enums.SharedIncident),
    )
    return st.builds(lambda a, b: a | b | {"sustainedFor": "1h"}, signals, more)


@st.composite
def canaries(draw: st.DrawFn) -> dict[str, Any]:
    mode = draw(words(enums.CanaryMode))
    more = draw(maybe(readyWithin=DURATIONS)) | {"mode": mode}
    if mode != "Managed":
        existing = {"deployment": draw(NAMES), "configMap": draw(NAMES)}
        more |= {"existing": existing} if mode == "Existing" else {}
        return more | {"steps": [{"hold": draw(DURATIONS)}]}
    percent, most = draw(st.sampled_from(((True, 100), (False, 10_000))))
    sizes = sorted(draw(st.sets(st.integers(1, most), min_size=1, max_size=20)))
    cohorts = [f"{size}%" if percent else size for size in sizes]
    return more | {"steps": [{"cohort": c, "hold": draw(DURATIONS)} for c in cohorts]}


def deltas() -> st.SearchStrategy[dict[str, Any]]:
    policy = maybe(maxInFlight=COUNTS, fairnessWeight=COUNTS).filter(bool)
    return maybe(
        engine=st.sampled_from(("baseline", "rlm")),
        adaptiveParallelism=st.booleans(),
        batchMode=st.booleans(),
        operatorConcurrencyPolicies=st.dictionaries(st.sampled_from(OPERATORS), policy),
    ).filter(bool)


def baselines(slo: dict[str, Any], *, fleet: bool) -> st.SearchStrategy[dict[str, Any]]:
    modes, reasons = (
        dict.fromkeys(slo.get(field, ()), RATES) for field in ("terminalModes", "stopReasons")
    )
    given = {
        "budgetViolationRate": RATES,
        "errorRate": RATES,
        "terminalModes": st.fixed_dictionaries(modes),
        "stopReasons": st.fixed_dictionaries(reasons),
    }
    compared = {name: rate for name, rate in given.items() if name in slo}
    others = {name: rate for name, rate in given.items() if name not in slo}
    rates = st.fixed_dictionaries(compared, optional=others)
    sources = [{}, {"source": "Recorded"}, *([] if fleet else [{"source": "Concurrent"}])]
    fixed = st.builds(lambda given: {"source": "Fixed", "rates": given}, rates)
    return st.one_of(st.sampled_from(sources), fixed)


@st.composite
def specs(draw: st.DrawFn) -> dict[str, Any]:
    """Give specs in wire form, all of them good."""
    canary, slo = draw(canaries()), draw(slos())
    people = st.lists(TEXTS, min_size=1, max_size=3)
    subjects = draw(st.sampled_from((("users",), ("groups",), ("users", "groups"))))
    optional = maybe(
        analysis=maybe(settle=DURATIONS, maxDuration=DURATIONS, prometheus=NAMES),
        baseline=baselines(slo, fleet=canary["mode"] == "Fleet"),
        promotion=maybe(strategy=words(enums.Strategy), bake=DURATIONS, guard=words(enums.Guard)),
        fallback=maybe(onExhausted=words(enums.OnExhausted)),
        onDelete=words(enums.OnDelete),
        suspend=st.booleans(),
    )
    return draw(optional) | {
        "target": {"deployment": draw(NAMES), "configMap": draw(NAMES)}
        | draw(maybe(container=NAMES, conflicts=words(enums.Conflicts))),
        "flagDelta": draw(deltas()),
        "canary": canary,
        "slo": slo,
        "rollbackOwner": {
            "name": draw(TEXTS),
            "contact": draw(TEXTS),
            "subjects": {kind: draw(people) for kind in subjects},
        },
    }
