"""Real receivers of notifications on loopback: HTTP, SMTP, and one that is dead."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

TOKEN = "s3cret-t0ken"  # noqa: S105 - made up
"""A part of each URL that must never be shown."""


class Web:
    """An HTTP receiver.

    Attributes:
        answer: the status that it answers with.
        got: the bodies that it took, as JSON.
        refused: how many it did not take.
    """

    def __init__(self, server: ThreadingHTTPServer) -> None:
        self.answer = 200
        self.got: list[dict[str, Any]] = []
        self.refused = 0
        self.url = f"json://127.0.0.1:{server.server_address[1]}/{TOKEN}"

    def keys(self) -> list[str]:
        """Give the keys of what was taken, in its order."""
        return [key_of(body["message"]) for body in self.got]

    def take(self, body: bytes) -> int:
        """Take one request, or not; gives the status of the answer."""
        if self.answer == 200:
            self.got.append(json.loads(body))
        else:
            self.refused += 1
        return self.answer


def key_of(text: str) -> str:
    """Find the key in a letter."""
    return text.partition("Key: ")[2].partition(" (a repeat")[0]


@contextmanager
def web() -> Iterator[Web]:
    """Run an HTTP receiver."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(taking.take(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        taking = Web(server)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield taking
        finally:
            server.shutdown()
            thread.join()


class Mailbox:
    """What an SMTP receiver took."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.url = ""

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        """Take one mail."""
        self.mails.append(message_from_bytes(envelope.original_content, policy=policy.default))
        return "250 OK"


@contextmanager
def smtp() -> Iterator[Mailbox]:
    """Run an SMTP receiver."""
    box = Mailbox()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    controller = Controller(box, hostname="127.0.0.1", port=port)
    controller.start()
    box.url = (
        f"mailto://127.0.0.1:{port}?from=operator@example.com&to=oncall@example.com"
        f"&mode=insecure&name={TOKEN}"
    )
    try:
        yield box
    finally:
        controller.stop()


@contextmanager
def dead() -> Iterator[str]:
    """Give the URL of a receiver that accepts and never answers."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(64)
        yield f"json://127.0.0.1:{silent.getsockname()[1]}/{TOKEN}"
