"""Figures for people, from labels that pods may have written as they like."""

from pecr_rollout.telemetry.counters import MARK
from pecr_rollout.telemetry.diagnostics import Watched, figures
from pecr_rollout.telemetry.promql import REPLICA_SET
from pecr_rollout.telemetry.subjects import Subject
from telemetry.asking import CANARY_RS, START


async def test_a_bound_that_is_no_number_is_left_out(faulty, connect):
    place = {"namespace": "shop", REPLICA_SET: CANARY_RS}
    bounds = {"0.5": "10", "1.0": "20", "+Inf": "20", "fast": "30", "NaN": "40", "": "50"}
    faulty.answers(
        [
            {"metric": {**place, MARK: kind, "le": bound}, "value": [START, count]}
            for kind in ("latency", "queue")
            for bound, count in bounds.items()
        ]
    )
    watched = [Watched("u1", Subject("shop", (CANARY_RS,)), None)]
    canary, _ = (await figures(connect(faulty.url), watched, START, 60.0))["u1"]
    assert canary.requests == 20.0
    assert (canary.p95_ms, canary.queue_wait_p95_ms) == (950.0, 950.0)
