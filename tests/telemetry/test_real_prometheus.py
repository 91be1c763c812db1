"""Against a real Prometheus: what the queries mean, and that a rebuild equals what was live."""

import asyncio
import random
from dataclasses import replace

import pytest

from pecr_rollout.api.analysis import LabelMatcher
from pecr_rollout.judge.evidence import Counts, Reason
from pecr_rollout.telemetry import promql
from pecr_rollout.telemetry.collector import Collector
from pecr_rollout.telemetry.counters import Family, Needed
from pecr_rollout.telemetry.diagnostics import Watched, figures
from pecr_rollout.telemetry.errors import PrometheusUnavailable, Trouble
from pecr_rollout.telemetry.quantile import quantile
from pecr_rollout.telemetry.subjects import Subject
from telemetry.asking import CANARY_RS, FLEET_RS, START, due
from telemetry.real import Exporter, prometheus
from telemetry.tape import FakePod, Tape
from telemetry.test_collector import CANARY, FLEET, follow, rebuild, steady, story
from telemetry.test_promql import HOSTILE

pytestmark = pytest.mark.cluster

EVERYTHING = ["serve", "serve", "slow", "fail", "restart", "skip", "birth", "death"]


@pytest.mark.parametrize("seed", range(3))
async def test_a_rebuild_gives_what_was_given_live(backfilled, seed):
    rng = random.Random(seed)  # noqa: S311
    ticks = [rng.choices(EVERYTHING, k=rng.randrange(5)) for _ in range(14)]
    client = backfilled(story(ticks, rng))
    live = await follow(Collector(client), 14)
    assert live == await rebuild(client, 14)
    assert any(e.canary for e in live["error_rate"])


async def test_births_and_resets_are_counted_from_zero(backfilled):
    tape, pod, fleet = Tape(), FakePod(CANARY), FakePod(FLEET)
    fleet.serve(1)
    newcomer = FakePod(f"{CANARY_RS}-nnnnn")
    for number in range(5):
        if number == 1:
            pod.serve(10)  # the lazy series are born
        elif number == 2:
            pod.restart()
            pod.serve(4, status="502", latency=0.002)
        elif number == 3:
            newcomer.serve(5)
        fleet.serve(1)
        for one in (pod, fleet, *([newcomer] if number >= 3 else [])):
            one.scrape(tape, START + 30 * number - 3)
    found = await follow(Collector(backfilled(tape)), 4)
    errors = found["error_rate"]
    assert [e.canary for e in errors[:3]] == [Counts(0, 10), Counts(4, 4), Counts(0, 5)]
    assert errors[3].gap is Reason.NO_TRAFFIC
    assert [e.canary for e in found["latency_p95"][:3]] == [
        Counts(0, 10),
        Counts(0, 4),
        Counts(0, 5),
    ]


async def test_other_routes_and_pods_and_namespaces_do_not_count(backfilled):
    tape = Tape()
    pods = [FakePod(CANARY), FakePod(FLEET)]
    strangers = [
        FakePod(CANARY, namespace="other"),
        FakePod(f"x{CANARY}"),
        FakePod(f"{CANARY_RS}-extra-aaaaa"),
    ]
    for number in range(3):
        for pod in (*pods, *strangers):
            pod.serve(10)
            pod.other_route(1000)
            pod.scrape(tape, START + 30 * number - 3)
    found = await follow(Collector(backfilled(tape)), 2)
    for evaluations in found.values():
        assert [e.canary.total for e in evaluations] == [10.0, 10.0]


async def test_a_pod_that_two_jobs_scrape_counts_once(backfilled):
    tape = Tape()
    pods = [FakePod(CANARY), FakePod(FLEET)]
    for number in range(4):
        for pod in pods:
            pod.serve(10)
            pod.serve(10, status="502", latency=0.002)
            pod.scrape(tape, START + 30 * number - 9)
            pod.scrape(tape, START + 30 * number - 4, job="again")
    found = await follow(Collector(backfilled(tape)), 3)
    assert {e.canary for e in found["error_rate"]} == {Counts(10.0, 20.0)}
    assert {e.canary for e in found["latency_p95"]} == {Counts(0.0, 20.0)}


