"""A short part of the fault campaign (`make bench-faults`), always the same."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from benchmarks.faults import faults, metrics
from benchmarks.faults.campaign import API_RATE, PROMETHEUS_RATE, Case, run
from benchmarks.faults.plans import Plans, Points, Random, of_api_server
from benchmarks.faults.proxy import Loop
from benchmarks.faults.setting import Ground

from integration.harness.process import Zygote
from localcluster import LocalCluster

pytestmark = pytest.mark.cluster

CRDS = Path(__file__).parents[2] / "crds"
CASES = [
    Case("killed before", "managed", lambda: [Plans(Points(faults.killed_before, lands=False))]),
    Case("killed after", "existing", lambda: [Plans(Points(faults.killed_after))]),
    Case("api", "fleet", lambda: [Plans(Random(1, API_RATE, of_api_server))]),
    Case(
        "prometheus",
        "managed",
        lambda: [Plans(prometheus=Random(1, PROMETHEUS_RATE, metrics.fitting))],
    ),
]


@pytest.fixture
def ground(localcluster: LocalCluster, tmp_path: Path) -> Iterator[Ground]:
    localcluster.kubectl("apply", "--server-side", "-f", str(CRDS))
    zygote, loop = Zygote(localcluster), Loop()
    yield Ground(localcluster, zygote, loop, tmp_path)
    zygote.close()
    loop.close()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_end_is_that_of_an_undisturbed_run(ground, case):
    result = run(ground, case, f"f-{case.name.replace(' ', '-')}")
    assert result.failure == ""
    assert sum(result.faults.values()) >= 10, "there were faults"
    assert result.extra == {}
