"""The collector, over a Prometheus in memory."""

import asyncio
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from pecr_rollout.api.analysis import LabelMatcher
from pecr_rollout.judge.evidence import Counts, Evaluation, Reason
from pecr_rollout.telemetry.collector import Collector
from pecr_rollout.telemetry.errors import PrometheusUnavailable, Trouble
from pecr_rollout.telemetry.subjects import Subject
from telemetry.asking import ALL, CANARY_RS, FLEET_RS, P95, START, due
from telemetry.stand_in import StandIn
from telemetry.tape import FakePod, Tape

CANARY, FLEET = f"{CANARY_RS}-aaaaa", f"{FLEET_RS}-bbbbb"


def steady(ticks, *, requests=10, errors=0, namespace="shop"):
    """Both cohorts answer the same number of requests between any two ticks."""
    tape = Tape()
    pods = [FakePod(CANARY, namespace), FakePod(FLEET, namespace)]
    for number in range(ticks + 1):
        for pod in pods:
            pod.serve(requests)
            pod.serve(errors, status="502") if errors else None
            pod.scrape(tape, START + 30 * number - 5)
    return tape


async def follow(collector, ticks, **changes):
    """Collect tick by tick; give all evaluations by question."""
    found, last = {}, None
    for number in range(ticks + 1):
        entry = due(START + 30 * number + 1, last=last, **changes)
        collected = (await collector.collect([entry]))[entry.key]
        for name, evaluations in collected.evaluations.items():
            found.setdefault(name, []).extend(evaluations)
            last = evaluations[-1].at
    return found


async def rebuild(prometheus, ticks, **changes):
    entry = due(START + 30 * ticks + 1, **changes)
    collected = (await Collector(prometheus).collect([entry]))[entry.key]
    return {name: list(evaluations) for name, evaluations in collected.evaluations.items()}


async def test_counts_of_both_cohorts_tick_by_tick():
    found = await follow(Collector(StandIn(steady(3, requests=10, errors=2))), 3)
    expected = [Evaluation(START + 30 * n, Counts(2.0, 12.0), Counts(2.0, 12.0)) for n in (1, 2, 3)]
    assert found["error_rate"] == expected
    assert [e.canary for e in found["latency_p95"]] == [Counts(0.0, 12.0)] * 3


async def test_a_live_tick_is_one_query_and_a_rebuild_is_one():
    prometheus = StandIn(steady(5))
    await follow(Collector(prometheus), 5)
    assert len(prometheus.queries) == 6
    await rebuild(prometheus, 5)
    assert len(prometheus.queries) == 7


async def test_a_rebuild_gives_what_was_given_live():
    prometheus = StandIn(steady(6, errors=1))
    assert await rebuild(prometheus, 6) == await follow(Collector(prometheus), 6)


async def test_without_an_answer_nothing_is_given_and_later_all_is():
    prometheus = StandIn(steady(5))
    collector = Collector(prometheus)
    first = (await collector.collect([due(START + 31)]))["u1"]
    last = first.evaluations["error_rate"][-1].at
    prometheus.down = True
    for number in (2, 3):
        collected = (await collector.collect([due(START + 30 * number, last=last)]))["u1"]
        assert collected.evaluations == {}
        assert collected.unavailable.trouble == "Unreachable"
    prometheus.down = False
    collected = (await collector.collect([due(START + 120, last=last)]))["u1"]
    assert [e.at for e in collected.evaluations["error_rate"]] == [
        START + 60,
        START + 90,
        START + 120,
    ]
    assert collected.unavailable is None
    assert len(prometheus.queries) == 4


async def test_asked_again_for_the_same_tick_it_gives_the_same():
    collector = Collector(StandIn(steady(3)))
    one = await collector.collect([due(START + 60)])
    assert await collector.collect([due(START + 60)]) == one


async def test_asked_again_by_a_caller_who_has_it_nothing_is_asked():
    prometheus = StandIn(steady(3))
    collector = Collector(prometheus)
    await collector.collect([due(START + 60)])
    found = await collector.collect([due(START + 60, last=START + 60)])
    assert found["u1"].evaluations == {}
    assert len(prometheus.queries) == 1


