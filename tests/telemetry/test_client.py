"""The client over real sockets, with a server that misbehaves."""

import json
import shutil
import ssl
import subprocess
import time
import tracemalloc
from functools import partial

import pytest

from pecr_rollout.judge.evidence import Reason
from pecr_rollout.telemetry.client import Sample
from pecr_rollout.telemetry.collector import Collector
from pecr_rollout.telemetry.counters import SOURCES, Family
from pecr_rollout.telemetry.errors import PrometheusUnavailable, Trouble
from pecr_rollout.telemetry.frames import read_range
from telemetry.asking import CANARY_RS, FLEET_RS, START, due
from telemetry.real import free_port


async def trouble(client):
    with pytest.raises(PrometheusUnavailable) as caught:
        await client.instant("up", 1.0, list)
    return caught.value


async def test_a_good_answer_is_typed(faulty, connect, told):
    faulty.answers([{"metric": {"pod": "a"}, "value": [1.5, "2.5"]}], warnings=["partial answer"])
    assert await connect(faulty.url).instant("up", 1.5, list) == [Sample({"pod": "a"}, 1.5, 2.5)]
    [asking] = told
    assert asking.trouble is None
    assert asking.warnings == ("partial answer",)
    assert asking.size > 0


async def test_a_large_answer_is_not_kept(faulty, connect):
    """One of 500 rollouts takes 7 MiB, and each thread would keep its last one."""
    faulty.answers([{"metric": {"pod": f"pod {n}"}, "value": [1.5, "2.5"]} for n in range(20_000)])
    tracemalloc.start()
    counted = await connect(faulty.url).instant("up", 1.0, lambda samples: sum(1 for _ in samples))
    kept, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert counted == 20_000
    assert most > 8 << 20
    assert kept < 1 << 20


async def test_queries_travel_in_the_body_with_exact_times(faulty, connect):
    client = connect(faulty.url)
    await client.instant("up", 1.0625, list)
    await client.range("up", 0.5, 2.5, 0.25, list)
    (instant, _), (several, _) = faulty.seen
    assert instant == {"query": ["up"], "time": ["1.062"], "timeout": ["15.000"]}
    exact = {"start": ["0.500"], "end": ["2.500"], "step": ["0.250"]}
    assert several == {"query": ["up"], **exact, "timeout": ["15.000"]}


async def test_the_token_is_read_again_and_headers_are_sent(faulty, connect, tmp_path):
    token = tmp_path / "token"
    client = connect(faulty.url, token_file=token, headers={"X-Scope-OrgID": "team"})
    for content in ("first\n", "second\n"):
        token.write_text(content)
        await client.instant("up", 1.0, list)
    assert [headers["Authorization"] for _, headers in faulty.seen] == [
        "Bearer first",
        "Bearer second",
    ]
    assert {headers["X-Scope-OrgID"] for _, headers in faulty.seen} == {"team"}


async def test_a_missing_token_is_a_matter_of_configuration(faulty, connect, tmp_path):
    found = await trouble(connect(faulty.url, token_file=tmp_path / "none"))
    assert found.trouble is Trouble.CONFIGURATION
    assert faulty.seen == []


async def test_a_server_that_is_down(connect, told):
    found = await trouble(connect(f"http://127.0.0.1:{free_port()}"))
    assert found.trouble is Trouble.UNREACHABLE
    assert [asking.trouble for asking in told] == [Trouble.UNREACHABLE, Trouble.UNREACHABLE]


async def test_what_was_cut_is_asked_once_more(faulty, connect):
    faulty.cut = 1
    assert await connect(faulty.url).instant("up", 1.0, list) == []
    faulty.cut = 2
    assert (await trouble(connect(faulty.url))).trouble is Trouble.UNREACHABLE
    assert len(faulty.seen) == 4


@pytest.mark.parametrize("how", ["pause", "drip"])
async def test_a_slow_server_is_given_up(faulty, connect, how):
    setattr(faulty, how, 0.15 if how == "drip" else 30.0)
    began = time.monotonic()
    found = await trouble(connect(faulty.url, timeout=0.4))
    assert found.trouble is Trouble.SLOW
    assert time.monotonic() - began < 5