async def test_a_gap_in_scraping_is_stale_and_made_up(backfilled):
    tape, pods = Tape(), [FakePod(CANARY), FakePod(FLEET)]
    for number in range(8):
        for pod in pods:
            pod.serve(10)
            if number not in {3, 4, 5}:
                pod.scrape(tape, START + 30 * number - 3)
    found = (await follow(Collector(backfilled(tape)), 7))["error_rate"]
    assert [e.gap for e in found] == [
        None,
        None,
        Reason.NO_TRAFFIC,  # at 33 s the sample is not too old yet, but no newer one came
        Reason.STALE,
        Reason.STALE,
        None,
        None,
    ]
    assert [e.canary.total for e in found if e.canary] == [10.0, 10.0, 40.0, 10.0]


@pytest.mark.parametrize("rollouts", [1, 50, 500])
async def test_the_number_of_queries_is_constant(backfilled, told, rollouts):
    client = backfilled(steady(2))
    entries = [due(START + 1, key=f"u{n}", namespace=f"team-{n}") for n in range(rollouts)]
    collector = Collector(client)
    await collector.collect(entries)
    found = await collector.collect([replace(entry, until=START + 31) for entry in entries])
    assert len(told) == 2
    assert all(asking.trouble is None for asking in told)
    assert len(found) == rollouts


async def test_nothing_can_be_injected(backfilled):
    client = backfilled(steady(2))
    everything = Needed(frozenset(Family), frozenset({1.0, float("inf")}))
    for text in HOSTILE:
        hostile = Subject(text, (text,), (text,))
        query = promql.raw(client.server, [hostile], everything)
        assert await client.instant(query, START + 31, list) == []
        plain = text.replace("\ud800", "")  # the model itself refuses what is no character
        matched = Subject("", matchers=(LabelMatcher(label="pod", op="=", value=f"x{plain}"),))
        query = promql.raw_by_matchers(client.server, [(text, matched)], everything)
        assert await client.instant(query, START + 31, list) == []
        query = promql.figures_by_matchers(client.server, [(text, matched)], 60.0)
        assert await client.instant(query, START + 31, list) == []


async def test_a_regular_expression_that_is_none_stalls_its_own_rollout_only(backfilled):
    bad = Subject("shop", matchers=(LabelMatcher(label="pod", op="=~", value="(a)(?=b)"),))
    client = backfilled(steady(2))
    entries = [due(START + 61), due(START + 61, key="bad", canary=bad, baseline=None)]
    found = await Collector(client).collect(entries)
    assert found["bad"].unavailable.trouble is Trouble.REFUSED
    assert found["u1"].unavailable is None
    assert len(found["u1"].evaluations["error_rate"]) == 2


async def test_cohorts_can_be_told_by_matchers(backfilled):
    def matched(job):
        return Subject("shop", matchers=(LabelMatcher(label="job", value=job),))

    tape = Tape()
    pods = [FakePod("one", job="new"), FakePod("two", job="old"), FakePod("three", job="old")]
    for number in range(3):
        for pod in pods:
            pod.serve(10)
            pod.scrape(tape, START + 30 * number - 3)
    entry = {"canary": matched("new"), "baseline": matched("old")}
    client = backfilled(tape)
    found = await follow(Collector(client), 2, **entry)
    assert [e.canary.total for e in found["error_rate"]] == [10.0] * 2
    assert [e.baseline.total for e in found["error_rate"]] == [20.0] * 2
    assert found == await rebuild(client, 2, **entry)
    seen = await figures(client, [Watched("u1", *entry.values())], START + 60, 60.0)
    assert seen["u1"][0].p95_ms == pytest.approx(24.25)
    assert seen["u1"][0].requests * 2 == pytest.approx(seen["u1"][1].requests)


