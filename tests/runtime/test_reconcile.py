"""The reconciler's memory of what it saw: never older than what a watch told."""

import pytest

from cluster.builders import rollout, rollout_body
from pecr_rollout.api.status import Phase, Stage, Status
from pecr_rollout.lifecycle.observation import Cluster
from pecr_rollout.runtime import reconcile
from pecr_rollout.runtime.metrics import Metrics
from pecr_rollout.runtime.queue import DueQueue, Key
from pecr_rollout.runtime.reconcile import Reconciler
from pecr_rollout.runtime.table import Table
from pecr_rollout.runtime.telling import Teller
from runtime.test_unreadable import Editor

KEY = Key("ns", "rlm-engine")
JUDGING = rollout().model_copy(update={"status": Status(phase=Phase.CANARY, stage=Stage.JUDGING)})


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[Cluster]:
    """What was observed, one after the other."""
    found: list[Cluster] = []

    async def observe(*_: object) -> Cluster:
        found.append(Cluster(None, None, (), unreadable=str(len(found))))
        return found[-1]

    monkeypatch.setattr(reconcile, "observe", observe)
    return found


@pytest.fixture
def reconciler() -> Reconciler:
    return Reconciler(None, {}, Teller(None), Table(), DueQueue(lambda: 0.0), Metrics())


async def test_one_look_is_enough_while_nothing_changes(
    reconciler: Reconciler, looks: list[Cluster]
) -> None:
    first = await reconciler._cluster(KEY, JUDGING)
    assert await reconciler._cluster(KEY, JUDGING) is first
    assert len(looks) == 1


async def test_a_change_makes_it_look_again(reconciler: Reconciler, looks: list[Cluster]) -> None:
    first = await reconciler._cluster(KEY, JUDGING)
    reconciler.outdate(KEY)
    assert await reconciler._cluster(KEY, JUDGING) is not first


async def test_what_changed_during_a_look_is_looked_at_again(
    reconciler: Reconciler, looks: list[Cluster], monkeypatch: pytest.MonkeyPatch
) -> None:
    still = reconcile.observe

    async def interrupted(*arguments: object) -> Cluster:
        found = await still(*arguments)
        reconciler.outdate(KEY)
        return found

    monkeypatch.setattr(reconcile, "observe", interrupted)
    first = await reconciler._cluster(KEY, JUDGING)
    monkeypatch.setattr(reconcile, "observe", still)
    assert await reconciler._cluster(KEY, JUDGING) is not first


async def test_while_pods_roll_every_look_is_new(
    reconciler: Reconciler, looks: list[Cluster]
) -> None:
    status = Status(phase=Phase.CANARY, stage=Stage.ROLLING_OUT)
    rolling = JUDGING.model_copy(update={"status": status})
    first = await reconciler._cluster(KEY, rolling)
    assert await reconciler._cluster(KEY, rolling) is not first


async def test_a_bug_stalls_one_rollout_alone_and_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    body = rollout_body()
    editor = Editor(body)
    reconciler = Reconciler(editor, {}, Table(), DueQueue(lambda: 0.0), Metrics())
    reconciler.table.put(body)

    async def observe(*_: object) -> Cluster:
        raise KeyError("nobody thought of this")

    monkeypatch.setattr(reconcile, "observe", observe)
    for _ in range(2):
        await reconciler._reconcile_safely(KEY)
    assert editor.edits == 1, "said once"
    status = reconciler.table.get(KEY)["status"]
    assert "a bug of the operator (KeyError)" in status["message"]
    assert ("Stalled", "Bug") in {(c["type"], c["reason"]) for c in status["conditions"]}
    assert len(reconciler.queue) == 1, "it is tried again"