ANSWERS = [
    (503, b"upstream connect error", Trouble.STATUS),
    (500, {"status": "error", "error": "boom"}, Trouble.STATUS),
    (200, {"status": "error", "errorType": "execution", "error": "too many"}, Trouble.REFUSED),
    (400, {"status": "error", "error": "parse error"}, Trouble.REFUSED),
    (422, {"status": "error", "error": "limit"}, Trouble.REFUSED),
    (401, b"", Trouble.FORBIDDEN),
    (403, b"<html>", Trouble.FORBIDDEN),
    (200, b"<!doctype html><title>Login</title>", Trouble.NOT_PROMETHEUS),
    (200, b"", Trouble.NOT_PROMETHEUS),
    (200, b"[" * 100_000, Trouble.NOT_PROMETHEUS),
    (200, b"null", Trouble.NOT_PROMETHEUS),
    (200, b"\xff\xfe", Trouble.NOT_PROMETHEUS),
    (200, {"status": "success"}, Trouble.NOT_PROMETHEUS),
    (200, {"status": "success", "data": None}, Trouble.NOT_PROMETHEUS),
    (200, {"status": "success", "data": {"result": {}}}, Trouble.NOT_PROMETHEUS),
    (200, {"status": "success", "data": {"result": [3]}}, Trouble.NOT_PROMETHEUS),
    (200, {"status": "success", "data": {"result": [{}]}}, Trouble.NOT_PROMETHEUS),
]


@pytest.mark.parametrize(("status", "body", "expected"), ANSWERS)
async def test_what_is_no_answer(faulty, connect, told, status, body, expected):
    faulty.status, faulty.body = status, body
    assert (await trouble(connect(faulty.url))).trouble is expected
    times = 2 if expected is Trouble.STATUS else 1  # the others are so the next time, too
    assert [asking.trouble for asking in told] == [expected] * times


@pytest.mark.parametrize(
    "entry",
    [
        {"metric": {}, "value": [1]},
        {"metric": {}, "value": [1, "x"]},
        {"metric": [], "value": [1, "1"]},
        {"metric": {"a": 1}, "values": [[1, "1"]]},
        {"value": [1, "1"]},
        {"metric": {}, "value": [10**400, "1"]},
    ],
)
async def test_a_series_that_is_none(faulty, connect, entry):
    faulty.answers([entry])
    found = await Collector(connect(faulty.url)).collect([due(START)])
    assert found["u1"].unavailable.trouble is Trouble.NOT_PROMETHEUS


async def test_a_time_that_is_none(faulty, connect):
    for told in ([1, "NaN"], [1, "+Inf"], [1], ["x", "y"], []):
        faulty.answers(told)
        with pytest.raises(PrometheusUnavailable) as caught:
            await connect(faulty.url).now()
        assert caught.value.trouble is Trouble.NOT_PROMETHEUS


async def test_what_a_reader_stumbles_over_is_no_answer(faulty, connect):
    client = connect(faulty.url)
    metric = {"__name__": SOURCES[Family.VIOLATIONS].metric}
    faulty.answers([{"metric": metric, "values": [[float("nan"), "1"]]}])
    with pytest.raises(PrometheusUnavailable, match="NaN"):
        await client.range("up", 0.0, 1.0, 1.0, partial(read_range, client.server))


async def test_a_redirect_to_a_login_page_is_not_followed(faulty, connect):
    faulty.status, faulty.headers = 302, {"Location": f"{faulty.url}/login"}
    found = await trouble(connect(faulty.url))
    assert found.trouble is Trouble.REDIRECTED
    assert "/login" in found.detail
    assert len(faulty.seen) == 1


async def test_an_answer_that_is_too_large_is_not_read(faulty, connect):
    faulty.body = b'{"status": "success", "data": "' + b"x" * 1_000_000
    assert (await trouble(connect(faulty.url, answer_limit=1000))).trouble is Trouble.TOO_LARGE


async def test_a_body_that_ends_early(faulty, connect):
    faulty.headers = {"Content-Length": "1000", "Connection": "close"}
    assert (await trouble(connect(faulty.url))).trouble is Trouble.UNREACHABLE


