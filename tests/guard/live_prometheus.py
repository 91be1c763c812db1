"""A real Prometheus with three hours of a fleet's counters, written into its storage."""

import json
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode

from localcluster.binaries import Binaries
from pecr_rollout.contract.signals import LATENCY_BOUNDS

STEP = 15
HOURS = 3
RPS = 10
FLEET = ("pecr-controller-7d9f8b6c5-aaaaa", "pecr-controller-7d9f8b6c5-bbbbb")
CANARY = "pecr-controller-canary-58c7d9f4b-ccccc"
PREFIX = "pecr_controller_"


@contextmanager
def prometheus(folder: Path, canary_errors: float) -> Iterator[str]:
    """Run one in which the canary answers a share of its requests by 502; give its address."""
    programs = Binaries()
    text = folder / "history.om"
    text.write_text("\n".join([*_samples(canary_errors), "# EOF", ""]))
    data = folder / "data"
    subprocess.run(
        [programs.path("promtool"), "tsdb", "create-blocks-from", "openmetrics", text, data],
        check=True,
        capture_output=True,
    )
    (folder / "prometheus.yml").write_text("{}")
    url = f"http://127.0.0.1:{_free_port()}"
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(
            [
                programs.path("prometheus"),
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={data}",
                f"--web.listen-address={url.removeprefix('http://')}",
            ],
            stdout=log,
            stderr=log,
        )
        try:
            _wait(url)
            yield url
        finally:
            server.terminate()
            server.wait(timeout=20)


def _samples(canary_errors: float) -> Iterator[str]:
    end = int(time.time()) + 120
    times = range(end - HOURS * 3600, end, STEP)
    for pod in (*FLEET, CANARY):
        errors = canary_errors if pod == CANARY else 0.0
        for name, labels, rate in _rates(errors):
            text = ",".join(f'{key}="{value}"' for key, value in labels.items())
            series = f'{PREFIX}{name}{{namespace="pecr",pod="{pod}"{"," if text else ""}{text}}}'
            for number, at in enumerate(times):
                yield f"{series} {round(number * rate * STEP)} {at}"


def _rates(errors: float) -> Iterator[tuple[str, dict[str, str], float]]:
    run = {"route": "/v1/run", "method": "POST"}
    good = RPS * (1 - errors)
    yield "http_requests_total", {**run, "status": "200"}, good
    yield "http_requests_total", {**run, "status": "502"}, RPS * errors
    yield "terminal_modes_total", {"route": "/v1/run", "terminal_mode": "SUPPORTED"}, good
    yield "budget_violations_total", {}, 0.0
    yield "budget_stop_reasons_total", {"reason": "plan_complete"}, good
    buckets = {**run, "outcome": "success"}
    for bound in LATENCY_BOUNDS:
        rate = RPS if bound >= 0.25 else 0.0
        yield "http_request_duration_seconds_bucket", {**buckets, "le": f"{bound:.10g}"}, rate
    yield "http_request_duration_seconds_bucket", {**buckets, "le": "+Inf"}, float(RPS)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _wait(url: str) -> None:
    query = urlencode({"query": f"{PREFIX}http_requests_total"})
    for _ in range(200):
        try:
            with urllib.request.urlopen(f"{url}/api/v1/query?{query}", timeout=5) as answer:  # noqa: S310
                if json.load(answer)["data"]["result"]:
                    return
        except (urllib.error.URLError, ConnectionError):
            pass
        time.sleep(0.1)
    raise TimeoutError(f"{url} has no samples")
