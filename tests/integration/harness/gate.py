"""A gate before Prometheus: one test's operator loses it, the others' do not."""

import socket
import threading
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

EMPTY = b'{"status":"success","data":{"resultType":"vector","result":[]}}'
PAGE = b"<html><body>Sign in</body></html>"
FAILED = b'{"status":"error","errorType":"timeout","error":"query timed out"}'


class Gate:
    """Passes queries on, or does not: `mode` is open, refused, hang, 503, page, failed or empty.

    Attributes:
        url: for the operator.
        asked: queries that came, passed on or not.
    """

    def __init__(self, prometheus: str) -> None:
        self.prometheus = prometheus
        self.mode = "open"
        self.asked = 0
        gate = self

        class Handler(BaseHTTPRequestHandler):
            """Answers for one connection."""

            def do_GET(self) -> None:
                gate.answer(self, None)

            def do_POST(self) -> None:
                gate.answer(self, self.rfile.read(int(self.headers.get("Content-Length", 0))))

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def answer(self, handler: BaseHTTPRequestHandler, body: bytes | None) -> None:
        """Answer one request as the mode says."""
        self.asked += 1
        match self.mode:
            case "open":
                self._pass_on(handler, body)
            case "refused":
                handler.connection.shutdown(socket.SHUT_RDWR)
                handler.close_connection = True
            case "hang":
                while self.mode == "hang":
                    time.sleep(0.1)
                handler.close_connection = True
            case "503":
                self._send(handler, 503, b"overloaded", "text/plain")
            case "page":
                self._send(handler, 200, PAGE, "text/html")
            case "failed":
                self._send(handler, 200, FAILED, "application/json")
            case "empty":
                self._send(handler, 200, EMPTY, "application/json")

    def _pass_on(self, handler: BaseHTTPRequestHandler, body: bytes | None) -> None:
        kept = {k: v for k, v in handler.headers.items() if k.lower() == "content-type"}
        asked = urllib.request.Request(self.prometheus + handler.path, body, kept)  # noqa: S310
        try:
            with urllib.request.urlopen(asked, timeout=30) as found:  # noqa: S310 - ours
                self._send(handler, found.status, found.read(), found.headers["Content-Type"])
        except urllib.error.HTTPError as error:
            with error:
                self._send(handler, error.code, error.read(), error.headers["Content-Type"])

    @staticmethod
    def _send(handler: BaseHTTPRequestHandler, status: int, content: bytes, kind: str) -> None:
        handler.send_response(status)
        handler.send_header("Content-Type", kind)
        handler.send_header("Content-Length", str(len(content)))
        handler.end_headers()
        handler.wfile.write(content)

    def close(self) -> None:
        """End it."""
        self.mode = "refused"
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(10)
