"""What is kept beside a rollout: snapshot, report, status, Events."""

import json

import pytest

from pecr_rollout.api.rollout import read
from pecr_rollout.api.status import IncidentStatus, Phase, Stage, Status
from pecr_rollout.cluster.client import Api
from pecr_rollout.cluster.errors import ConflictError, NotFoundError, RefusedError
from pecr_rollout.cluster.events import Announcement, announce
from pecr_rollout.cluster.status import write_status
from pecr_rollout.lifecycle.actions import DropSnapshot, TakeSnapshot, WriteReport
from pecr_rollout.lifecycle.observation import Flags, Snapshot
from pecr_rollout.report import model

pytestmark = pytest.mark.cluster

BATCH = "PECR_CONTROLLER_BATCH_MODE_ENABLED"


def snapshot(identity="0123456789", **values):
    flags = Flags("c", "u1", "d", "u2", values or {"A": "1", "B": None}, None)
    return Snapshot(identity, {}, flags, None, {"latency_p95": (1.0, 20.0)})


def report(step="none"):
    return model.DecisionReport(
        status=model.Status.HEALTHY,
        engine="rlm",
        current_state=model.CurrentState(True, True),
        signals=model.Signals(),
        thresholds=model.Thresholds(),
        triggers=(),
        recommended_fallback=model.Recommendation(step, {"K": "v"}, "because"),
    )


async def test_a_snapshot_is_read_as_it_was_taken(scene):
    scene.create()
    assert (await scene.do(TakeSnapshot(snapshot()))).snapshot == snapshot()


async def test_the_first_snapshot_of_an_identity_stands(scene):
    scene.create()
    later = snapshot(A="changed by the run")
    there = await scene.do(TakeSnapshot(snapshot()), TakeSnapshot(later))
    assert there.snapshot == snapshot()


async def test_a_new_identity_drops_the_old(scene):
    scene.create()
    there = await scene.do(TakeSnapshot(snapshot()), TakeSnapshot(snapshot("abcdef0123")))
    assert there.snapshot.identity == "abcdef0123"
    revisions = scene.namespace.kubectl_json("get", "controllerrevisions")["items"]
    ours = [r for r in revisions if r["metadata"]["name"].startswith("rlm-engine")]
    assert len(ours) == 1
    assert ours[0]["metadata"]["ownerReferences"][0]["kind"] == "ControllerRollout"


async def test_of_two_the_recorded_run_s_is_read(scene, monkeypatch):
    """As a kill between taking a snapshot and dropping the one before leaves it."""
    rollout = scene.create()
    await scene.do(TakeSnapshot(snapshot()))
    with monkeypatch.context() as killed:
        killed.delattr(Api, "delete")
        with pytest.raises(AttributeError):
            await scene.do(TakeSnapshot(snapshot("abcdef0123")))
    for identity in ("0123456789", "abcdef0123"):
        recorded = rollout.model_copy(update={"status": Status(identity=identity)})
        assert (await scene.observe(recorded)).snapshot.identity == identity


async def test_dropped(scene):
    scene.create()
    there = await scene.do(TakeSnapshot(snapshot()), DropSnapshot(), DropSnapshot())
    assert there.snapshot is None


async def test_the_report_in_three_forms(scene):
    rollout = scene.create()
    await scene.do(WriteReport(report()), WriteReport(report()))
    there = await scene.config_map("rlm-engine-report")
    assert sorted(there["data"]) == ["report.env", "report.json", "report.md"]
    assert json.loads(there["data"]["report.json"])["engine"] == "rlm"
    assert there["metadata"]["ownerReferences"][0]["uid"] == rollout.metadata.uid
    await scene.do(WriteReport(report("disable_batch_mode")))
    there = await scene.config_map("rlm-engine-report")
    assert "disable_batch_mode" in there["data"]["report.env"]


async def test_a_report_is_not_written_twice(scene, requests):
    scene.create()
    await scene.do(WriteReport(report()))
    requests.seen.clear()
    await scene.do(WriteReport(report()))
    assert {verb for verb, _, _ in requests.seen} == {"get", "list"}


async def test_a_taken_report_name_is_refused(scene):
    scene.create()
    scene.namespace.kubectl("create", "configmap", "rlm-engine-report")
    with pytest.raises(RefusedError, match="rlm-engine-report belongs to nobody known"):
        await scene.do(WriteReport(report()))


async def test_the_status_is_replaced_as_a_whole(scene):
    rollout = scene.create()
    first = Status(
        observed_generation=1,
        phase=Phase.FALLBACK,
        stage=Stage.JUDGING,
        environment={"PECR_CONTROLLER_ENGINE": "rlm", BATCH: "false"},
        incident=IncidentStatus(id="i", opened_at="2026-01-01T00:00:00Z"),
    )
    rollout = read(await write_status(scene.api, rollout, first))
    assert rollout.status == first
    second = Status(observed_generation=1, phase=Phase.CANARY, environment={BATCH: "false"})
    rollout = read(await write_status(scene.api, rollout, second))
    assert rollout.status == second == scene.read().status
    assert "incident" not in (await scene.body())["status"]
    assert rollout.spec == scene.read().spec


async def test_a_status_is_not_written_over_a_change(scene):
    rollout = scene.create()
    scene.patch("controllerrollout/rlm-engine", {"metadata": {"annotations": {"a": "b"}}})
    with pytest.raises(ConflictError):
        await write_status(scene.api, rollout, Status())
    await write_status(scene.api, scene.read(), Status())


async def test_a_status_never_goes_to_a_rollout_created_again(scene):
    rollout = scene.create()
    scene.delete()
    with pytest.raises(NotFoundError):
        await write_status(scene.api, rollout, Status())
    scene.create()
    with pytest.raises(ConflictError):
        await write_status(scene.api, rollout, Status())


async def test_an_event_is_written_once(scene):
    rollout = scene.create()
    first = Announcement("1/Fallback", "Fallback", "x" * 3000, at=1.0, warning=True)
    assert await announce(scene.api, rollout, first)
    assert not await announce(scene.api, rollout, first)
    said = Announcement("1/Completed", "Completed", "done", at=2.0)
    assert await announce(scene.api, rollout, said)
    events = scene.namespace.kubectl_json("get", "events.events.k8s.io")["items"]
    ours = [e for e in events if e["regarding"]["kind"] == "ControllerRollout"]
    assert sorted((e["reason"], e["type"]) for e in ours) == [
        ("Completed", "Normal"),
        ("Fallback", "Warning"),
    ]
    described = scene.namespace.kubectl("describe", "controllerrollout", "rlm-engine").stdout
    assert "Fallback" in described