async def test_figures_are_what_prometheus_computes(backfilled):
    rng, tape = random.Random(7), Tape()  # noqa: S311
    pods = [FakePod(CANARY), FakePod(FLEET), FakePod(f"{FLEET_RS}-ccccc")]
    for number in range(11):
        for pod in pods:
            for _ in range(20):
                pod.serve(1, latency=rng.lognormvariate(-2, 1.2), reason="plan_complete")
            pod.serve(1, status="502", latency=0.002, reason="bridge_lost")
            pod.wait(3, 0.004)
            pod.counters["inflight_ops", ()] = 2.0
            pod.scrape(tape, START + 30 * number - 3)
    client = backfilled(tape)
    at = START + 300
    subjects = Subject("shop", (CANARY_RS,)), Subject("shop", (FLEET_RS,))
    canary, fleet = (await figures(client, [Watched("u1", *subjects)], at, 240.0))["u1"]
    for found, pattern in ((canary, CANARY), (fleet, f"{FLEET_RS}-.*")):
        buckets = (
            "sum by (le) (increase(pecr_controller_http_request_duration_seconds_bucket"
            f'{{pod=~"{pattern}",route="/v1/run"}}[240s]))'
        )
        for share, shown in ((0.95, found.p95_ms), (0.99, found.p99_ms)):
            query = f"histogram_quantile({share}, {buckets})"
            [expected] = await client.instant(query, at, list)
            assert shown == pytest.approx(expected.value * 1000)
    assert canary.inflight == 2.0
    assert fleet.inflight == 4.0
    assert canary.queue_wait_p95_ms == pytest.approx(9.525)
    assert set(fleet.stop_reasons) == {"plan_complete", "bridge_lost"}
    ratio = fleet.stop_reasons["plan_complete"] / canary.stop_reasons["plan_complete"]
    assert ratio == pytest.approx(2.0)


async def test_the_time_is_the_servers(backfilled):
    client = backfilled(steady(1))
    [sample] = await client.instant("vector(time())", await client.now(), list)
    assert sample.value == pytest.approx(await client.now(), abs=0.5)
    assert client.clock.uncertainty < 0.5


async def test_live_scrapes_are_rebuilt_the_same(tmp_path, connect):
    """Real scraping: a pod appears, one restarts, one hides and comes back, one goes."""
    names = [CANARY, FLEET, f"{FLEET_RS}-ccccc", f"{CANARY_RS}-ddddd"]
    with Exporter() as exporter:
        exporter.pods = {name: FakePod(name) for name in names[:3]}
        config = exporter.config(names, "100ms")
        with prometheus(tmp_path, config=config) as url:
            client = connect(url, delay=1.0)  # a busy machine is late to store scrapes
            since = await seen(client)
            live, ticks = await lives(client, exporter, names, since)
            entry = due(ticks, interval=0.5, since=since)
            found = (await Collector(client).collect([entry]))["u1"].evaluations
            assert {name: list(evaluations) for name, evaluations in found.items()} == live
            gaps = {e.gap for evaluations in live.values() for e in evaluations}
            assert None in gaps
            assert len(live["error_rate"]) >= 8


async def seen(client):
    """Wait until Prometheus has scraped the pods; give its time."""
    while True:
        now = await client.now()
        found = await client.instant("pecr_controller_budget_violations_total", now, list)
        if len(found) == 3:
            return now
        await asyncio.sleep(0.05)


async def lives(client, exporter, names, since):
    collector, found, last = Collector(client), {}, None
    tick = collector.next_tick(0.5, since)
    for number in range(12):
        await asyncio.sleep(max(tick - await client.now(), 0.0))
        entry = due(tick - client.server.delay, interval=0.5, since=since, last=last)
        collected = (await collector.collect([entry]))["u1"]
        for name, evaluations in collected.evaluations.items():
            found.setdefault(name, []).extend(evaluations)
            last = evaluations[-1].at
        with exporter.lock:
            change(exporter, names, number)
        tick += 0.5
    return found, tick - 0.5 - client.server.delay


def change(exporter, names, number):
    """What happens between two ticks."""
    for pod in exporter.pods.values():
        pod.serve(10 + number, reason="plan_complete")
    if number == 2:
        exporter.pods[names[0]].restart()
    elif number == 3:
        exporter.pods[names[3]] = FakePod(names[3])
    elif number == 4:
        exporter.hidden = {names[1]}
    elif number == 6:
        exporter.hidden = set()
    elif number == 7:
        del exporter.pods[names[2]]


async def test_a_quantile_of_nothing_is_none():
    assert quantile(0.95, {}) is None
    assert quantile(0.95, {1.0: 0.0, float("inf"): 0.0}) is None
    assert quantile(0.95, {1.0: 5.0, 2.5: 5.0}) is None
    assert quantile(0.95, {1.0: 1.0, float("inf"): 10.0}) == 1.0


async def test_an_unknown_query_is_refused(backfilled):
    with pytest.raises(PrometheusUnavailable, match="parse error"):
        await backfilled(steady(1)).instant("sum by", START, list)
