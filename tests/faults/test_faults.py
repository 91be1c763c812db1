"""A short part of the fault campaign (`make bench-faults`), always the same."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from benchmarks.faults import faults
from benchmarks.faults.campaign import API_RATE, Case, run
from benchmarks.faults.plans import Plans, Points, Random, of_api_server, reads
from benchmarks.faults.proxy import Loop
from benchmarks.faults.setting import Ground

from integration.harness.process import Zygote
from localcluster import LocalCluster

pytestmark = pytest.mark.cluster

EVERY = 8
"""One write in so many: being started again after each of them takes minutes."""
BEFORE = Points(faults.killed_before, lands=False, every=EVERY)
AFTER = Points(faults.killed_after, every=EVERY)
CASES = [
    Case("killed before", "managed", lambda: [Plans(BEFORE)]),
    Case("killed after", "existing", lambda: [Plans(AFTER)]),
    Case("stale", "existing", lambda: [Plans(Points(faults.stale, reads))]),
    Case("api", "fleet", lambda: [Plans(Random(1, API_RATE / 2, of_api_server))]),
]


@pytest.fixture
def ground(crd: None, localcluster: LocalCluster, tmp_path: Path) -> Iterator[Ground]:
    zygote, loop = Zygote(localcluster), Loop()
    yield Ground(localcluster, zygote, loop, tmp_path)
    zygote.close()
    loop.close()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_end_is_that_of_an_undisturbed_run(ground, case):
    result = run(ground, case, f"f-{case.name.replace(' ', '-')}")
    assert result.failure == ""
    assert sum(result.faults.values()) >= 5, "there were faults"
    assert (result.lost, result.extra) == ({}, {})