async def test_of_a_window_of_weeks_a_day_is_read_again():
    prometheus = StandIn(Tape())
    found = await Collector(prometheus).collect([due(START + 30 * 86_400.0)])
    assert len(found["u1"].evaluations["error_rate"]) == 2880


async def test_a_caller_who_forgot_gets_everything_again():
    prometheus = StandIn(steady(3))
    collector = Collector(prometheus)
    live = await follow(collector, 3)
    again = (await collector.collect([due(START + 90)]))["u1"].evaluations
    assert {name: list(evaluations) for name, evaluations in again.items()} == live


async def test_another_window_or_cohort_starts_anew():
    prometheus = StandIn(steady(6))
    collector = Collector(prometheus)
    await follow(collector, 3)
    later = (await collector.collect([due(START + 180, since=START + 100)]))["u1"]
    assert [e.at for e in later.evaluations["error_rate"]] == [START + 150, START + 180]
    moved = due(START + 180, since=START + 100, canary=Subject("shop", ("other-rs",)))
    later = (await collector.collect([moved]))["u1"]
    assert {e.gap for e in later.evaluations["error_rate"]} == {Reason.NO_SERIES}


async def test_before_the_window_begins_nothing_is_asked():
    prometheus = StandIn(steady(3))
    collected = (await Collector(prometheus).collect([due(START - 10)]))["u1"]
    assert collected.evaluations == {}
    assert prometheus.queries == []


async def test_rollouts_do_not_mix():
    tape = steady(3, requests=10)
    tape.series.update(steady(3, requests=7, namespace="other").series)
    entries = [due(START + 90), due(START + 90, key="u2", namespace="other")]
    found = await Collector(StandIn(tape)).collect(entries)
    totals = {
        key: [e.canary.total for e in collected.evaluations["error_rate"]]
        for key, collected in found.items()
    }
    assert totals == {"u1": [10.0] * 3, "u2": [7.0] * 3}


async def test_what_another_rollout_needs_changes_nothing_for_this_one():
    """The union of all needs is read; a counter that comes and goes with it is no restart."""
    prometheus = StandIn(steady(3))
    collector, last, found = Collector(prometheus), None, []
    for number in range(4):
        mine = due(START + 30 * number, asked=(P95,), last=last)
        other = due(START + 30 * number, key=f"u{number}", asked=ALL)
        entries = [mine, other] if number % 2 else [mine]
        evaluations = (await collector.collect(entries))["u1"].evaluations
        if evaluations:
            found += evaluations["latency_p95"]
            last = found[-1].at
    assert [e.canary for e in found] == [Counts(0.0, 10.0)] * 3


async def test_a_missing_baseline_is_a_gap_for_what_is_compared_only():
    found = await follow(Collector(StandIn(steady(1))), 1, baseline=None)
    assert found["error_rate"] == [Evaluation(START + 30, gap=Reason.NO_SERIES)]
    assert found["latency_p95"] == [Evaluation(START + 30, Counts(0.0, 10.0))]


async def test_pods_without_requests_are_no_traffic():
    found = await follow(Collector(StandIn(steady(2, requests=0))), 2)
    assert {e.gap for evaluations in found.values() for e in evaluations} == {Reason.NO_TRAFFIC}


async def test_samples_that_stopped_are_stale():
    found = await follow(Collector(StandIn(steady(2))), 6)
    gaps = [e.gap for e in found["error_rate"]]
    assert gaps[:2] == [None, None]
    assert set(gaps[3:]) == {Reason.STALE}


