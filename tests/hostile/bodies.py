"""Rollouts that together have every text of the resource."""

from collections.abc import Iterator

from api.cases import EXISTING, HOLD, RATES, STEP, good
from hostile.schema import Json, Place, places, schema

_INTENTS = ("acknowledge", "acknowledged-by", "promote", "abort")
_FULL: Json = {
    "metadata/namespace": "default",
    "metadata/uid": "0a1b2c3d-0000-4000-8000-000000000000",
    "metadata/labels": {"team": "x"},
    "metadata/annotations": {f"pecr.dev/{name}": "x" for name in _INTENTS},
    "spec/analysis": {"interval": "30s", "settle": "1m", "maxDuration": "2h", "prometheus": "p"},
    "spec/analysis/onInconclusive": "Hold",
    "spec/baseline": {"source": "Fixed", "rates": RATES},
    "spec/promotion": {"strategy": "Manual", "bake": "30m", "guard": "Always"},
    "spec/fallback": {"onExhausted": "Hold"},
    "spec/onDelete": "Restore",
    "spec/slo/sharedIncident": "Hold",
    "spec/target/conflicts": "Take",
}
_MANAGED: Json = {"spec/canary": {"mode": "Managed", "readyWithin": "5m", "steps": [STEP]}}
_EXISTING: Json = {
    "spec/canary": {"mode": "Existing", "existing": EXISTING, "steps": [HOLD]},
    "spec/analysis/selectors": {
        "canary": [{"label": "pod", "op": "=", "value": "a"}],
        "baseline": [{"label": "pod", "op": "=~", "value": "a.*"}],
    },
}
_METADATA = (
    Place("metadata.name", ("metadata", "name")),
    Place("metadata.labels.*", ("metadata", "labels", "team")),
    Place("metadata.labels (key)", ("metadata", "labels", "team"), key=True),
    *(
        Place(f"metadata.annotations.{name}", ("metadata", "annotations", f"pecr.dev/{name}"))
        for name in _INTENTS
    ),
)


def everywhere() -> Iterator[tuple[Json, Place]]:
    """Give every text of metadata and spec once, each with a rollout that has it."""
    seen: set[str] = set()
    for body in (good(_FULL | _MANAGED), good(_FULL | _EXISTING)):
        for place in (*_METADATA, *places(body["spec"], schema()["spec"], "spec", ("spec",))):
            if place.name not in seen:
                seen.add(place.name)
                yield body, place
