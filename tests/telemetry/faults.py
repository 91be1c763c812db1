"""A server on a real socket that answers as a broken Prometheus does."""

import json
import socket
import threading
import time
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

VECTOR = {"resultType": "vector", "result": []}


class Handler(BaseHTTPRequestHandler):
    """Does what `server.faulty` says."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        faulty = self.server.faulty
        form = self.rfile.read(int(self.headers["Content-Length"])).decode()
        faulty.seen.append((parse_qs(form), dict(self.headers)))
        if faulty.cut:
            faulty.cut -= 1
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
            return
        faulty.released.wait(faulty.pause)
        try:
            self.answer(faulty)
        except OSError:  # the client gave up
            self.close_connection = True

    def answer(self, faulty):
        body = faulty.body
        sent = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response_only(faulty.status)
        self.send_header("Date", formatdate(faulty.date or time.time(), usegmt=True))
        for name, value in {"Content-Length": str(len(sent)), **faulty.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if not faulty.drip:
            self.wfile.write(sent)
            return
        for byte in sent:
            self.wfile.write(bytes([byte]))
            if faulty.released.wait(faulty.drip):
                return

    def log_message(self, *args):
        pass


class Faulty:
    """Answers every query with what it was told to.

    Attributes:
        status, body, headers: of the answer; a body that is no bytes is sent as JSON.
        date: the server's clock; None for this machine's.
        seen: the queries' parameters and headers.
        cut: how many connections to close without an answer.
        pause: seconds before the answer begins; `released` ends all pauses.
        drip: seconds between two bytes of the body.
    """

    def __init__(self):
        self.status, self.headers, self.body = 200, {}, {"status": "success", "data": VECTOR}
        self.date = None
        self.seen, self.cut, self.pause, self.drip = [], 0, 0.0, 0.0
        self.released = threading.Event()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.faulty = self
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None  # clients that give up are what is tested
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.released.set()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def answers(self, result, **more):
        self.body = {
            "status": "success",
            "data": {"resultType": "vector", "result": result},
            **more,
        }