async def test_late_answers_do_not_overtake():
    """Two evaluations at once: the second waits, and each has its own ticks."""
    prometheus = StandIn(steady(3))
    gate = asyncio.Event()
    instant = prometheus.instant

    async def slow(query, at, read):
        if at == START:
            await gate.wait()
        return await instant(query, at, read)

    prometheus.instant = slow
    collector = Collector(prometheus)
    first = asyncio.create_task(collector.collect([due(START)]))
    second = asyncio.create_task(collector.collect([due(START + 30)]))
    await asyncio.sleep(0)
    assert prometheus.queries == []
    gate.set()
    assert (await first)["u1"].evaluations == {}
    assert [e.at for e in (await second)["u1"].evaluations["error_rate"]] == [START + 30]


async def test_the_history_is_what_the_fleet_counted_before():
    prometheus = StandIn(steady(9, requests=10, errors=1))
    collector = Collector(prometheus)
    entry = due(START + 270, since=START + 240)
    found = await collector.history([entry], lambda one: one.baseline, 180.0)
    assert found["u1"]["error_rate"] == (Counts(1.0, 11.0),) * 6
    assert len(prometheus.queries) == 1


async def test_a_fleet_is_found_by_its_deployment_whatever_its_template_was():
    tape = Tape()
    old, new = FakePod("pecr-controller-5f6d-abcde"), FakePod("pecr-controller-77bb-fghij")
    clone = FakePod("pecr-controller-canary-88cc-klmno")
    for number in range(5):
        for pod in (old, new, clone):
            pod.serve(10)
            pod.scrape(tape, START + 30 * number - 5)
    fleet = Subject("shop", deployments=("pecr-controller",))
    found = await Collector(StandIn(tape)).history(
        [due(START + 120, since=START + 120)], lambda _: fleet, 120.0
    )
    assert [counts.total for counts in found["u1"]["error_rate"]] == [20.0] * 4


async def test_a_history_that_cannot_be_read_is_said():
    prometheus = StandIn(steady(9))
    prometheus.down = True
    collector, entry = Collector(prometheus), due(START + 270, since=START + 240)
    found = await collector.histories([entry], lambda one: one.baseline, 180.0)
    assert found["u1"].unavailable.trouble is Trouble.UNREACHABLE
    with pytest.raises(PrometheusUnavailable):
        await collector.history([entry], lambda one: one.baseline, 180.0)


async def test_a_long_window_is_read_in_slices_and_gives_the_same():
    prometheus = StandIn(steady(150, errors=1))
    rebuilt = await rebuild(prometheus, 150)
    assert len(prometheus.queries) == 3
    assert rebuilt == await follow(Collector(prometheus), 150)


async def test_a_slice_that_fails_is_read_the_next_time():
    prometheus = StandIn(steady(150))
    several, calls = prometheus.range, []

    async def second_fails(*arguments):
        calls.append(arguments)
        prometheus.down = len(calls) == 2
        return await several(*arguments)

    prometheus.range = second_fails
    collector = Collector(prometheus)
    part = (await collector.collect([due(START + 30 * 150)]))["u1"]
    assert part.unavailable is not None
    assert len(part.evaluations["error_rate"]) == 59
    last = part.evaluations["error_rate"][-1].at
    rest = (await collector.collect([due(START + 30 * 150, last=last)]))["u1"]
    assert rest.unavailable is None
    assert len(rest.evaluations["error_rate"]) == 91


@pytest.mark.parametrize("rollouts", [1, 50, 500])
async def test_the_number_of_queries_does_not_depend_on_the_number_of_rollouts(rollouts):
    prometheus = StandIn(Tape())
    entries = [due(START, key=f"u{n}", namespace=f"team-{n}") for n in range(rollouts)]
    await Collector(prometheus).collect(entries)
    assert len(prometheus.queries) == 1


async def test_two_thousand_rollouts_are_four_queries():
    prometheus = StandIn(Tape())
    entries = [due(START, key=f"u{n}", namespace=f"team-{n}") for n in range(2000)]
    await Collector(prometheus).collect(entries)
    assert len(prometheus.queries) == 4


