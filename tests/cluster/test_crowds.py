"""Many readers at once are answered by one list, each as if it had asked by itself."""

import asyncio

import pytest

from pecr_rollout.cluster.client import Api
from pecr_rollout.cluster.crowds import FEW, Crowds
from pecr_rollout.cluster.errors import ForbiddenError, UnavailableError
from pecr_rollout.cluster.resources import CONFIG_MAPS, PODS

PLACE = (CONFIG_MAPS, "ns")


class Lists:
    """A place of which each list waits until it is let through."""

    def __init__(self):
        self.readers = []
        self.through = asyncio.Semaphore(0)
        self.answer = {}

    async def whole(self, readers):
        self.readers.append(readers)
        await self.through.acquire()
        if isinstance(self.answer, Exception):
            raise self.answer
        return {**self.answer, "list": {"number": len(self.readers)}}


@pytest.fixture
def lists():
    return Lists()


async def read(crowds, lists, alone, place=PLACE):
    async with crowds.enter(place, lists.whole) as listed:
        if listed is None:
            await alone.wait()
            return "alone"
        return listed["list"]["number"]


async def settled(*tasks):
    """Let all that can go on do so."""
    for _ in range(20):
        await asyncio.sleep(0)
    return [task.result() for task in tasks if task.done()]


async def test_a_few_read_for_themselves_and_the_others_share_a_list(lists):
    crowds, alone = Crowds(), asyncio.Event()
    tasks = [asyncio.create_task(read(crowds, lists, alone)) for _ in range(FEW + 5)]
    assert await settled(*tasks) == []
    assert lists.readers == [5]
    lists.through.release()
    assert await settled(*tasks) == [1] * 5
    alone.set()
    assert await asyncio.gather(*tasks) == ["alone"] * FEW + [1] * 5


async def test_who_comes_while_a_list_is_read_waits_for_the_next_one(lists):
    crowds, alone = Crowds(), asyncio.Event()
    first = [asyncio.create_task(read(crowds, lists, alone)) for _ in range(FEW + 1)]
    await settled()
    late = [asyncio.create_task(read(crowds, lists, alone)) for _ in range(3)]
    assert await settled(*late) == []
    assert lists.readers == [1]
    lists.through.release()
    assert await settled(*late) == []
    assert lists.readers == [1, 3]
    lists.through.release()
    alone.set()
    assert await asyncio.gather(*first, *late) == ["alone"] * FEW + [1] + [2] * 3
    again = asyncio.create_task(read(crowds, lists, alone))
    assert await again == "alone"


async def test_every_kind_and_namespace_has_a_crowd_of_its_own(lists):
    crowds, alone = Crowds(), asyncio.Event()
    alone.set()
    for place in (PLACE, (PODS, "ns"), (CONFIG_MAPS, "other")):
        tasks = [asyncio.create_task(read(crowds, lists, alone, place)) for _ in range(FEW)]
        assert await asyncio.gather(*tasks) == ["alone"] * FEW
    assert lists.readers == []


async def test_a_list_that_fails_fails_for_all_who_wait_and_for_nobody_else(lists):
    crowds, alone = Crowds(), asyncio.Event()
    lists.answer = UnavailableError("away")
    tasks = [asyncio.create_task(read(crowds, lists, alone)) for _ in range(FEW + 3)]
    await settled()
    lists.through.release()
    alone.set()
    found = await asyncio.gather(*tasks, return_exceptions=True)
    assert found[:FEW] == ["alone"] * FEW
    assert [type(one) for one in found[FEW:]] == [UnavailableError] * 3
    assert await read(crowds, lists, alone) == "alone"


async def test_one_who_gives_up_leaves_the_list_to_the_others(lists):
    crowds, alone = Crowds(), asyncio.Event()
    tasks = [asyncio.create_task(read(crowds, lists, alone)) for _ in range(FEW + 2)]
    await settled()
    tasks[-1].cancel()
    lists.through.release()
    assert await tasks[-2] == 1


@pytest.mark.cluster
async def test_the_api_server_says_the_same_to_one_and_to_many(scene, requests):
    api, names = scene.api, [f"map-{n}" for n in range(20)]
    for name in names:
        metadata = {"namespace": scene.name, "name": name}
        await api.create(CONFIG_MAPS, {"metadata": metadata, "data": {"NAME": name}})
    alone = [await api.find(CONFIG_MAPS, scene.name, name) for name in [*names, "missing"]]
    requests.seen.clear()
    together = await asyncio.gather(
        *(api.find(CONFIG_MAPS, scene.name, name) for name in [*names, "missing"])
    )
    assert together == alone
    assert together[-1] is None
    assert [verb for verb, _, _ in requests.seen].count("list") == 1
    assert len(requests.seen) == FEW + 1


@pytest.mark.cluster
async def test_each_reads_its_own_where_a_namespace_is_too_large(scene, requests, monkeypatch):
    monkeypatch.setattr("pecr_rollout.cluster.client.FOR_EACH", 1)
    pods = scene.api.list_at_least(PODS, scene.name, "app=none")  # answered whole, or by selector
    maps = [scene.api.find(CONFIG_MAPS, scene.name, "kube-root-ca.crt") for _ in range(FEW + 1)]
    await asyncio.gather(
        *(
            scene.api.create(CONFIG_MAPS, {"metadata": {"namespace": scene.name, "name": name}})
            for name in ("a", "b", "c")
        )
    )
    requests.seen.clear()
    *found, listed = await asyncio.gather(*maps, pods)
    assert [one["metadata"]["name"] for one in found] == ["kube-root-ca.crt"] * (FEW + 1)
    assert listed == []
    assert [verb for verb, _, _ in requests.seen].count("get") == FEW + 1


async def test_each_reads_its_own_where_it_may_not_list(monkeypatch):
    asked = []

    async def send(self, verb, resource, path, **_):
        asked.append(verb)
        await asyncio.sleep(0)
        if verb == "list":
            raise ForbiddenError("no")
        return {"metadata": {"name": "a", "namespace": "ns"}}

    monkeypatch.setattr(Api, "_send", send)
    api = Api(client=None)
    found = await asyncio.gather(*(api.find(CONFIG_MAPS, "ns", "a") for _ in range(FEW + 2)))
    assert [one["metadata"]["name"] for one in found] == ["a"] * (FEW + 2)
    assert sorted(asked) == ["get"] * (FEW + 2) + ["list"]
