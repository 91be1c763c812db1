import contextlib

import pytest

from pecr_rollout.telemetry.client import Prometheus
from pecr_rollout.telemetry.server import PrometheusServer
from telemetry.faults import Faulty
from telemetry.real import prometheus


@pytest.fixture
def faulty():
    """A server that answers as it is told to."""
    with Faulty() as server:
        yield server


@pytest.fixture
def told():
    """What the client told of its queries."""
    return []


@pytest.fixture
def connect(told):
    """Make clients that are closed after the test."""
    with contextlib.ExitStack() as stack:

        def make(url, **settings):
            client = Prometheus(PrometheusServer(url=url, **settings), told.append)
            stack.callback(client.close)
            return client

        yield make


@pytest.fixture
def backfilled(tmp_path, connect):
    """Make a client of a real Prometheus that holds a tape."""
    with contextlib.ExitStack() as stack:

        def make(tape, **settings):
            return connect(stack.enter_context(prometheus(tmp_path, tape)), **settings)

        yield make
