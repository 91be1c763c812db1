"""The loop of the tests."""

import asyncio
import gc
import socket
import warnings
from contextlib import suppress

import pytest

import loop
from localcluster import LocalCluster
from loop import TidyLoop
from pecr_rollout.cluster.connection import open_api
from pecr_rollout.cluster.resources import CONFIG_MAPS


def test_it_waits_for_what_is_being_closed():
    tidy = TidyLoop()
    one, other = socket.socketpair()
    with one, other:
        tidy.add_reader(one, print)
        tidy.call_later(0.05, tidy.remove_reader, one)
        tidy.close()
    assert tidy.is_closed()


def test_what_stays_open_is_an_error(monkeypatch):
    monkeypatch.setattr(loop, "PATIENCE", 0.01)
    tidy = TidyLoop()
    one, other = socket.socketpair()
    with one, other:
        tidy.add_reader(one, print)
        with pytest.raises(RuntimeError, match=rf"left .* open: \[{one.fileno()}\]"):
            tidy.close()
    assert tidy.is_closed()


@pytest.mark.cluster
def test_a_request_given_up_leaves_no_connection(localcluster: LocalCluster):
    """With asyncio's own loop about half of these leave one."""

    async def give_up(after: float) -> None:
        async with open_api(str(localcluster.kubeconfig)) as api:
            with suppress(TimeoutError):
                async with asyncio.timeout(after):
                    await api.find(CONFIG_MAPS, "default", "absent")

    for milliseconds in range(20):
        tidy = TidyLoop()
        tidy.run_until_complete(give_up(milliseconds / 2000))
        tidy.close()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            gc.collect()
