"""Resources from the schema and around it, and some that people made by hand."""

import copy
from collections.abc import Iterator
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from api.cases import good
from api.strategies import specs
from hostile.schema import Json
from hostile.texts import HOSTILE

SEED = 20261129
_DEEP: Any = None
for _ in range(200):
    _DEEP = {"a": _DEEP}
GARBAGE = st.one_of(
    st.sampled_from(HOSTILE),
    st.sampled_from((None, True, [], {}, [None], [[]], "", "\x00", "\ud800", _DEEP)),
    st.integers(-(2**63), 2**64),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=300),
    st.just("x" * 20_000),
)


@st.composite
def around(draw: st.DrawFn) -> Json:
    """Give a good rollout, or one with garbage in one to three places."""
    body = good({"spec": draw(specs())})
    for _ in range(draw(st.integers(0, 3))):
        _spoil(draw, body["spec"])
    return body


def _spoil(draw: st.DrawFn, spec: Json) -> None:
    parent, key = draw(st.sampled_from(list(_places(spec))))
    how = draw(st.sampled_from(("replace", "replace", "remove", "add")))
    if how == "remove":
        del parent[key]
    elif how == "add" and isinstance(parent, dict):
        parent[draw(st.sampled_from(HOSTILE))] = draw(GARBAGE)
    else:
        parent[key] = draw(GARBAGE)


def _places(node: Any) -> Iterator[tuple[Any, Any]]:
    entries = node.items() if isinstance(node, dict) else enumerate(node)
    for key, value in list(entries):
        yield node, key
        if isinstance(value, (dict, list)):
            yield from _places(value)


def generated(count: int) -> list[Json]:
    """Give as many resources, the same each time."""
    found: list[Json] = []

    @seed(SEED)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(around())
    def collect(body: Json) -> None:
        found.append(copy.deepcopy(body))

    collect()
    return found


def _selecting(op: str, value: str) -> Json:
    matcher = {"label": "pod", "op": op, "value": value}
    both = {"canary": [matcher] * 8, "baseline": [matcher] * 8}
    return good({"spec/analysis/selectors": both})


def _annotated(**values: str) -> Json:
    found = {f"pecr.dev/{name.replace('_', '-')}": value for name, value in values.items()}
    return good({"metadata/annotations": found})


LONGEST = "99999h99999h"
HAND_MADE: dict[str, Json] = {
    "an acknowledgement of 200 KB": _annotated(acknowledge="x" * 200_000),
    "intents that mean something elsewhere": _annotated(
        acknowledge=HOSTILE[0], promote=HOSTILE[6], abort=HOSTILE[16], acknowledged_by="\x1b[2J"
    ),
    "half a surrogate pair": _annotated(acknowledge="\ud800"),
    "a field of 1.4 MB that nobody knows": good({"spec/note": "x" * 1_400_000}),
    "labels of nearly 1.5 MB": good(
        {"metadata/labels": {f"l{n}": "x" * 60 for n in range(14_000)}}
    ),
    "deep": good({"spec/target/deployment": _DEEP}),
    "a name that is NUL": good({"spec/rollbackOwner/name": "\x00"}),
    "a name that reads from the right": good({"spec/rollbackOwner/name": "\u202egro.dev" * 16}),
    "a name of marks": good({"spec/rollbackOwner/name": "Z" + "\u0301" * 127}),
    "a name of lines": good({"spec/rollbackOwner/name": "a\n" * 64}),
    "a regex that backtracks": _selecting("=~", "(((((a*)*)*)*)*)*$"),
    "a regex that repeats": _selecting("=~", "(a{1,31}){1,31}"),
    "a regex that repeats too often": _selecting("=~", "((a{1,100}){1,100}){1,100}"),
    "a regex of all there is": _selecting("!~", "|".join(["x"] * 256)),
    "PromQL for a value": _selecting("=", HOSTILE[0]),
    "times of decades": good(
        {
            "spec/slo/sustainedFor": LONGEST,
            "spec/canary/steps/0/hold": LONGEST,
            "spec/promotion/bake": LONGEST,
            "spec/analysis/settle": LONGEST,
            "spec/analysis/maxDuration": LONGEST,
            "spec/analysis/interval": LONGEST,
        }
    ),
    "the most that lists take": good(
        {
            "spec/canary/steps": [{"cohort": n, "hold": "1s"} for n in range(1, 21)],
            "spec/slo/stopReasons": {f"{'*a' * 30}{n}": {"maxIncrease": 0.1} for n in range(8)},
            "spec/rollbackOwner/subjects": {"users": ["u" * 253] * 32, "groups": ["g" * 253] * 32},
        }
    ),
}
