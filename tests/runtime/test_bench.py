"""The bench: judges fed tick by tick, the same after a restart, and silent without Prometheus."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import pairwise

import pytest

from cluster.builders import rollout
from pecr_rollout.api.enums import BaselineSource
from pecr_rollout.api.status import Status, Window
from pecr_rollout.judge import Counts, Judgement, Reason, Recorded, State
from pecr_rollout.lifecycle.observation import Flags, Snapshot
from pecr_rollout.lifecycle.situation import Judged
from pecr_rollout.runtime.bench import WRITES_APART, Bench
from pecr_rollout.runtime.case import Case, open_case
from pecr_rollout.runtime.queue import Key
from pecr_rollout.telemetry.diagnostics import Both, Figures, Watched
from pecr_rollout.telemetry.subjects import Subject
from runtime.server import CASE, TICK, Server, traffic
from telemetry.asking import START
from telemetry.tape import Tape

A, B = Key("shop", "a"), Key("shop", "b")


async def judged(bench: Bench, *numbers: int, key: Key = A) -> Judgement:
    for number in numbers:
        await bench.evaluate([key], START + TICK * number + 1)
    judgement = bench.hear(key, CASE).judgement
    assert judgement is not None
    return judgement


@pytest.fixture
def woken() -> list[Key]:
    return []


@pytest.fixture
def bench(woken: list[Key]) -> Bench:
    return sit(Server(traffic(12, 0.2)), woken)


def at_once(take: Callable[[Key], None]) -> Callable[[Key, float], None]:
    """Take whom a bench wakes, whatever time it gives them."""
    return lambda key, _delay: take(key)


def sit(server: Server, woken: list[Key] | None = None, case: Case = CASE) -> Bench:
    bench = Bench(server, at_once((woken if woken is not None else []).append))
    bench.hear(A, case)
    return bench


async def test_an_evaluation_wakes_its_rollout(bench: Bench, woken: list[Key]) -> None:
    assert bench.hear(A, CASE).judgement is None, "nothing was looked at yet"
    judgement = await judged(bench, 1)
    assert woken == [A]
    assert judgement.state is State.UNKNOWN
    assert [v.name for v in judgement.signals] == ["error_rate"]


async def test_a_breach_is_told_with_its_beginning(bench: Bench) -> None:
    judgement = await judged(bench, 1, 2, 3, 4)
    assert judgement.state is State.BREACHED
    (signal,) = judgement.signals
    assert signal.since is not None
    assert START < signal.since <= START + 2 * TICK


async def test_a_new_operator_says_what_the_old_one_said(bench: Bench) -> None:
    old = await judged(bench, *range(1, 7))
    new = await judged(sit(bench.prometheus), 6)
    assert new == old


async def test_another_case_begins_without_evidence(bench: Bench) -> None:
    await judged(bench, 1, 2, 3, 4)
    seat = bench.hear(A, replace(CASE, since=START + 5 * TICK))
    assert seat.judgement is None
    await bench.evaluate([A], START + 6 * TICK + 1)
    (signal,) = seat.judgement.signals
    assert signal.canary_total.total <= 1000, "what came before the window counts for nothing"


async def test_the_same_case_keeps_its_seat(bench: Bench) -> None:
    assert bench.hear(A, CASE) is bench.hear(A, replace(CASE))


async def test_rollouts_share_their_queries() -> None:
    async def queries(count: int) -> int:
        server = Server(traffic(3, 0.0))
        bench = Bench(server, lambda _key, _delay: None)
        keys = [Key("shop", f"r{n}") for n in range(count)]
        for key in keys:
            bench.hear(key, CASE)
        for number in (1, 2, 3):
            await bench.evaluate(keys, START + TICK * number + 1)
        return len(server.queries)

    assert await queries(30) == await queries(1)


async def test_what_is_dismissed_is_not_judged(bench: Bench, woken: list[Key]) -> None:
    bench.hear(B, CASE)
    bench.dismiss(A)
    bench.dismiss(A)
    await bench.evaluate([A, B], START + TICK + 1)
    assert woken == [B]
    assert len(bench) == 1


async def test_a_case_that_changed_meanwhile_is_not_told_of_the_old_one() -> None:
    class Slow(Server):
        async def instant(self, query, at, read):
            bench.hear(A, replace(CASE, since=START + TICK))
            return await super().instant(query, at, read)

    woken: list[Key] = []
    bench = sit(Slow(traffic(3, 0.2)), woken)
    await bench.evaluate([A], START + TICK + 1)
    assert woken == []
    assert bench.hear(A, replace(CASE, since=START + TICK)).judgement is None


async def test_who_may_be_in_breach_is_judged_first(bench: Bench, woken: list[Key]) -> None:
    good = replace(CASE, canary=CASE.baseline, baseline=CASE.canary)
    bench.dismiss(A)
    bench.hear(A, good)
    bench.hear(B, CASE)
    for number in (1, 2, 3):
        await bench.evaluate([A, B], START + TICK * number + 1)
    assert bench.hear(B, CASE).suspect
    assert not bench.hear(A, good).suspect
    woken.clear()
    bench.prometheus.down = True  # news for both
    await bench.evaluate([A, B], START + TICK * 4 + 1)
    assert woken == [B, A]


class TestWithoutPrometheus:
    async def test_nothing_is_known_but_since_when_it_was_bad(self, bench: Bench) -> None:
        before = await judged(bench, 1, 2, 3, 4)
        bench.prometheus.down = True
        (signal,) = (await judged(bench, 5)).signals
        assert signal.state is State.UNKNOWN
        assert signal.reason is Reason.PROMETHEUS_UNAVAILABLE
        assert signal.since == before.signals[0].since

    async def test_what_was_missed_is_made_up(self, bench: Bench) -> None:
        await judged(bench, 1, 2)
        bench.prometheus.down = True
        await judged(bench, 3, 4)
        bench.prometheus.down = False
        assert await judged(bench, 5) == await judged(sit(bench.prometheus), 5)

    async def test_after_a_restart_every_signal_says_why_it_is_unknown(
        self, bench: Bench, woken: list[Key]
    ) -> None:
        bench.prometheus.down = True
        judgement = await judged(bench, 4)
        assert woken == [A]
        assert judgement.state is State.UNKNOWN
        assert [(v.name, v.reason) for v in judgement.signals] == [
            ("error_rate", Reason.PROMETHEUS_UNAVAILABLE)
        ]
        bench.prometheus.down = False
        assert (await judged(bench, 5)).state is State.BREACHED

    async def test_its_time_is_missing_too(self) -> None:
        server, wakes = Server(Tape()), asyncio.Queue()
        server.down = True
        case = replace(CASE, settings=replace(CASE.settings, tick=0.01, sustained_for=0.02))
        bench = Bench(server, at_once(wakes.put_nowait))
        seat = bench.hear(A, case)
        async with running(bench):
            assert [await wakes.get(), await wakes.get()] == [A, A]
        (signal,) = seat.judgement.signals
        assert signal.reason is Reason.PROMETHEUS_UNAVAILABLE


@asynccontextmanager
async def running(bench: Bench) -> AsyncIterator[None]:
    async with asyncio.timeout(30), asyncio.TaskGroup() as group:  # what fails in it ends the test
        task = group.create_task(bench.run())
        yield
        task.cancel()


class TestRun:
    @pytest.fixture
    def server(self) -> Server:
        server = Server(traffic(3, 0.0))
        server.time = START + 2 * TICK + server.server.delay - 0.05
        return server

    async def test_ticks_are_taken_at_their_time(self, server: Server) -> None:
        wakes, told = asyncio.Queue(), []
        bench = Bench(server, at_once(wakes.put_nowait), lambda count, _late: told.append(count))
        seat = bench.hear(A, CASE)
        async with running(bench):
            assert [await wakes.get(), await wakes.get()] == [A, A]
            await asyncio.sleep(0)
        assert told[:2] == [1, 1], "what it missed at once, the next tick at its time"
        assert seat.last == START + 2 * TICK

    async def test_it_waits_for_a_case(self, server: Server) -> None:
        wakes = asyncio.Queue()
        bench = Bench(server, at_once(wakes.put_nowait))
        async with running(bench):
            await asyncio.sleep(0.05)
            assert server.queries == [], "no case, no query"
            bench.hear(A, CASE)
            assert await wakes.get() == A

    @pytest.mark.parametrize("down", [False, True])
    async def test_the_last_case_may_leave_while_the_time_is_asked_for(
        self, server: Server, down: bool, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It ended the operator: there was no next tick of nobody."""
        wakes = asyncio.Queue()
        bench = Bench(server, at_once(wakes.put_nowait))
        bench.hear(B, CASE)
        left = asyncio.Event()
        now = server.now

        async def leaves() -> float:
            bench.dismiss(B)
            left.set()
            return await now()

        monkeypatch.setattr(server, "now", leaves)
        server.down = down
        async with running(bench):
            await left.wait()
            monkeypatch.setattr(server, "now", now)
            server.down = False
            bench.hear(A, CASE)
            assert await wakes.get() == A


