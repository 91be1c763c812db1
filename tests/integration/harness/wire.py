"""The wire between one operator and the API server: cut, or held in the middle of a request."""

import asyncio
import contextlib
import ssl
import threading
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from integration.harness.account import by_way_of
from integration.harness.waiting import PATIENCE
from localcluster import LocalCluster

PIECE = 65536


class Wire:
    """Passes on what one operator says, in plain text here, encrypted there.

    Attributes:
        kubeconfig: for the operator (its own requests; kopf watches by the environment's).
        passed: beginnings of what it asked, in order.
    """

    def __init__(self, cluster: LocalCluster, kubeconfig: Path, folder: Path) -> None:
        self.passed: list[bytes] = []
        self._answers: asyncio.Queue[bytes] = asyncio.Queue()
        self._there = urlsplit(cluster.server)
        self._trust = ssl.create_default_context(cafile=cluster.ca_file)
        self._wanted: bytes | None = None
        self._streams: set[asyncio.StreamWriter] = set()
        self._held = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._going_on, self._whole = asyncio.Event(), asyncio.Event()
        self._whole.set()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        port = self._run(self._listen())
        self.kubeconfig = folder / "wire.kubeconfig"
        self.kubeconfig.write_text(by_way_of(f"http://127.0.0.1:{port}", kubeconfig))

    def hold(self, request: bytes) -> None:
        """Pass on all but the last byte of the next request that begins so."""
        self._wanted = request

    def await_held(self) -> None:
        """Wait until the API server has the beginning of that request."""
        assert self._held.wait(PATIENCE), f"nobody asked {self._wanted!r}"

    def let_go(self) -> bytes:
        """Pass on the last byte, too; gives the first line of the answer."""
        self._loop.call_soon_threadsafe(self._going_on.set)
        return self._run(self._answers.get()).partition(b"\r\n")[0]

    def cut(self) -> None:
        """Pass nothing on any more, and tell nobody."""
        self._loop.call_soon_threadsafe(self._whole.clear)

    def close(self) -> None:
        """End it."""
        self._run(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def _run(self, what: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(what, self._loop).result(PATIENCE)

    async def _listen(self) -> int:
        self._server = await asyncio.start_server(self._connect, "127.0.0.1", 0)
        return self._server.sockets[0].getsockname()[1]

    async def _end(self) -> None:
        """End each connection at once: a TLS one that is closed politely outlives its loop."""
        self._server.close()
        for event in (self._whole, self._going_on):
            event.set()
        for stream in self._streams:
            stream.transport.abort()
        mine = asyncio.current_task()
        await asyncio.gather(*(task for task in asyncio.all_tasks() if task is not mine))

    async def _connect(self, asks: asyncio.StreamReader, told: asyncio.StreamWriter) -> None:
        answers, asked = await asyncio.open_connection(
            self._there.hostname, self._there.port, ssl=self._trust
        )
        self._streams |= {asked, told}
        holding = asyncio.Event()
        with contextlib.suppress(OSError):  # one end is gone
            await asyncio.gather(
                self._pass_on(asks, asked, holding), self._pass_back(answers, told, holding)
            )
        for stream in (asked, told):
            stream.close()
        for stream in (asked, told):
            with contextlib.suppress(OSError):
                await stream.wait_closed()

    async def _pass_on(
        self, asks: asyncio.StreamReader, asked: asyncio.StreamWriter, holding: asyncio.Event
    ) -> None:
        while piece := await asks.read(PIECE):
            await self._whole.wait()
            self.passed.append(piece[:200])
            if self._wanted is not None and piece.startswith(self._wanted):
                self._wanted = None
                asked.write(piece[:-1])
                self._held.set()
                await self._going_on.wait()
                holding.set()
                piece = piece[-1:]
            asked.write(piece)
            await asked.drain()
        if not holding.is_set():
            asked.close()

    async def _pass_back(
        self, answers: asyncio.StreamReader, told: asyncio.StreamWriter, holding: asyncio.Event
    ) -> None:
        while piece := await answers.read(PIECE):
            if holding.is_set():
                self._answers.put_nowait(piece)
            if not told.is_closing():
                told.write(piece)
        told.close()
