"""The reconciler's memory of what it saw: never older than what a watch told."""

import pytest

from cluster.builders import rollout_body
from pecr_rollout.api.rollout import FINALIZER
from pecr_rollout.api.status import Stage, Status, instant
from pecr_rollout.cluster.errors import UnavailableError
from pecr_rollout.cluster.newest import Newest
from pecr_rollout.cluster.resources import ROLLOUTS
from pecr_rollout.lifecycle.actions import RemoveFinalizer
from pecr_rollout.lifecycle.draft import Plan
from pecr_rollout.lifecycle.observation import Cluster
from pecr_rollout.runtime import looks, reconcile
from pecr_rollout.runtime.bench import Bench
from pecr_rollout.runtime.metrics import Metrics
from pecr_rollout.runtime.queue import DueQueue, Key
from pecr_rollout.runtime.reconcile import Reconciler
from pecr_rollout.runtime.table import Table
from pecr_rollout.runtime.telling import Teller
from runtime.conftest import JUDGING, KEY, knowing
from runtime.server import Server, traffic
from runtime.test_unreadable import Editor
from telemetry.asking import START


@pytest.fixture
def reconciler() -> Reconciler:
    return knowing()


async def test_what_was_seen_during_a_write_is_looked_at_again(
    reconciler: Reconciler, found: list[Cluster], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A look at the whole namespace may be under way, and see what was there before the write."""

    async def execute(*_: object) -> None:
        await reconciler.looks.at(KEY, JUDGING)

    monkeypatch.setattr(reconcile, "execute", execute)
    writes = Plan("any", Status(), (RemoveFinalizer(),))
    await reconciler._carry_out(KEY, JUDGING, Cluster(None, None, ()), writes)
    await reconciler.looks.at(KEY, JUDGING)
    assert len(found) == 2


async def test_an_api_server_that_stays_away_is_asked_less_and_less_often(
    reconciler: Reconciler, monkeypatch: pytest.MonkeyPatch
) -> None:
    reconciler.table.put(rollout_body("ns"))
    monkeypatch.setattr(reconcile, "worth_writing", lambda *_: False)
    error = UnavailableError("away", retry_after=3.0)

    async def away(*_: object) -> Cluster:
        raise error

    async def back(*_: object) -> Cluster:
        return Cluster(None, None, (), unreadable="there is nothing to check")

    async def wait() -> float:
        reconciler.queue.drop(KEY)
        await reconciler._reconcile_safely(KEY)
        return reconciler.queue._due[KEY]

    monkeypatch.setattr(looks, "observe", away)
    assert [await wait() for _ in range(7)] == [3.0, 3.0, 4.0, 8.0, 16.0, 30.0, 30.0]
    monkeypatch.setattr(looks, "observe", back)
    await wait()
    monkeypatch.setattr(looks, "observe", away)
    error = UnavailableError("away")
    assert [await wait() for _ in range(3)] == [1.0, 2.0, 4.0]


async def test_a_bug_stalls_one_rollout_alone_and_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    body = rollout_body()
    editor = Editor(body)
    reconciler = knowing(editor, body)

    async def observe(*_: object) -> Cluster:
        raise KeyError("nobody thought of this")

    monkeypatch.setattr(looks, "observe", observe)
    for _ in range(2):
        await reconciler._reconcile_safely(KEY)
    assert editor.edits == 1, "said once"
    status = reconciler.table.get(KEY)["status"]
    assert "a bug of the operator (KeyError)" in status["message"]
    assert ("Stalled", "Bug") in {(c["type"], c["reason"]) for c in status["conditions"]}
    assert len(reconciler.queue) == 1, "it is tried again"


class Reads:
    """An API server that is only read, and has this."""

    def __init__(self, body: dict[str, object] | None) -> None:
        self.body = body
        self.newest = Newest()

    async def list_all(self, *_: object, **__: object) -> list[dict[str, object]]:
        return [self.body] if self.body else []


async def after_a_conflict(known: dict[str, object], there: dict[str, object] | None) -> Reconciler:
    reconciler = knowing(Reads(there), known)
    await reconciler._read_again(KEY)
    return reconciler


async def test_after_a_conflict_what_is_there_counts_however_old_it_is() -> None:
    """An API server that was restored forgets what was written since, and says so by a conflict."""
    there = rollout_body("ns") | {"spec": {"suspend": True}}
    known = rollout_body("ns")
    known["metadata"]["resourceVersion"] = "1000000"
    reconciler = await after_a_conflict(known, there)
    assert reconciler.table.get(KEY) == there
    assert reconciler.api.newest.is_older(ROLLOUTS, there), "so that it was asked for again"


async def test_after_a_conflict_a_rollout_that_is_gone_is_forgotten() -> None:
    reconciler = await after_a_conflict(rollout_body("ns"), None)
    assert list(reconciler.table) == []
    assert len(reconciler.queue) == 0


@pytest.mark.parametrize(
    "cluster",
    [Cluster(None, None, (), unreadable="forbidden"), Cluster(None, None, ())],
    ids=["a right is missing", "a list was an old one"],
)
async def test_whoever_is_stalled_looks_again_at_the_next_try(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No watch tells that it is over: it took half an hour."""
    looked: list[Cluster] = []

    async def observe(*_: object) -> Cluster:
        looked.append(cluster)
        return cluster

    monkeypatch.setattr(looks, "observe", observe)
    monkeypatch.setattr(reconcile, "worth_writing", lambda *_: False)
    status = {"phase": "Canary", "stage": "Judging", "run": 1, "window": {"since": 1.0}}
    reconciler = knowing(None, rollout_body("ns") | {"status": status})
    for _ in range(2):
        await reconciler.reconcile(KEY)
    assert looked == [cluster, cluster]


@pytest.mark.parametrize("there", [False, True], ids=["gone", "restored"])
async def test_what_a_watch_tells_after_the_end_is_asked_for(there: bool) -> None:
    """One that says old events again would bring back what is gone."""
    body = rollout_body("ns")
    reconciler = knowing(Reads(body if there else None), body)
    reconciler.gone(KEY, body["metadata"]["uid"])
    reconciler.heard(KEY, body)
    await reconciler.reconcile(KEY)
    assert list(reconciler.table) == ([KEY] if there else [])
    assert not reconciler.table.is_doubtful(KEY)


@pytest.mark.parametrize(("finalizers", "left"), [([FINALIZER], []), ([FINALIZER, "a/b"], [KEY])])
async def test_a_rollout_that_was_let_go_is_forgotten_without_being_told(
    reconciler: Reconciler,
    finalizers: list[str],
    left: list[Key],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A watch that lists anew says nothing of what went meanwhile."""
    carried_out: list[object] = []

    async def observe(*_: object) -> Cluster:
        return Cluster(None, None, (), finalizer=True)

    async def execute(*given: object) -> None:
        carried_out.append(given[-1])

    monkeypatch.setattr(looks, "observe", observe)
    monkeypatch.setattr(reconcile, "execute", execute)
    monkeypatch.setattr(reconcile, "worth_writing", lambda *_: False)
    body = rollout_body("ns")
    body["metadata"] |= {"finalizers": finalizers, "deletionTimestamp": "2026-01-01T00:00:00Z"}
    reconciler.table.put(body)
    await reconciler.reconcile(KEY)
    assert RemoveFinalizer() in carried_out
    assert list(reconciler.table) == left


@pytest.mark.parametrize(("asked", "delay"), [(None, 1.0), (5.0, 5.0), (86_400.0, 30.0)])
async def test_it_waits_as_long_as_the_api_server_asks_and_never_for_ever(
    asked: float | None, delay: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refused(*_: object) -> None:
        raise UnavailableError("too many requests", status=429, retry_after=asked)

    monkeypatch.setattr(Reconciler, "reconcile", refused)
    reconciler = knowing(Reads(None))
    await reconciler._reconcile_safely(KEY)
    assert reconciler.queue._due == {KEY: delay}


async def test_the_time_is_prometheus_s_even_before_anything_is_judged(
    found: list[Cluster],
) -> None:
    """The operator's own clock may be wrong by an hour: its window would begin in the future."""
    bench = Bench(Server(traffic(1, 0.0)), lambda _key, _delay: None)
    assert len(bench) == 0
    reconciler = Reconciler(
        None, {"default": bench}, Teller(None), Table(), DueQueue(lambda: 0.0), Metrics()
    )
    assert (await reconciler._observe(KEY, JUDGING)).now == START


def body(version: int, status: dict[str, object], **metadata: object) -> dict[str, object]:
    common = {"namespace": KEY.namespace, "name": KEY.name, "uid": "u", "generation": 1}
    whole = {**common, "resourceVersion": str(version), **metadata}
    return {"metadata": whole, "spec": {}, "status": status}


@pytest.mark.parametrize(("judged", "every"), [(1, 60.0), (100, 60.0), (400, 240.0), (2000, 300.0)])
def test_the_more_are_judged_the_older_figures_may_be(
    reconciler: Reconciler, judged: int, every: float
) -> None:
    reconciler.benches = {"default": range(judged)}
    assert reconciler._figures_every(JUDGING, START) == every


def test_after_a_start_old_figures_are_not_all_written_at_once(reconciler: Reconciler) -> None:
    reconciler.benches = {"default": range(2000)}
    written = Status(stage=Stage.JUDGING, figures_at=instant(START - 900))

    def wait(uid: str, now: float) -> float:
        metadata = JUDGING.metadata.model_copy(update={"uid": uid})
        old = JUDGING.model_copy(update={"metadata": metadata, "status": written})
        return START - 900 + reconciler._figures_every(old, now) - START

    waits = [wait(f"uid-{number}", START) for number in range(400)]
    assert all(0 <= each <= 300 for each in waits)
    for minute in range(5):
        within = [each for each in waits if 60 * minute <= each < 60 * minute + 60]
        assert 50 <= len(within) <= 110, "spread evenly"
    assert wait("uid-7", START + 1000) == waits[7], "its time stays, and passes"


async def test_evidence_alone_is_no_reason_to_look_again(
    reconciler: Reconciler, found: list[Cluster]
) -> None:
    """A watch may tell of our own write before we have read the answer to it."""
    judging = {"phase": "Canary", "stage": "Judging", "run": 1}
    reconciler.heard(KEY, body(1, judging))
    first = await reconciler.looks.at(KEY, JUDGING)
    reconciler.heard(KEY, body(2, {**judging, "signals": [1], "figuresAt": "now", "slo": "Within"}))
    assert await reconciler.looks.at(KEY, JUDGING) == first
    assert reconciler.table.get(KEY)["metadata"]["resourceVersion"] == "2"
    for number, news in enumerate(
        (
            body(3, {**judging, "run": 2}),
            body(4, {**judging, "run": 2}, annotations={"pecr.dev/abort": "x"}),
            body(5, {**judging, "run": 2}, annotations={"pecr.dev/abort": "x"}, generation=2),
        ),
        start=2,
    ):
        reconciler.heard(KEY, news)
        await reconciler.looks.at(KEY, JUDGING)
        assert len(found) == number