class TestOpenCase:
    """What is judged follows from spec, situation and snapshot."""

    WHO = Judged(("web-1",), ("web-0",), BaselineSource.CONCURRENT, hold=60.0, fallback_step=1)

    def test_the_cohort_against_the_rest(self) -> None:
        found = rollout(slo={"errorRate": {"maxIncrease": 0.02}, "sustainedFor": "5m"})
        status = Status(window=Window(since=7.0))
        found = found.model_copy(update={"status": status})
        case = open_case(found, found.spec, self.WHO, None)
        assert case.canary == Subject("ns", ("web-1",))
        assert case.baseline == Subject("ns", ("web-0",))
        assert case.fleet == Subject("ns", deployments=("pecr-controller",))
        assert (case.since, case.settings.hold, case.settings.fallback_step) == (7.0, 60.0, 1)

    def test_where_there_is_no_rest_what_was_before_stands_in(self) -> None:
        found = rollout(slo={"errorRate": {"maxIncrease": 0.02}, "sustainedFor": "5m"})
        flags = Flags("env", "u1", "web", "u2", {}, None)
        snapshot = Snapshot("i", {}, flags, recorded={"error_rate": (1.0, 500.0)})
        case = open_case(found, found.spec, replace(self.WHO, baseline=None), snapshot)
        assert case.baseline is None
        (asked,) = case.asked
        assert asked.question.reference == Recorded(Counts(1.0, 500.0))

    def test_without_a_rest_noise_is_learnt_from_the_time_before_the_change(self) -> None:
        found = rollout(slo={"errorRate": {"maxIncrease": 0.02}, "sustainedFor": "5m"})
        found = found.model_copy(update={"status": Status(window=Window(since=900.0))})
        flags = Flags("env", "u1", "web", "u2", {}, None)
        snapshot = Snapshot("i", {}, flags, taken_at=600.0)
        alone = open_case(found, found.spec, replace(self.WHO, baseline=None), snapshot)
        beside = open_case(found, found.spec, self.WHO, snapshot)
        assert alone.history_due(A).since == 600.0, "not what the change itself did"
        assert beside.history_due(A).since == 900.0

    def test_matchers_take_the_place_of_names(self) -> None:
        matchers = {side: [{"label": "track", "value": side}] for side in ("canary", "baseline")}
        found = rollout(analysis={"selectors": matchers})
        case = open_case(found, found.spec, self.WHO, None)
        assert [m.value for m in case.canary.matchers] == ["canary"]
        assert [m.value for m in case.fleet.matchers] == ["baseline"]


