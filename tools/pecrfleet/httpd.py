"""A small HTTP/1.1 server on the event loop: thousands of kept-alive scrapes, one thread."""

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import parse_qsl, unquote, urlsplit

_LARGEST_BODY = 1 << 20


@dataclass(frozen=True)
class Request:
    """What was asked."""

    method: str
    parts: tuple[str, ...]
    query: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Response:
    """What is answered."""

    status: int = 200
    body: str = ""
    content_type: str = "text/plain; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of_json(cls, content: object, status: int = 200) -> "Response":
        """A JSON answer."""
        return cls(status, json.dumps(content) + "\n", "application/json")

    def encode(self) -> bytes:
        """The bytes on the wire."""
        content = self.body.encode()
        head = (
            f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}\r\n"
            f"Content-Type: {self.content_type}\r\nContent-Length: {len(content)}\r\n\r\n"
        )
        return head.encode() + content


Handler = Callable[[Request], Awaitable[Response]]


async def serve(handler: Handler, port: int) -> asyncio.Server:
    """Listen on the loopback address."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(
            ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError
        ):
            while await _one(reader, writer, handler):
                pass
        writer.close()

    return await asyncio.start_server(connected, "127.0.0.1", port, backlog=4096)


async def _one(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, handler: Handler
) -> bool:
    line = await reader.readline()
    if not line.strip():
        return False
    method, _, rest = line.decode("latin-1").partition(" ")
    target = urlsplit(rest.rpartition(" ")[0])
    headers = await _headers(reader)
    length = int(headers.get("content-length") or 0)
    if length > _LARGEST_BODY:
        writer.write(Response(413, "too large\n").encode())
        return False
    request = Request(
        method,
        tuple(unquote(part) for part in target.path.split("/") if part),
        dict(parse_qsl(target.query)),
        await reader.readexactly(length),
    )
    writer.write((await handler(request)).encode())
    await writer.drain()
    return headers.get("connection", "").lower() != "close"


async def _headers(reader: asyncio.StreamReader) -> dict[str, str]:
    headers: dict[str, str] = {}
    while (line := await reader.readline()).strip():
        name, _, value = line.decode("latin-1").partition(":")
        headers[name.strip().lower()] = value.strip()
    return headers
