"""Preflight: findings of the cluster and of Prometheus together, and what the fleet did before."""

from collections.abc import Sequence
from typing import Any

import pytest

from cluster.builders import rollout
from pecr_rollout.lifecycle.observation import (
    Cluster,
    Finding,
    Progress,
    Severity,
    Workload,
)
from pecr_rollout.runtime import checks
from pecr_rollout.runtime.bench import Bench
from pecr_rollout.runtime.checks import run_checks
from runtime.server import TICK, Server, traffic
from telemetry.asking import START
from telemetry.tape import Tape

TARGET = Workload("pecr-controller", "u", "1", 4, "t", None, Progress.COMPLETE)
THERE = Cluster(TARGET, None, ())
ENVELOPE = {"errorRate": {"maxIncrease": 0.02}, "sustainedFor": "5m"}


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> list[Finding]:
    """What the cluster's part finds."""
    findings: list[Finding] = []

    async def look(*_: Any) -> tuple[Finding, ...]:
        return tuple(findings)

    monkeypatch.setattr(checks, "cluster_preflight", look)
    return findings


@pytest.fixture
def server() -> Server:
    server = Server(traffic(10, 0.0))
    server.time = START + 10 * TICK + 1
    return server


def bench(server: Server) -> Bench:
    return Bench(server, lambda _key, _delay: None)


def reasons(findings: Sequence[Finding]) -> list[str]:
    return [finding.reason for finding in findings]


@pytest.mark.usefixtures("found")
async def test_a_prometheus_that_nobody_knows() -> None:
    asked = rollout(analysis={"prometheus": "other"})
    preflight = await run_checks(None, None, ("default",), asked, THERE)
    (finding,) = preflight.errors
    assert finding.reason == "UnknownPrometheus"
    assert "it knows default" in finding.message


async def test_errors_come_first_whoever_found_them(found: list[Finding], server: Server) -> None:
    found.append(Finding(Severity.WARNING, "Autoscaled", "it would grow"))
    found.append(Finding(Severity.ERROR, "NoTarget", "it is not there"))
    server.down = True
    preflight = await run_checks(None, bench(server), (), rollout(slo=ENVELOPE), THERE)
    assert [f.severity for f in preflight.findings] == sorted(
        (f.severity for f in preflight.findings), key=lambda severity: severity.value
    )
    assert "NoTarget" in reasons(preflight.errors)


@pytest.mark.usefixtures("found")
async def test_an_unreachable_prometheus_is_one_finding(server: Server) -> None:
    server.down = True
    preflight = await run_checks(None, bench(server), (), rollout(slo=ENVELOPE), THERE)
    assert reasons(preflight.errors) == ["PrometheusUnavailable"]
    assert preflight.recorded == {}


async def test_without_a_target_prometheus_is_not_asked_about_it(
    found: list[Finding], server: Server
) -> None:
    found.append(Finding(Severity.ERROR, "NoTarget", "it is not there"))
    nothing = Cluster(None, None, ())
    preflight = await run_checks(None, bench(server), (), rollout(slo=ENVELOPE), nothing)
    assert reasons(preflight.errors) == ["NoTarget"]


@pytest.mark.usefixtures("found")
async def test_what_the_fleet_did_before_is_recorded() -> None:
    server = Server(traffic(10, 0.0))
    server.time = START + 10 * TICK + 1
    for points in server.tape.series.values():
        points.sort()
    moved = {
        (metric, tuple(sorted({**dict(labels), **_named(labels)}.items()))): points
        for (metric, labels), points in server.tape.series.items()
    }
    server.tape.series = moved
    spec = {"slo": ENVELOPE, "analysis": {"interval": "30s"}}
    preflight = await run_checks(None, bench(server), (), rollout(**spec), THERE)
    bad, total = preflight.recorded["error_rate"]
    assert bad == 0
    assert total >= 9000, "nine ticks of a thousand requests"


RATES = {"source": "Fixed", "rates": {"errorRate": 0.01}}


@pytest.mark.usefixtures("found")
@pytest.mark.parametrize(
    ("spec", "waits"),
    [({}, True), ({"canary": {"mode": "Fleet", "steps": [{"hold": "1m"}]}}, True),
     ({"baseline": RATES}, False)],
    ids=["concurrent", "recorded", "fixed"],
)  # fmt: skip
async def test_a_baseline_that_could_not_be_recorded_is_waited_for(
    spec: dict[str, Any], waits: bool
) -> None:
    """One query that failed among others that did not left nothing to compare with, for ever."""
    checked = rollout(slo=ENVELOPE, **spec)
    preflight = await run_checks(None, bench(Server(Tape())), (), checked, THERE)
    found = [one for one in preflight.findings if one.reason == "NotRecorded"]
    assert [one.severity for one in found] == [Severity.WAITING] * waits
    assert all("error_rate" in one.message for one in found)


def _named(labels: tuple[tuple[str, str], ...]) -> dict[str, str]:
    """Let every pod be one of the target's, in the rollout's namespace."""
    pod = dict(labels)["pod"]
    return {"namespace": "ns", "pod": f"pecr-controller-7d9f8b6c5d-{pod[-5:]}"}


@pytest.mark.parametrize(
    ("canary", "share"),
    [
        ({"steps": [{"cohort": "25%", "hold": "1m"}]}, 0.2),
        ({"mode": "Fleet", "steps": [{"hold": "1m"}]}, 1.0),
    ],
    ids=["managed", "fleet"],
)
def test_the_share_is_of_the_first_cohort(canary: dict[str, Any], share: float) -> None:
    asked = rollout(canary=canary, slo=ENVELOPE)
    assert checks._checked(asked, TARGET, {}).share == pytest.approx(share)