async def test_a_rollout_with_matchers_is_asked_for_alone():
    def matched(value):
        return Subject("shop", matchers=(LabelMatcher(label="track", value=value),))

    prometheus = StandIn(Tape())
    mine = due(START, key="m", canary=matched("canary"), baseline=matched("stable"))
    await Collector(prometheus).collect([mine, due(START), due(START, key="u2")])
    assert len(prometheus.queries) == 2
    own = next(query for query in prometheus.queries if "track" in query)
    assert 'track="canary"' in own
    assert 'track="stable"' in own
    assert "pod=~" not in own


async def test_little_is_kept_of_each_rollout():
    rollouts = 30
    tape = Tape()
    for number in range(rollouts):
        tape.series.update(steady(2, namespace=f"team-{number}").series)
    prometheus, collector, last = StandIn(tape), None, None
    tracemalloc.start()
    before = tracemalloc.take_snapshot()
    collector = Collector(prometheus)
    for tick in range(3):
        entries = [
            due(START + 30 * tick, key=f"u{n}", namespace=f"team-{n}", last=last)
            for n in range(rollouts)
        ]
        found = await collector.collect(entries)
        last = START + 30 * tick if found["u0"].evaluations else None
    del found, entries
    after = tracemalloc.take_snapshot()
    tracemalloc.stop()
    grown = sum(entry.size_diff for entry in after.compare_to(before, "filename"))
    assert grown / rollouts < 20 * 1024
    for number in range(rollouts):
        collector.forget(f"u{number}")


EVENTS = st.sampled_from(["serve", "serve", "slow", "fail", "restart", "skip", "birth", "death"])
TICK = st.lists(EVENTS, max_size=4)
SCRAPES = st.integers(1, 3)


@given(
    st.lists(TICK, min_size=1, max_size=8),
    st.sets(st.integers(0, 8)),
    st.sets(st.integers(0, 8)),
    st.randoms(use_true_random=False),
)
@hypothesis_settings(max_examples=60, deadline=None)
def test_whatever_happens_a_rebuild_gives_what_was_given_live(ticks, down, restarts, rng):
    """Outages of Prometheus, restarts of the operator and of pods: the evaluations are the same."""
    prometheus = StandIn(story(ticks, rng))

    async def live():
        collector, found, last = Collector(prometheus), {}, None
        for number in range(len(ticks) + 1):
            if number in restarts:
                collector, found, last = Collector(prometheus), {}, None
            prometheus.down = number in down and number < len(ticks)
            entry = due(START + 30 * number, last=last)
            collected = (await collector.collect([entry]))["u1"]
            for name, evaluations in collected.evaluations.items():
                found.setdefault(name, []).extend(evaluations)
                last = evaluations[-1].at
        return found

    async def both():
        return await live(), await rebuild(prometheus, len(ticks))

    given_live, rebuilt = asyncio.run(both())
    assert given_live == rebuilt


def story(ticks, rng):
    """What happened to two cohorts, scraped at odd times."""
    tape = Tape()
    pods = [FakePod(CANARY), FakePod(FLEET)]
    for number, events in enumerate([[], *ticks]):
        begin = START + 30 * (number - 1)
        for offset in sorted(rng.uniform(0.1, 29.9) for _ in range(1 + rng.randrange(2))):
            for event in events:
                happen(event, pods, rng)
            for pod in pods:
                if "skip" not in events:
                    pod.scrape(tape, begin + offset)
    return tape


def happen(event, pods, rng):
    pod = rng.choice(pods)
    if event == "serve":
        pod.serve(rng.randrange(1, 50), reason="plan_complete")
    elif event == "slow":
        pod.serve(rng.randrange(1, 9), latency=2.0, mode="SOURCE_UNAVAILABLE")
        pod.violate()
    elif event == "fail":
        pod.serve(rng.randrange(1, 9), latency=0.002, status="502")
    elif event == "restart":
        pod.restart()
    elif event == "birth":
        name = rng.choice([CANARY_RS, FLEET_RS])
        pods.append(FakePod(f"{name}-{rng.randrange(10**5):05d}"))
    elif event == "death" and len(pods) > 2:
        pods.remove(pod)