def test_the_time_is_ours_until_the_servers_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench(Server(Tape()), lambda _key, _delay: None)
    monkeypatch.setattr("pecr_rollout.runtime.bench.time.time", lambda: 5.0)
    assert bench.now() == 5.0


class TestRest:
    """Evaluations that change nothing but figures wake nobody before the rest is over."""

    async def test_only_news_wakes_who_rests(self, woken: list[Key]) -> None:
        bench = sit(Server(traffic(12, 0.2)), woken)
        await judged(bench, 1)
        woken.clear()
        bench.rest(A, START + 100 * TICK)
        said = []
        for number in range(2, 8):
            judgement = await judged(bench, number)
            said.append([(v.state, v.reason, v.since) for v in judgement.signals])
        changes = sum(one != other for one, other in pairwise(said))
        assert State.BREACHED in {state for ((state, *_),) in said}
        assert len(woken) < len(said)
        assert len(woken) >= changes

    async def test_the_end_of_the_rest_wakes(self, woken: list[Key]) -> None:
        bench = sit(Server(traffic(12, 0.0)), woken)
        await judged(bench, *range(1, 6))
        woken.clear()
        bench.rest(A, START + 7 * TICK)
        await judged(bench, 6)
        assert woken == []
        await judged(bench, 7)
        assert woken == [A]

    async def test_those_with_figures_alone_come_one_after_the_other(self) -> None:
        """Or the next step of one in breach would wait until all have written theirs."""
        woken: dict[Key, float] = {}
        bench = Bench(Server(traffic(12, 0.0)), woken.__setitem__)
        for key in (A, B):
            bench.hear(key, CASE)
        for number in range(1, 7):
            await bench.evaluate([A, B], START + TICK * number + 1)
        assert woken == {A: 0.0, B: WRITES_APART}

    async def test_only_a_first_verdict_waits_for_figures(
        self, woken: list[Key], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """They are a query over minutes of all pods; a breach is not to wait for it."""
        woken_before: list[int] = []

        async def figures(_: Server, watched: list[Watched], *_more: float) -> dict[str, Both]:
            woken_before.append(len(woken))
            return {one.key: (Figures(requests=1.0), None) for one in watched}

        monkeypatch.setattr("pecr_rollout.runtime.bench.figures", figures)
        monkeypatch.setattr("pecr_rollout.runtime.bench.FIGURES_TICKS", 1)
        bench = sit(Server(traffic(12, 0.2)), woken)
        await judged(bench, 1)
        assert woken_before == [0], "the first status shows figures"
        assert woken == [A]
        bench.rest(A, START + 100 * TICK)
        woken_after = [0]
        for number in range(2, 8):
            judgement = await judged(bench, number)
            woken_after.append(len(woken))
        assert judgement.state is State.BREACHED
        assert woken_before == woken_after

    async def test_figures_are_fresh_all_the_same(self, woken: list[Key]) -> None:
        bench = sit(Server(traffic(12, 0.0)), woken)
        before = await judged(bench, *range(1, 6))
        bench.rest(A, START + 100 * TICK)
        after = await judged(bench, 6)
        assert after.signals[0].canary_total.total > before.signals[0].canary_total.total


class TestNewcomers:
    async def test_who_comes_late_is_judged_before_the_next_tick(self) -> None:
        """After a restart all are new: none waits for a tick to hear what it says already."""
        server = Server(traffic(6, 0.2))
        server.time = START + TICK * 5 + 2
        wakes: asyncio.Queue[Key] = asyncio.Queue()
        bench = Bench(server, at_once(wakes.put_nowait))
        seat = bench.hear(A, CASE)
        async with running(bench):
            assert await wakes.get() == A
            assert bench.judged == 1
        assert seat.judgement is not None
        assert seat.judgement.state is State.BREACHED
        assert seat.last == START + 5 * TICK

    async def test_they_come_some_at_a_time(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("pecr_rollout.runtime.bench.WELCOMED_AT_ONCE", 2)
        server = Server(traffic(6, 0.0))
        server.time = START + TICK * 5 + 2
        wakes: asyncio.Queue[Key] = asyncio.Queue()
        told: list[int] = []
        bench = Bench(server, at_once(wakes.put_nowait), lambda count, _late: told.append(count))
        keys = {Key("shop", f"r{number}") for number in range(5)}
        for key in keys:
            bench.hear(key, CASE)
        async with running(bench):
            assert {await wakes.get() for _ in keys} == keys
        assert told[:3] == [2, 2, 1]

    async def test_the_youngest_windows_come_first(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """An old window takes long to read again, and its rollout has proved itself for as long."""
        monkeypatch.setattr("pecr_rollout.runtime.bench.WELCOMED_AT_ONCE", 1)
        server = Server(traffic(6, 0.0))
        server.time = START + TICK * 5 + 2
        wakes: asyncio.Queue[Key] = asyncio.Queue()
        bench = Bench(server, at_once(wakes.put_nowait))
        for number in (1, 3, 2):
            case = replace(CASE, since=START + number * TICK)
            bench.hear(Key("shop", f"r{number}"), case)
        async with running(bench):
            assert [(await wakes.get()).name for _ in range(3)] == ["r3", "r2", "r1"]
