"""The operator's own HTTP surface: /metrics, /healthz, /readyz. Nothing else listens."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from aiohttp import web
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

Check = Callable[[], str]
"""Gives what is wrong, or an empty text."""


def application(
    shown: Callable[[], bytes], alive: Check, ready: Check, role: Callable[[], str] = lambda: "ok"
) -> web.Application:
    """Build the surface.

    Args:
        shown: gives the metrics; called in another thread.
        alive: a failure here means that the process should be restarted.
        ready: a failure here means that it does not work yet.
        role: what it says while it is ready.
    """

    async def metrics(_: web.Request) -> web.Response:
        # With thousands of rollouts it takes a while, in which others work on.
        text = await asyncio.to_thread(shown)
        return web.Response(body=text, headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4})

    async def healthz(_: web.Request) -> web.Response:
        return _answer(alive())

    async def readyz(_: web.Request) -> web.Response:
        return _answer(ready(), role())

    app = web.Application()
    app.router.add_get("/metrics", metrics)
    app.router.add_get("/healthz", healthz)
    app.router.add_get("/readyz", readyz)
    return app


def _answer(problem: str, well: str = "ok") -> web.Response:
    return web.Response(text=problem or well, status=503 if problem else 200)


@asynccontextmanager
async def listening(app: web.Application, host: str, port: int) -> AsyncIterator[int]:
    """Serve an application while the context lasts.

    Args:
        app: what to serve.
        host: address to bind; all if empty.
        port: to bind; 0 takes a free one.

    Yields:
        The port that was bound.

    Raises:
        OSError: the address is taken.
    """
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host or None, port)
        await site.start()
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()
