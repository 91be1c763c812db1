"""A proxy before one operator's API server, or its Prometheus, that does what a plan says.

A fault is a coroutine over an `Exchange`: it may forward it, or not, or cut it, or kill the
operator in the middle. A watch has faults of its own, which are filters of its lines.
"""

import asyncio
import signal
import ssl
import threading
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import aiohttp
from aiohttp import web
from yarl import URL

WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
PASSED_ON = frozenset({"authorization", "content-type", "accept", "user-agent"})
LONGEST_LINE = 1 << 24
REMEMBERED = 4


@dataclass
class Exchange:
    """One request of an operator.

    Attributes:
        content: of the request.
    """

    proxy: "Proxy"
    request: web.BaseRequest
    content: bytes

    @property
    def method(self) -> str:
        """Give the HTTP method."""
        return self.request.method

    @property
    def path(self) -> str:
        """Give the path without the query."""
        return self.request.path

    @property
    def writes(self) -> bool:
        """Tell whether it is to change something; trying (a dry run) changes nothing."""
        dry = "dryRun" in self.request.query or b'"dryRun"' in self.content
        return self.method in WRITES and not dry

    @property
    def watches(self) -> bool:
        """Tell whether it is a watch."""
        return self.request.query.get("watch") == "true"

    def open(self) -> Any:  # noqa: ANN401  # aiohttp's request context manager
        """Pass the request on."""
        headers = {k: v for k, v in self.request.headers.items() if k.lower() in PASSED_ON}
        return self.proxy.session.request(
            self.method,
            URL(self.proxy.target + self.request.raw_path, encoded=True),
            headers=headers | {"Accept-Encoding": "identity"},
            data=self.content or None,
            allow_redirects=False,
        )

    async def forward(self) -> web.Response:
        """Pass it on, and give the answer."""
        try:
            async with self.open() as found:
                answer = web.Response(
                    status=found.status,
                    body=await found.read(),
                    headers={"Content-Type": found.headers.get("Content-Type", "text/plain")},
                )
        except aiohttp.ClientError:  # the server itself is away: so it is for the operator
            return self.cut()
        if self.method == "GET" and answer.status == 200:
            self.proxy.remember(self.request.raw_path, answer.body)
        return answer

    def cut(self) -> web.Response:
        """Cut the connection."""
        if self.request.transport is not None:
            self.request.transport.abort()
        return web.Response(status=500)  # nobody reads it


Fault = Callable[[Exchange], Awaitable[web.Response]]
Lines = AsyncIterator[bytes]
WatchFault = Callable[[Lines, Callable[[], None]], Lines]
Plan = Callable[[Exchange], Fault | WatchFault | None]


@dataclass
class Proxy:
    """Passes requests on, but for what the plan does to them.

    Attributes:
        target: URL of what is behind.
        plan: gives the fault of each exchange, or None.
        end: ends the operator by a signal.
        done: how often each fault was made.
        asked: how many requests came.
    """

    target: str
    plan: Plan
    end: Callable[[signal.Signals], None] = lambda _: None
    tls: ssl.SSLContext | None = None
    done: Counter[str] = field(default_factory=Counter)
    asked: int = 0
    port: int = 0
    _past: dict[str, list[bytes]] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """Give its own address."""
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Listen on a free port."""
        self.session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(ssl=self.tls or True, limit=0),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=10),
            read_bufsize=LONGEST_LINE,
        )
        server = web.Server(self.handle, handler_cancellation=True)
        self._runner = web.ServerRunner(server, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """End it and every connection."""
        await self._runner.cleanup()
        await self.session.close()

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request as the plan says."""
        self.asked += 1
        exchange = Exchange(self, request, await request.read())
        fault = self.plan(exchange)
        if exchange.watches:
            return await self._watch(exchange, fault)
        if fault is None:
            return await exchange.forward()
        self.count(fault)
        return await fault(exchange)

    async def _watch(self, exchange: Exchange, fault: Any) -> web.StreamResponse:  # noqa: ANN401
        try:
            async with exchange.open() as found:
                out = web.StreamResponse(status=found.status)
                out.content_type = "application/json"
                await out.prepare(exchange.request)
                lines = aiter(found.content)
                if fault is not None:
                    lines = fault(lines, partial(self.count, fault))
                async for line in lines:
                    await out.write(line)
        except (aiohttp.ClientError, ConnectionError):
            return exchange.cut()
        return out

    def count(self, fault: Callable[..., Any]) -> None:
        """Count a fault that was made."""
        self.done[fault.__name__] += 1

    def remember(self, path: str, content: bytes) -> None:
        """Keep the last few different answers to a read."""
        past = self._past.setdefault(path, [])
        if not past or past[-1] != content:
            past.append(content)
            del past[:-REMEMBERED]

    def older(self, path: str) -> bytes | None:
        """Give the answer before the newest, where there was another one."""
        past = self._past.get(path, [])
        return past[-2] if len(past) > 1 else None


class Loop:
    """The event loop of all proxies, in a thread of its own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxies", daemon=True)
        self._thread.start()

    def run(self, what: Any) -> Any:  # noqa: ANN401  # whatever the coroutine gives
        """Run a coroutine in it, and wait for it."""
        done: Future[Any] = asyncio.run_coroutine_threadsafe(what, self._loop)
        return done.result(30)

    def close(self) -> None:
        """End it."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()
