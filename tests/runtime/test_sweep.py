"""Rollouts that are gone, and no watch told of it."""

import asyncio

import pytest

from cluster.builders import rollout_body
from pecr_rollout.cluster.errors import UnavailableError
from pecr_rollout.runtime import sweep
from pecr_rollout.runtime.reconcile import Reconciler
from runtime.conftest import knowing
from runtime.test_reconcile import Reads

THERE = rollout_body("ns")
GONE = rollout_body("ns", "gone")
GONE["metadata"]["uid"] = "another"
ELSEWHERE = rollout_body("elsewhere")


def knowing_all(api: Reads) -> Reconciler:
    return knowing(api, THERE, GONE, ELSEWHERE)


def known(reconciler: Reconciler) -> set[str]:
    return {str(key) for key in reconciler.table}


async def test_they_are_forgotten_in_the_end() -> None:
    reconciler = knowing_all(Reads(THERE))
    await sweep.forget_gone(reconciler, "ns")
    assert known(reconciler) == {"ns/rlm-engine", "elsewhere/rlm-engine"}, "nothing else is"


async def test_an_api_server_that_is_away_is_asked_the_next_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class AwayAtFirst(Reads):
        asked = 0

        async def list_all(self, *asked: object, **options: object) -> list[dict[str, object]]:
            self.asked += 1
            if self.asked <= 2:  # a list for each namespace
                raise UnavailableError("away")
            return await super().list_all(*asked, **options)

    monkeypatch.setattr(sweep, "TRUST_WATCHES", 0.0)
    reconciler = knowing_all(AwayAtFirst(THERE))
    sweeping = asyncio.create_task(sweep.sweep(reconciler))
    async with asyncio.timeout(10):
        while "ns/gone" in known(reconciler):
            assert not sweeping.done()
            await asyncio.sleep(0)
    sweeping.cancel()