@pytest.fixture
def certificate(tmp_path):
    """A certificate for 127.0.0.1 that signs itself, and its key."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("there is no openssl here to make a certificate")
    made = tmp_path / "cert.pem", tmp_path / "key.pem"
    options = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=p"
    name = "subjectAltName=IP:127.0.0.1"
    files = ["-addext", name, "-out", made[0], "-keyout", made[1]]
    subprocess.run([openssl, *options.split(), *files], check=True, capture_output=True)
    return made


async def test_certificates_are_checked_against_the_file_that_is_given(
    faulty, connect, certificate
):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    faulty.server.socket = context.wrap_socket(faulty.server.socket, server_side=True)
    url = faulty.url.replace("http:", "https:")
    assert await connect(url, ca_file=certificate[0]).instant("up", 1.0, list) == []
    found = await trouble(connect(url))
    assert found.trouble is Trouble.UNREACHABLE
    assert "CERTIFICATE_VERIFY_FAILED" in found.detail


async def test_it_recovers_by_itself(faulty, connect):
    client = connect(faulty.url)
    faulty.status = 503
    await trouble(client)
    faulty.status = 200
    assert await client.instant("up", 1.0, list) == []


def counters(value, at=START):
    """Series of both cohorts; `value` stands for each counter."""
    entries = []
    for replica_set in (CANARY_RS, FLEET_RS):
        pod = {"namespace": "shop", "pod": f"{replica_set}-aaaaa"}
        own = {Family.LATENCY: ["1", "2.5", "+Inf"], Family.TERMINAL: ["SUPPORTED"]}
        for family, source in SOURCES.items():
            for label in own.get(family, ["200" if family is Family.REQUESTS else ""]):
                labels = {**pod, "__name__": source.metric}
                labels |= {source.label: label} if source.label else {}
                entries.append({"metric": labels, "value": [at, value]})
        entries.append({"metric": {**pod, "pecr_mark": "seen"}, "value": [at, str(at)]})
    return entries


@pytest.mark.parametrize("value", ["NaN", "+Inf", "-Inf", "-5"])
async def test_what_is_no_number_is_said(faulty, connect, value):
    collector = Collector(connect(faulty.url))
    faulty.answers(counters("5"))
    await collector.collect([due(START)])
    faulty.answers(counters(value, START + 30))
    found = (await collector.collect([due(START + 30)]))["u1"].evaluations
    assert {e.gap for evaluations in found.values() for e in evaluations} == {Reason.NON_FINITE}


async def test_duplicate_and_foreign_series_change_nothing(faulty, connect):
    foreign = [
        {"metric": {}, "value": [1, "1"]},
        {"metric": {"__name__": "up", "pod": f"{CANARY_RS}-aaaaa"}, "value": [1, "1"]},
        {"metric": {"__name__": SOURCES[Family.LATENCY].metric, "le": "x"}, "value": [1, "9"]},
    ]
    found = []
    for extra in ([], foreign):
        collector = Collector(connect(faulty.url))
        for tick, value in ((START, "5"), (START + 30, "9")):
            entries = counters(value, tick)
            faulty.answers([*entries, *(entries if extra else []), *extra])
            collected = (await collector.collect([due(tick)]))["u1"]
        found.append(collected.evaluations)
    assert found[0] == found[1]
    assert found[0]["error_rate"][0].canary.total == 4.0


async def test_one_that_cannot_be_read_does_not_stop_the_others(faulty, connect):
    """A query of its own that fails leaves the merged one alone."""
    faulty.body = json.dumps({"status": "error", "error": "no"}).encode()
    found = await Collector(connect(faulty.url)).collect([due(START), due(START, key="u2")])
    assert {one.unavailable.trouble for one in found.values()} == {Trouble.REFUSED}
    assert all(one.evaluations == {} for one in found.values())


def scalar(at):
    return {"status": "success", "data": {"resultType": "scalar", "result": [at, str(at)]}}


async def test_the_time_is_asked_for_once_and_then_follows_the_answers(faulty, connect):
    ahead = time.time() + 3600.0
    faulty.date, faulty.body = ahead, scalar(ahead)
    client = connect(faulty.url)
    assert await client.now() == pytest.approx(ahead, abs=1.0)
    assert await client.now() == pytest.approx(ahead, abs=1.0)
    assert len(faulty.seen) == 1


async def test_a_clock_that_was_set_is_noticed(faulty, connect):
    faulty.date, faulty.body = 1_000_000.0, scalar(1_000_000.0)
    client = connect(faulty.url)
    assert await client.now() == pytest.approx(1_000_000.0, abs=1.0)
    faulty.date = 1_000_600.0
    faulty.answers([])
    await client.instant("up", 1.0, list)
    faulty.body = scalar(1_000_600.0)
    assert await client.now() == pytest.approx(1_000_600.0, abs=1.0)


async def test_the_dates_of_a_proxy_with_another_clock_are_not_believed(faulty, connect):
    faulty.date, faulty.body = 1_000_300.0, scalar(1_000_000.0)
    client = connect(faulty.url)
    await client.now()
    faulty.answers([])
    for _ in range(3):
        await client.instant("up", 1.0, list)
    assert await client.now() == pytest.approx(1_000_000.0, abs=1.0)
    assert len(faulty.seen) == 4
