"""Leases: all or none, and an incident outlives its rollout."""

import asyncio

import pytest

from cluster.conftest import until
from pecr_rollout.cluster import locks
from pecr_rollout.cluster.errors import ClusterError, ConflictError, RefusedError
from pecr_rollout.cluster.execute import execute
from pecr_rollout.cluster.locks import lease_name
from pecr_rollout.cluster.resources import LEASES
from pecr_rollout.lifecycle.actions import AcquireLocks, MarkIncident, ReleaseLocks

pytestmark = pytest.mark.cluster

SUBJECTS = ("configmap/pecr-controller-env", "deployment/pecr-controller")


async def leases(scene):
    return [await scene.api.find(LEASES, scene.name, lease_name(s)) for s in SUBJECTS]


def holders(cluster):
    return [lock.holder for lock in cluster.locks]


async def test_taken_again_and_given_up(scene):
    rollout = scene.create()
    there = await scene.do(AcquireLocks(SUBJECTS), AcquireLocks(SUBJECTS))
    uid = rollout.metadata.uid
    assert holders(there) == [uid, uid]
    assert not any(lock.orphaned for lock in there.locks)
    for lease in await leases(scene):
        assert lease["metadata"]["ownerReferences"][0]["uid"] == uid
    await scene.do(ReleaseLocks(SUBJECTS), ReleaseLocks(SUBJECTS))
    assert await leases(scene) == [None, None]


async def test_begun_and_killed_it_is_finished(scene):
    rollout = scene.create()
    there = await scene.do(AcquireLocks(SUBJECTS[:1]), AcquireLocks(SUBJECTS))
    assert holders(there) == [rollout.metadata.uid] * 2


async def test_another_one_is_told_who_holds_it(scene):
    scene.create("first")
    other = scene.create("second")
    await scene.do(AcquireLocks(SUBJECTS[1:]), rollout=scene.read("first"))
    with pytest.raises(RefusedError, match="rollout first holds deployment/pecr-controller"):
        await scene.do(AcquireLocks(SUBJECTS), rollout=other)
    assert (await leases(scene))[0] is None, "all or none"
    seen = await scene.observe(other)
    assert [(lock.holder_name, lock.orphaned) for lock in seen.locks] == [
        ("", False),
        ("first", False),
    ]
    await scene.do(ReleaseLocks(SUBJECTS), rollout=other)
    assert (await leases(scene))[1] is not None, "only its own are given up"


async def test_of_many_at_once_one_wins_all(scene):
    rollouts = [scene.create(f"r{i}") for i in range(6)]
    cluster = await scene.observe(rollouts[0])

    async def take(rollout):
        try:
            await execute(scene.api, rollout, cluster, AcquireLocks(SUBJECTS))
        except (ConflictError, RefusedError):
            return False
        return True

    won = await asyncio.gather(*(take(r) for r in rollouts))
    assert sum(won) <= 1
    held = set(holders(await scene.observe(rollouts[0]))) - {None}
    assert held == {r.metadata.uid for r, w in zip(rollouts, won, strict=True) if w}


async def test_an_incident_outlives_its_rollout(scene):
    first = scene.create()
    await scene.do(AcquireLocks(SUBJECTS), MarkIncident(SUBJECTS, "abc-1-1"))
    await scene.do(MarkIncident(SUBJECTS, "abc-1-2"), MarkIncident(SUBJECTS, "abc-1-2"))
    assert all("ownerReferences" not in lease["metadata"] for lease in await leases(scene))
    scene.delete()
    again = scene.create()
    assert again.metadata.uid != first.metadata.uid
    seen = await scene.observe(again)
    assert [lock.incident for lock in seen.locks] == ["abc-1-2"] * 2
    assert all(lock.orphaned and lock.holder == first.metadata.uid for lock in seen.locks)
    with pytest.raises(RefusedError, match="abc-1-2"):
        await scene.do(AcquireLocks(SUBJECTS))
    cleared = await scene.do(MarkIncident(SUBJECTS, None), AcquireLocks(SUBJECTS))
    assert holders(cleared) == [again.metadata.uid] * 2
    assert [lock.incident for lock in cleared.locks] == [None, None]
    for lease in await leases(scene):
        assert lease["metadata"]["ownerReferences"][0]["uid"] == again.metadata.uid


async def test_giving_up_keeps_an_open_incident(scene):
    scene.create()
    await scene.do(AcquireLocks(SUBJECTS), MarkIncident(SUBJECTS, "i"), ReleaseLocks(SUBJECTS))
    seen = await scene.observe()
    assert [lock.incident for lock in seen.locks] == ["i", "i"]
    await scene.do(MarkIncident(SUBJECTS, None), ReleaseLocks(SUBJECTS))
    assert await leases(scene) == [None, None]


async def test_nobody_clears_the_incident_of_a_rollout_that_lives(scene):
    scene.create("first")
    other = scene.create("second")
    first = scene.read("first")
    await scene.do(AcquireLocks(SUBJECTS), MarkIncident(SUBJECTS, "i"), rollout=first)
    with pytest.raises(RefusedError, match="incident i of rollout first"):
        await scene.do(MarkIncident(SUBJECTS, None), rollout=other)


async def test_an_incident_is_marked_also_where_the_lease_is_gone(scene):
    scene.create()
    there = await scene.do(MarkIncident(SUBJECTS, "i"))
    assert [lock.incident for lock in there.locks] == ["i", "i"]


async def test_locks_without_incident_go_with_their_rollout(scene):
    rollout = scene.create()
    await scene.do(AcquireLocks(SUBJECTS))
    scene.delete()
    await until(lambda: leases(scene), lambda found: found == [None, None])
    assert holders(await scene.observe(rollout)) == [None, None]


async def test_a_lock_of_a_rollout_that_is_gone_may_be_taken(scene):
    """Before the garbage collector comes, or where its owner was cut."""
    scene.create()
    await scene.do(AcquireLocks(SUBJECTS))
    for subject in SUBJECTS:
        scene.patch(f"lease/{lease_name(subject)}", {"metadata": {"ownerReferences": None}})
    scene.delete()
    again = scene.create()
    assert all(lock.orphaned for lock in (await scene.observe(again)).locks)
    assert holders(await scene.do(AcquireLocks(SUBJECTS))) == [again.metadata.uid] * 2


async def test_what_was_won_is_given_back_when_a_later_one_is_lost(scene, monkeypatch):
    rollout, create = scene.create(), locks._create

    async def second_is_lost(api, lease):
        if lease["metadata"]["name"] == lease_name(SUBJECTS[1]):
            raise ConflictError("somebody was faster")
        return await create(api, lease)

    monkeypatch.setattr(locks, "_create", second_is_lost)
    with pytest.raises(ClusterError):
        await scene.do(AcquireLocks(SUBJECTS), rollout=rollout)
    assert await leases(scene) == [None, None]
