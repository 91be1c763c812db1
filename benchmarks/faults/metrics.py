"""What can go wrong between the operator and its Prometheus, one function each."""

import asyncio
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

from aiohttp import web
from benchmarks.faults.faults import cut_before, page, slow
from benchmarks.faults.proxy import Exchange, Fault

Json = dict[str, Any]
TOO_LARGE = 65 * 1024 * 1024
LATE = 2.5
"""Seconds for an answer: the next two evaluations, at one a second, begin meanwhile."""


async def overloaded(_: Exchange) -> web.Response:
    """Answer 503."""
    return web.Response(status=503, text="overloaded")


async def failed(_: Exchange) -> web.Response:
    """Answer an error with status 200."""
    said = {"status": "error", "errorType": "timeout", "error": "query timed out"}
    return web.json_response(said)


async def login(_: Exchange) -> web.Response:
    """Redirect to a login page."""
    return web.Response(status=302, headers={"Location": "http://127.0.0.1:9/login"})


async def late(x: Exchange) -> web.Response:
    """Answer when the next evaluation has begun."""
    answer = await x.forward()
    await asyncio.sleep(LATE)
    return answer


async def huge(x: Exchange) -> web.Response:
    """Answer more than anybody can want."""
    answer = await x.forward()
    return web.Response(body=answer.body + b" " * TOO_LARGE, content_type="application/json")


async def dated(x: Exchange) -> web.Response:
    """Let the answer's date be ten minutes off, as that of a proxy with a wrong clock."""
    answer = await x.forward()
    date = datetime.now(UTC) + timedelta(minutes=10)
    answer.headers["Date"] = format_datetime(date, usegmt=True)
    return answer


def changed(name: str, change: Callable[[Json], object]) -> Fault:
    """Make a fault that changes the content of a good answer."""

    async def fault(x: Exchange) -> web.Response:
        answer = await x.forward()
        if answer.status != 200:
            return answer
        body = json.loads(answer.body)
        change(body)
        return web.json_response(body)

    fault.__name__ = name
    return fault


def _values(body: Json, value: str) -> None:
    """Let every second series end in a value."""
    for one in body["data"]["result"][::2]:
        if isinstance(one, dict):
            (one["values"][-1] if "values" in one else one["value"])[1] = value


def _some(body: Json) -> None:
    """Leave out every third series; `time()` is none."""
    if body["data"]["resultType"] != "scalar":
        del body["data"]["result"][::3]


def _all(body: Json) -> None:
    """Leave out all of them."""
    if body["data"]["resultType"] != "scalar":
        body["data"]["result"].clear()


def _twice(body: Json) -> None:
    """Give every series twice."""
    if body["data"]["resultType"] != "scalar":
        body["data"]["result"] *= 2


def _warned(body: Json) -> None:
    """Say that the answer may be partial."""
    body["warnings"] = ["a store could not be reached"]


FAULTS: Sequence[tuple[Fault, float]] = (
    (cut_before, 8),
    (slow, 4),
    (overloaded, 6),
    (failed, 6),
    (page, 4),
    (login, 4),
    (late, 4),
    (huge, 0.3),
    (dated, 3),
    (changed("not_a_number", lambda body: _values(body, "NaN")), 4),
    (changed("infinite", lambda body: _values(body, "+Inf")), 4),
    (changed("some_missing", _some), 4),
    (changed("all_missing", _all), 4),
    (changed("twice", _twice), 4),
    (changed("warned", _warned), 3),
)


def fitting(_: Exchange) -> Sequence[tuple[Fault, float]]:
    """Give what a Prometheus may do to any query."""
    return FAULTS
