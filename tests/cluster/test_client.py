"""Requests: paths, preconditions, pages, time limits, and what went wrong as one of a few kinds."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from kubernetes.aio.client import ApiClient, Configuration

from pecr_rollout.cluster import newest
from pecr_rollout.cluster.client import Api
from pecr_rollout.cluster.errors import (
    AlreadyExistsError,
    ClusterError,
    ConflictError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    NotLeadingError,
    UnavailableError,
    UnreachableError,
)
from pecr_rollout.cluster.resources import CONFIG_MAPS, DEPLOYMENTS, LEASES, ROLLOUTS


class Server:
    """Answers as a test says, and remembers what it was asked."""

    def __init__(self):
        self.asked = []
        self.answers = []
        self.delay = 0.0

    async def handle(self, request):
        body = await request.text()
        self.asked.append((request.method, str(request.rel_url), dict(request.headers), body))
        await asyncio.sleep(self.delay)
        status, answer, headers = self.answers.pop(0) if self.answers else (200, {}, {})
        text = answer if isinstance(answer, str) else json.dumps(answer)
        return web.Response(status=status, text=text, headers=headers)


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    given = Server()
    app = web.Application()
    app.router.add_route("*", "/{any:.*}", given.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    given.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield given
    await runner.cleanup()


@asynccontextmanager
async def connected(server, **more):
    settings = Configuration(host=server.url)
    async with ApiClient(settings) as client:
        yield Api(client, **more)


async def test_paths_of_groups_and_of_the_core(server):
    async with connected(server) as api:
        await api.get(CONFIG_MAPS, "ns", "a")
        await api.get(DEPLOYMENTS, "ns", "b")
        await api.edit(ROLLOUTS, "ns", "c", [], subresource="status")
    assert [(method, url.partition("?")[0]) for method, url, _, _ in server.asked] == [
        ("GET", "/api/v1/namespaces/ns/configmaps/a"),
        ("GET", "/apis/apps/v1/namespaces/ns/deployments/b"),
        ("PATCH", "/apis/pecr.dev/v1alpha1/namespaces/ns/controllerrollouts/c/status"),
    ]


async def test_a_name_never_leaves_its_place_in_the_path(server):
    async with connected(server) as api:
        await api.get(CONFIG_MAPS, "ns", "../secrets/x?y")
    assert server.asked[0][1] == "/api/v1/namespaces/ns/configmaps/..%2Fsecrets%2Fx%3Fy"


async def test_merge_patches_say_so_and_name_the_manager(server):
    async with connected(server) as api:
        await api.merge(CONFIG_MAPS, "ns", "a", {"data": {"A": None}})
        await api.merge(CONFIG_MAPS, "ns", "a", {}, dry_run=True)
    (_, url, headers, body), (_, dry, _, _) = server.asked
    assert url.endswith("?fieldManager=pecr-rollout")
    assert dry.endswith("?fieldManager=pecr-rollout&dryRun=All")
    assert headers["Content-Type"] == "application/merge-patch+json"
    assert json.loads(body) == {"data": {"A": None}}


async def test_a_delete_is_of_one_object_only(server):
    obj = {"metadata": {"namespace": "ns", "name": "a", "uid": "u"}}
    server.answers = [(404, {"reason": "NotFound"}, {})]
    async with connected(server) as api:
        await api.delete(LEASES, obj)
    assert json.loads(server.asked[0][3])["preconditions"] == {"uid": "u"}


async def test_pages_are_followed(server):
    server.answers = [
        (200, {"items": [{"n": 1}], "metadata": {"continue": "next/1"}}, {}),
        (200, {"items": [{"n": 2}], "metadata": {}}, {}),
    ]
    async with connected(server) as api:
        found = await api.list_all(CONFIG_MAPS, "ns", "a=b,c in (d,e)")
    assert found == [{"n": 1}, {"n": 2}]
    assert "labelSelector=a%3Db%2Cc" in server.asked[0][1].replace("=b", "%3Db").replace(",", "%2C")
    assert "continue=next" in server.asked[1][1]


@pytest.mark.parametrize(
    ("status", "answer", "kind"),
    [
        (404, {"reason": "NotFound"}, NotFoundError),
        (409, {"reason": "Conflict"}, ConflictError),
        (409, {"reason": "AlreadyExists"}, AlreadyExistsError),
        (403, {"reason": "Forbidden"}, ForbiddenError),
        (422, {"reason": "Invalid"}, InvalidError),
        (500, {"reason": "InternalError"}, UnavailableError),
        (503, "<html>busy</html>", UnavailableError),
        (302, "", ClusterError),
        (418, "[]", ClusterError),
    ],
)
async def test_what_the_server_says_is_one_of_a_few_kinds(server, status, answer, kind):
    server.answers = [(status, answer, {})]
    async with connected(server) as api:
        with pytest.raises(ClusterError) as caught:
            await api.merge(CONFIG_MAPS, "ns", "a", {})
    assert type(caught.value) is kind
    assert caught.value.status == status


async def test_how_long_to_wait_is_kept(server):
    server.answers = [
        (429, {"message": "slow down"}, {"Retry-After": "7"}),
        (429, {"details": {"retryAfterSeconds": 3}}, {}),
        (503, {}, {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}),
    ]
    waits = []
    async with connected(server) as api:
        for _ in range(3):
            with pytest.raises(UnavailableError) as caught:
                await api.merge(CONFIG_MAPS, "ns", "a", {})
            waits.append(caught.value.retry_after)
    assert waits == [7.0, 3.0, None]


async def test_no_request_waits_longer_than_its_limit(server):
    server.delay = 5.0
    counted = []
    async with connected(server, timeout=0.2, count=lambda *c: counted.append(c)) as api:
        with pytest.raises(UnavailableError, match="no answer from the API server to get") as slow:
            await api.get(CONFIG_MAPS, "ns", "a")
    assert type(slow.value) is UnavailableError, "it is there: others may be answered"
    assert counted == [("get", CONFIG_MAPS, 0)]


async def test_a_server_that_is_not_there():
    class Nobody:
        url = "http://127.0.0.1:9"

    async with connected(Nobody()) as api:
        with pytest.raises(UnreachableError):
            await api.find(CONFIG_MAPS, "ns", "a")


async def test_an_answer_that_is_no_json(server):
    server.answers = [(200, "<html>log in</html>", {})]
    async with connected(server) as api:
        with pytest.raises(UnavailableError, match="log in"):
            await api.merge(CONFIG_MAPS, "ns", "a", {})


BUSY = (503, {"message": "busy"}, {})
GOOD = (200, {"n": 1}, {})


async def test_what_changes_nothing_is_tried_again(server):
    """A reconcile needs a dozen answers: with one bad in seven it would hardly ever have them."""
    server.answers = [BUSY, (429, {}, {"Retry-After": "0.2"}), GOOD]
    async with connected(server) as api:
        assert await api.get(CONFIG_MAPS, "ns", "a") == {"n": 1}
        server.answers = [BUSY, GOOD]
        assert await api.merge(CONFIG_MAPS, "ns", "a", {}, dry_run=True) == {"n": 1}


@pytest.mark.parametrize(
    ("answers", "asked"),
    [
        ([BUSY, BUSY, BUSY, GOOD], 3),
        ([(429, {}, {"Retry-After": "7"}), GOOD], 1),
        ([(403, {}, {}), GOOD], 1),
    ],
    ids=["three times", "not where it takes long", "not where it does not help"],
)
async def test_and_given_up(server, answers, asked):
    server.answers = answers
    async with connected(server) as api:
        with pytest.raises(ClusterError):
            await api.get(CONFIG_MAPS, "ns", "a")
    assert len(server.asked) == asked


async def test_what_a_name_makes_one_can_be_created_again_and_again(server):
    cut_short = (409, {"reason": "AlreadyExists"}, {})
    server.answers = [BUSY, BUSY, cut_short]
    async with connected(server) as api:
        with pytest.raises(AlreadyExistsError):
            await api.create(CONFIG_MAPS, version(1), again=True)
    assert len(server.asked) == 3


async def test_a_write_is_never_tried_again_by_itself(server):
    server.answers = [BUSY, GOOD]
    async with connected(server) as api:
        with pytest.raises(UnavailableError):
            await api.merge(CONFIG_MAPS, "ns", "a", {})
    assert len(server.asked) == 1


def version(number: int, name: str = "a") -> dict[str, object]:
    return {"metadata": {"namespace": "ns", "name": name, "resourceVersion": str(number)}}


def seen(*numbers: int) -> list[tuple[int, dict[str, object], dict[str, str]]]:
    return [(200, version(number), {}) for number in numbers]


async def test_an_answer_older_than_one_before_is_asked_for_again(server):
    """A cache on the way may answer with the past, and a step of the past must not follow."""
    async with connected(server) as api:
        server.answers = seen(9, 8, 9, 10)
        assert await api.get(CONFIG_MAPS, "ns", "a") == version(9)
        assert await api.get(CONFIG_MAPS, "ns", "a") == version(9)
        assert await api.merge(CONFIG_MAPS, "ns", "a", {}) == version(10)
        server.answers = [(200, {"items": [version(n, "a"), version(1, "b")]}, {}) for n in (9, 11)]
        assert await api.list_all(CONFIG_MAPS, "ns") == [version(11, "a"), version(1, "b")]
        server.answers = seen(12)
        assert await api.create(CONFIG_MAPS, version(0, "a")) == version(12)
        server.answers = seen(11, 12)
        assert await api.get(CONFIG_MAPS, "ns", "a") == version(12), "the one that was replaced"
    assert not server.answers


async def test_each_kind_and_each_object_has_versions_of_its_own(server):
    async with connected(server) as api:
        server.answers = [*seen(9), (200, version(8, "b"), {}), *seen(7)]
        await api.get(CONFIG_MAPS, "ns", "a")
        assert await api.get(CONFIG_MAPS, "ns", "b") == version(8, "b")
        assert await api.get(DEPLOYMENTS, "ns", "a") == version(7)


async def test_what_a_restored_server_says_each_time_is_the_truth(server):
    async with connected(server) as api:
        server.answers = seen(9, 5, 5, 5, 6)
        for expected in (9, 5, 6):
            assert await api.get(CONFIG_MAPS, "ns", "a") == version(expected)
    assert not server.answers


def test_only_so_many_objects_are_remembered(monkeypatch):
    monkeypatch.setattr(newest, "REMEMBERED", 2)
    known = newest.Newest()
    for name in ("a", "b", "a", "c"):
        known.take(CONFIG_MAPS, version(9, name))
    assert [known.is_older(CONFIG_MAPS, version(8, name)) for name in "abc"] == [True, False, True]


async def test_who_may_not_write_only_reads(server):
    obj = {"metadata": {"namespace": "ns", "name": "a", "uid": "u"}}
    async with connected(server, may_write=lambda: 0.0) as api:
        await api.get(CONFIG_MAPS, "ns", "a")
        await api.list_all(CONFIG_MAPS, "ns")
        for write in (
            api.create(CONFIG_MAPS, obj),
            api.merge(CONFIG_MAPS, "ns", "a", {}),
            api.edit(ROLLOUTS, "ns", "a", []),
            api.try_apply(CONFIG_MAPS, obj),
            api.delete(LEASES, obj),
        ):
            with pytest.raises(NotLeadingError, match="another operator may lead"):
                await write
    assert [method for method, _, _, _ in server.asked] == ["GET", "GET"]


async def test_no_write_outlasts_the_right_to_write(server):
    server.delay = 5.0
    async with connected(server, may_write=lambda: 0.2) as api:
        with pytest.raises(UnavailableError, match="no answer from the API server to patch"):
            await api.merge(CONFIG_MAPS, "ns", "a", {})
