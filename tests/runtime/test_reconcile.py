"""The reconciler's memory of what it saw: never older than what a watch told."""

import pytest

from cluster.builders import rollout
from pecr_rollout.api.status import Phase, Stage, Status
from pecr_rollout.lifecycle.observation import Cluster
from pecr_rollout.runtime import reconcile
from pecr_rollout.runtime.metrics import Metrics
from pecr_rollout.runtime.queue import DueQueue, Key
from pecr_rollout.runtime.reconcile import Reconciler
from pecr_rollout.runtime.table import Table

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
    return Reconciler(None, {}, Table(), DueQueue(lambda: 0.0), Metrics())


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


def body(version: int, status: dict[str, object], **metadata: object) -> dict[str, object]:
    common = {"namespace": KEY.namespace, "name": KEY.name, "uid": "u", "generation": 1}
    whole = {**common, "resourceVersion": str(version), **metadata}
    return {"metadata": whole, "spec": {}, "status": status}


async def test_evidence_alone_is_no_reason_to_look_again(
    reconciler: Reconciler, looks: list[Cluster]
) -> None:
    """A watch may tell of our own write before we have read the answer to it."""
    judging = {"phase": "Canary", "stage": "Judging", "run": 1}
    reconciler.heard(KEY, body(1, judging))
    first = await reconciler._cluster(KEY, JUDGING)
    reconciler.heard(KEY, body(2, {**judging, "signals": [1], "figuresAt": "now", "slo": "Within"}))
    assert await reconciler._cluster(KEY, JUDGING) is first
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
        await reconciler._cluster(KEY, JUDGING)
        assert len(looks) == number
