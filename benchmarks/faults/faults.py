"""What can go wrong between the operator and its API server, one function each."""

import asyncio
import json
import signal
from collections.abc import Callable

from aiohttp import web
from benchmarks.faults.proxy import Exchange, Fault, Lines

LATE = 11.0
"""Seconds for an answer, one more than the operator waits."""
SLOW = 1.5
SILENCE = 8.0
"""Seconds in which a silent watch loses everything, until its connection ends."""


async def killed_before(x: Exchange) -> web.Response:
    """Kill the operator before the request takes effect."""
    x.proxy.end(signal.SIGKILL)
    return x.cut()


async def killed_after(x: Exchange) -> web.Response:
    """Kill the operator when the request has taken effect and before it knows."""
    await x.forward()
    x.proxy.end(signal.SIGKILL)
    return x.cut()


async def stopped(x: Exchange) -> web.Response:
    """Stop the operator gently in the middle of the request."""
    x.proxy.end(signal.SIGTERM)
    return await x.forward()


async def cut_before(x: Exchange) -> web.Response:
    """Cut the connection before the request takes effect."""
    return x.cut()


async def cut_after(x: Exchange) -> web.Response:
    """Cut the connection when the request has taken effect."""
    await x.forward()
    return x.cut()


async def late(x: Exchange) -> web.Response:
    """Let the request take effect, and answer when nobody waits any more."""
    answer = await x.forward()
    await asyncio.sleep(LATE)
    return answer


async def never(x: Exchange) -> web.Response:
    """Neither pass it on nor answer while the operator waits."""
    await asyncio.sleep(LATE)
    return x.cut()


async def slow(x: Exchange) -> web.Response:
    """Answer late, and yet in time."""
    await asyncio.sleep(SLOW)
    return await x.forward()


async def lingering(x: Exchange) -> web.Response:
    """Let the request take effect, and answer when more has followed from it."""
    answer = await x.forward()
    await asyncio.sleep(SLOW)
    return answer


async def stale(x: Exchange) -> web.Response:
    """Answer a read with what was there before."""
    answer = await x.forward()
    older = x.proxy.older(x.request.raw_path)
    return web.Response(body=older, content_type="application/json") if older else answer


async def page(_: Exchange) -> web.Response:
    """Answer as a broken load balancer does."""
    return web.Response(text="<html>upstream connect error</html>", content_type="text/html")


def refused(status: int, reason: str, text: str, **headers: str) -> Fault:
    """Make a fault that refuses as the API server does."""
    said = {
        "kind": "Status",
        "apiVersion": "v1",
        "status": "Failure",
        "code": status,
        "reason": reason,
        "message": text,
    }

    async def fault(_: Exchange) -> web.Response:
        return web.json_response(said, status=status, headers=headers)

    fault.__name__ = f"refused_{status}"
    return fault


conflict = refused(409, "Conflict", "the object has been modified; please apply your changes")
invalid = refused(422, "Invalid", "admission says no")
too_many = refused(429, "TooManyRequests", "too many requests", **{"Retry-After": "1"})
internal = refused(500, "InternalError", "etcdserver: leader changed")
unavailable = refused(503, "ServiceUnavailable", "apiserver not ready")


async def watch_silent(_: Lines, count: Callable[[], None]) -> Lines:
    """Lose every event for a while; then the connection ends, as the server's time is over."""
    count()
    await asyncio.sleep(SILENCE)
    return
    yield b""  # it is a watch that says nothing


async def watch_replayed(lines: Lines, count: Callable[[], None]) -> Lines:
    """Say an older event again after each one."""
    past: list[bytes] = []
    async for line in lines:
        yield line
        past.append(line)
        if len(past) > 1:
            count()
            yield past[-2]


async def watch_reordered(lines: Lines, count: Callable[[], None]) -> Lines:
    """Say the last two events the other way round, the one before once more after them."""
    before = b""
    async for line in lines:
        if before:
            count()
            yield line
            yield before
        else:
            yield line
        before = line


async def watch_gone(lines: Lines, count: Callable[[], None]) -> Lines:
    """Say 410 Gone after an event: what the watch goes on from is forgotten."""
    async for line in lines:
        yield line
        break
    count()
    status = {"kind": "Status", "code": 410, "reason": "Expired", "message": "too old"}
    yield json.dumps({"type": "ERROR", "object": status}).encode() + b"\n"


async def watch_cut(lines: Lines, count: Callable[[], None]) -> Lines:
    """Cut the connection in the middle of an event."""
    async for line in lines:
        count()
        yield line[: len(line) // 2]
        raise ConnectionResetError
    yield b""
