"""A real Prometheus for the tests, filled with a tape or scraping an exporter."""

import contextlib
import os
import socket
import subprocess
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from localcluster.binaries import Binaries

READY_WITHIN = 60


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def prometheus(folder: Path, tape=None, config="global: {scrape_interval: 1s}\n"):
    """Run a Prometheus; give its URL."""
    binaries = Binaries()
    data = folder / "data"
    if tape is not None:
        text = folder / "tape.txt"
        text.write_text(tape.text())
        promtool = binaries.path("promtool")
        subprocess.run(
            [promtool, "tsdb", "create-blocks-from", "openmetrics", text, data],
            check=True,
            capture_output=True,
        )
    (folder / "prometheus.yml").write_text(config)
    url = f"http://127.0.0.1:{free_port()}"
    command = [
        binaries.path("prometheus"),
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={data}",
        "--storage.tsdb.retention.time=100y",
        f"--web.listen-address={url.removeprefix('http://')}",
    ]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            command, stdout=log, stderr=log, env={"PATH": os.environ["PATH"]}
        )
        try:
            await_ready(url, process)
            yield url
        finally:
            process.terminate()
            process.wait(30)


def await_ready(url, process):
    deadline = time.monotonic() + READY_WITHIN
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{url}/-/ready") as answer:  # noqa: S310
            if answer.status == 200:
                return
        time.sleep(0.05)
    raise AssertionError(f"Prometheus at {url} did not get ready: {process.poll()}")


class Exporter:
    """Serves /<pod>/metrics for some pods; one that is hidden does not answer."""

    def __init__(self):
        self.pods, self.hidden = {}, set()
        self.lock = threading.Lock()
        exporter = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                name = self.path.split("/")[1]
                with exporter.lock:
                    pod = exporter.pods.get(name)
                    body = pod.metrics().encode() if pod and name not in exporter.hidden else None
                self.send_response(200 if body else 503)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.send_header("Content-Length", str(len(body or b"")))
                self.end_headers()
                self.wfile.write(body or b"")

            def log_message(self, *args):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,))

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def config(self, names, interval):
        address = f"127.0.0.1:{self.server.server_address[1]}"
        jobs = [
            f"  - job_name: {name}\n    metrics_path: /{name}/metrics\n    static_configs:\n"
            f"      - targets: ['{address}']\n        labels: {{namespace: shop, pod: {name}}}\n"
            for name in names
        ]
        head = f"global: {{scrape_interval: {interval}, scrape_timeout: {interval}}}\n"
        return head + "scrape_configs:\n" + "".join(jobs)
