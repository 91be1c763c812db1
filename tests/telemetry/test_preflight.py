"""What preflight finds, asked of a real Prometheus."""

import pytest

from pecr_rollout.judge import Counts, Settings
from pecr_rollout.lifecycle.observation import Severity
from pecr_rollout.telemetry import promql
from pecr_rollout.telemetry.clock import Told
from pecr_rollout.telemetry.errors import Trouble
from pecr_rollout.telemetry.preflight import (
    _CURES,
    Checked,
    between_bounds,
    check,
    unknown_server,
)
from pecr_rollout.telemetry.subjects import Subject
from telemetry.asking import ERRORS, FLEET_RS, P95, P99, START
from telemetry.faults import Faulty
from telemetry.tape import FakePod, Tape

NOW = START + 600.0
FLEET = Subject("shop", (FLEET_RS,))


def checked(**changes):
    fields = {
        "asked": (P99, ERRORS),
        "settings": Settings(signals=2),
        "fleet": FLEET,
        "share": 0.1,
        "history": {"error_rate": (Counts(1.0, 1000.0),) * 130},
    }
    return Checked(**{**fields, **changes})


def fleet(requests, *, every=15.0, namespace="shop", since=START):
    tape, pod = Tape(), FakePod(f"{FLEET_RS}-aaaaa", namespace)
    at = since
    while at <= NOW:
        if requests:
            pod.serve(requests)
        pod.scrape(tape, at)
        at += every
    return tape


async def findings(client, wall=NOW, **changes):
    client.clock.believe(told(client))
    return {f.reason: f for f in await check(client, checked(**changes), wall)}


def told(client):
    """The server's time stands still at `NOW`, as far as the test is concerned."""
    now = client.clock._monotonic()
    return Told(NOW, NOW, now, now)


pytestmark = pytest.mark.cluster


async def test_a_healthy_fleet_has_no_findings(backfilled):
    assert await findings(backfilled(fleet(1000))) == {}


async def test_no_series_at_all(backfilled):
    found = await findings(backfilled(Tape()))
    assert found["NoSeries"].severity is Severity.ERROR
    assert "pecr_controller_budget_violations_total" in found["NoSeries"].message


async def test_series_under_other_labels_are_shown(backfilled):
    client = backfilled(fleet(10, namespace="elsewhere"))
    found = (await findings(client))["LabelMismatch"]
    assert found.severity is Severity.ERROR
    assert 'namespace="elsewhere"' in found.message
    assert f'pod="{FLEET_RS}-aaaaa"' in found.message
    assert 'namespace=~"shop"' in found.message


async def test_pods_that_are_fresh_are_waited_for(backfilled):
    client = backfilled(fleet(10, namespace="elsewhere"))
    found = (await findings(client, settled_at=NOW - 20.0))["NoSeriesYet"]
    assert found.severity is Severity.WAITING
    assert "LabelMismatch" in await findings(client, settled_at=NOW - 61.0)


async def test_young_pods_are_judged_by_their_own_age(backfilled):
    """50 requests a second for a minute, scraped each second: neither few nor seldom."""
    client = backfilled(fleet(50, every=1.0, since=NOW - 60.0))
    settings = Settings(signals=2, tick=1.0)
    assert await findings(client, settings=settings) == {}
    [rate] = await client.instant(promql.known_for(client.server, FLEET, 600.0), NOW, list)
    assert 45.0 <= rate.value <= 75.0


async def test_young_pods_that_are_scraped_too_seldom(backfilled):
    found = await findings(backfilled(fleet(4000, every=60.0, since=NOW - 250.0)))
    assert "every 50 s" in found["ScrapedTooSeldom"].message, "five scrapes in 250 s"


async def test_no_traffic(backfilled):
    found = (await findings(backfilled(fleet(0))))["NoTraffic"]
    assert found.severity is Severity.ERROR
    assert "POST /v1/run" in found.message


async def test_traffic_that_decides_nothing(backfilled):
    found = (await findings(backfilled(fleet(1))))["TrafficTooLow"]
    assert found.severity is Severity.WARNING
    assert found.message.startswith("error_rate: ")


async def test_pods_scraped_too_seldom(backfilled):
    found = (await findings(backfilled(fleet(4000, every=60.0))))["ScrapedTooSeldom"]
    assert found.severity is Severity.WARNING
    assert "every 60 s" in found.message


async def test_a_clock_that_is_off(backfilled):
    found = await findings(backfilled(fleet(1000)), wall=NOW - 600.0)
    assert found["ClockOff"].severity is Severity.WARNING
    assert "600 s ahead" in found["ClockOff"].message


async def test_a_histogram_with_other_buckets(backfilled):
    tape = fleet(1000)
    for metric, labels in list(tape.series):
        if dict(labels).get("le") == "2.5":
            del tape.series[metric, labels]
    found = (await findings(backfilled(tape)))["OtherBuckets"]
    assert "no bucket at 2500ms" in found.message


async def test_the_bounds_around_a_coarse_limit_are_named():
    [found] = between_bounds((P95, P99, ERRORS))
    assert found.severity is Severity.WARNING
    assert "slo.latency.p95: 1200ms lies between" in found.message
    assert "1000ms or 2500ms would be exact" in found.message


async def test_an_unreachable_prometheus_is_an_error_and_the_rest_is_said_too(connect):
    with Faulty() as faulty:
        faulty.status = 503
        found = await check(connect(faulty.url), checked(asked=(P95,)), NOW)
    assert [f.reason for f in found] == ["PrometheusUnavailable", "CoarseBound"]
    assert "status 503" in found[0].message


def test_every_trouble_has_a_cure():
    assert set(_CURES) == set(Trouble)


def test_an_unknown_prometheus_is_named_with_those_that_are_known():
    assert unknown_server("a", {"a", "b"}) is None
    found = unknown_server("x", {"b", "a"})
    assert found.severity is Severity.ERROR
    assert "it knows a, b." in found.message
    assert "it knows none." in unknown_server("x", ()).message
