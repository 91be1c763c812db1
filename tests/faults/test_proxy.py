"""The proxy does what a fault says, and otherwise nothing."""

import json
import signal
from collections.abc import Iterator
from types import SimpleNamespace

import aiohttp
import pytest
from aiohttp import web
from benchmarks.faults import faults, metrics
from benchmarks.faults.plans import Points, Random, of_api_server
from benchmarks.faults.proxy import Exchange, Loop, Proxy

EVENTS = [{"type": "MODIFIED", "object": {"n": n}} for n in range(4)]
STATUS = "/apis/pecr.dev/v1alpha1/namespaces/ns/controllerrollouts/a/status"


class Behind:
    """What is behind the proxy: counts what reaches it."""

    def __init__(self) -> None:
        self.writes = 0

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.query.get("watch"):
            out = web.StreamResponse()
            await out.prepare(request)
            for event in EVENTS:
                await out.write(json.dumps(event).encode() + b"\n")
            return out
        self.writes += request.method != "GET"
        said = {"writes": self.writes, "query": dict(request.query)}
        return web.json_response(said)


@pytest.fixture(scope="module")
def loop() -> Iterator[Loop]:
    loop = Loop()
    yield loop
    loop.close()


@pytest.fixture
def made(loop: Loop) -> Iterator[SimpleNamespace]:
    behind, ended = Behind(), []

    async def start() -> tuple[web.ServerRunner, Proxy]:
        runner = web.ServerRunner(web.Server(behind.handle))
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        proxy = Proxy(f"http://127.0.0.1:{runner.addresses[0][1]}", lambda _: None)
        proxy.end = ended.append
        await proxy.start()
        return runner, proxy

    async def ask(method: str, path: str, **more: object) -> tuple[int, str]:
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, proxy.url + path, **more) as answer,
        ):
            return answer.status, await answer.text()

    runner, proxy = loop.run(start())
    yield SimpleNamespace(
        proxy=proxy, behind=behind, ended=ended, ask=lambda *a, **m: loop.run(ask(*a, **m))
    )
    loop.run(proxy.stop())
    loop.run(runner.cleanup())


def test_without_a_fault_it_passes_on(made):
    status, text = made.ask("POST", "/api?fieldManager=a%2Fb")
    assert (status, json.loads(text)) == (200, {"writes": 1, "query": {"fieldManager": "a/b"}})
    assert made.proxy.done == {}


@pytest.mark.parametrize(
    ("fault", "writes", "signals"),
    [
        (faults.cut_before, 0, []),
        (faults.cut_after, 1, []),
        (faults.killed_before, 0, [signal.SIGKILL]),
        (faults.killed_after, 1, [signal.SIGKILL]),
    ],
)
def test_a_cut_is_before_or_after_the_write(made, fault, writes, signals):
    made.proxy.plan = lambda _: fault
    with pytest.raises(aiohttp.ClientError):
        made.ask("POST", "/api")
    assert (made.behind.writes, made.ended) == (writes, signals)
    assert made.proxy.done == {fault.__name__: 1}


def test_a_refusal_is_the_api_servers(made):
    made.proxy.plan = lambda _: faults.conflict
    status, text = made.ask("PATCH", "/api")
    assert (status, json.loads(text)["reason"], made.behind.writes) == (409, "Conflict", 0)


def test_a_stale_read_is_the_one_before(made):
    made.ask("GET", "/api")
    made.ask("POST", "/api")
    made.proxy.plan = lambda _: faults.stale
    assert json.loads(made.ask("GET", "/api")[1])["writes"] == 0
    assert json.loads(made.ask("GET", "/other")[1])["writes"] == 1, "nothing is older"


@pytest.mark.parametrize(
    ("fault", "numbers"),
    [
        (None, [0, 1, 2, 3]),
        (faults.watch_replayed, [0, 1, 0, 2, 1, 3, 2]),
        (faults.watch_reordered, [0, 1, 0, 2, 1, 3, 2]),
        (faults.watch_gone, [0, None]),
    ],
)
def test_a_watch(made, fault, numbers):
    made.proxy.plan = lambda _: fault
    lines = made.ask("GET", "/api?watch=true")[1].splitlines()
    assert [json.loads(line)["object"].get("n") for line in lines] == numbers


def test_a_watch_is_cut_in_the_middle_of_an_event(made):
    made.proxy.plan = lambda _: faults.watch_cut
    with pytest.raises(aiohttp.ClientError):
        made.ask("GET", "/api?watch=true")


def test_every_write_is_hit_once_under_its_name(made):
    made.proxy.plan = points = Points(faults.conflict, lands=False)
    value = {"phase": "Canary", "stage": "Writing", "run": 1}
    status = [{"op": "add", "path": "/status", "value": value}]
    answers = [made.ask("PATCH", STATUS, json=status)[0] for _ in range(2)]
    assert answers == [409, 200]
    made.ask("POST", "/api/v1/namespaces/ns/events", json={"reason": "CanaryStarted"})
    edited = "/apis/apps/v1/namespaces/ns/deployments/a-canary"
    made.ask("PATCH", edited, json=[{"op": "add", "path": "/spec", "value": {}}])
    dry = "/api/v1/namespaces/ns/configmaps?dryRun=All"
    assert made.ask("POST", dry, json={})[0] == 200, "trying changes nothing"
    assert list(points.hit) == [
        "start: status run 1 Canary/Writing step 0 fallback 0",
        "run 1 Canary/Writing step 0 fallback 0: create events CanaryStarted",
        "run 1 Canary/Writing step 0 fallback 0: patch deployments a-canary",
    ]


def test_a_seed_gives_the_same_faults_again():
    read = SimpleNamespace(method="GET", watches=False, request=SimpleNamespace(headers={}))

    def faults_of(seed: int) -> list[object]:
        plan = Random(seed, 0.5, of_api_server)
        return [plan(read) for _ in range(200)]

    assert faults_of(1) == faults_of(1) != faults_of(2)
    assert 60 < sum(fault is not None for fault in faults_of(1)) < 180


SLOW = (metrics.late, metrics.slow)


@pytest.mark.parametrize("fault", [f for f, _ in metrics.FAULTS if f not in SLOW])
async def test_what_prometheus_says_is_another_answer(fault):
    one = {"metric": {"pod": "a"}, "value": [0, "1"]}
    body = {"status": "success", "data": {"resultType": "vector", "result": [one, one]}}

    async def forward() -> web.Response:
        return web.json_response(body)

    def said(answer: web.Response) -> tuple[object, ...]:
        return answer.status, answer.content_type, answer.body, answer.headers.get("Date")

    exchange = SimpleNamespace(forward=forward, cut=lambda: web.Response(status=500))
    assert said(await fault(exchange)) != said(await forward())


def test_an_exchange_knows_a_dry_run():
    request = SimpleNamespace(method="DELETE", query={})
    assert not Exchange(None, request, b'{"dryRun": ["All"]}').writes
