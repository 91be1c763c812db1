"""Missing evidence is a verdict of its own: never healthy, never a breach, and it passes."""

from collections.abc import Iterator

import pytest

from integration.harness.gate import Gate
from integration.harness.phases import (
    LONG,
    holding,
    in_canary,
    in_promoting,
    signal,
    stays,
)
from integration.harness.rollout import conditions
from integration.harness.scenarios import healthy, violating
from integration.harness.specs import MANAGED, RLM, STEP_1, spec
from integration.harness.waiting import wait_until
from integration.harness.world import HELD

pytestmark = pytest.mark.cluster

UNAVAILABLE = "PrometheusUnavailable"


@pytest.fixture
def gate(world) -> Iterator[Gate]:
    """Prometheus, as this test's operator reaches it."""
    gate = Gate(world.namespace.cluster.prometheus_url)
    place = world.operator.arguments.index("--prometheus-url") + 1
    world.operator.arguments[place] = gate.url
    yield gate
    gate.close()


def unknown(*reasons):
    """Fit a status whose signal has no verdict, for one of these reasons."""
    return lambda s: signal(s).get("verdict") == "Unknown" and signal(s).get("reason") in reasons


FAULTS = {
    "nan": ("NonFinite",),
    "frozen": ("NoTraffic",),
    "empty": ("NoSeries", "Stale"),
    "html": ("NoSeries", "Stale"),
    "error": ("NoSeries", "Stale"),
    "hang": ("NoSeries", "Stale"),
}


def test_what_the_pods_say_cannot_be_used(install):
    """One fault after the other; after each the same step goes on by itself."""
    world = install()
    rollout = world.rollout(spec(promotion="Manual"))
    rollout.await_(lambda s: s.get("slo") == "Within")
    for fault, reasons in FAULTS.items():
        world.namespace.fleet.set_fault(world.name, fault)
        status = rollout.await_(unknown(*reasons), what=f"{fault}: {reasons}")
        assert conditions(status)["DataAvailable"]["status"] == "False", fault
        assert conditions(status)["SLOMet"]["status"] == "Unknown", fault
        assert status["slo"].startswith("Unknown: "), fault
        world.namespace.fleet.clear_fault(world.name)
        rollout.await_(lambda s: s.get("slo") == "Within", what=f"{fault} is over")
    assert rollout.status["run"] == 1
    assert rollout.status["phase"] == "Canary"
    world.told(rollout, "CanaryStarted")


def stands_still(world):
    """Tell whether the last scrapes found nothing new; a late one may still bring requests."""
    requests = f'pecr_controller_http_requests_total{{namespace="{world.name}"}}[6s]'
    [(_, scrapes)] = world.namespace.prom(f"min(count_over_time({requests}))") or [({}, 0)]
    [(_, news)] = world.namespace.prom(f"sum(changes({requests}))") or [({}, 1)]
    return scrapes >= 4 and news == 0


def test_nothing_progresses_without_evidence(install):
    world = install()
    rollout = world.rollout(spec(promotion={"strategy": "Manual", "bake": LONG}))
    rollout.reach("Canary", "Judging")
    world.namespace.fleet.set_fault(world.name, "frozen")
    wait_until(lambda: stands_still(world), explain=lambda: "Prometheus still sees requests")
    rollout.await_(unknown(*FAULTS["frozen"]))
    rollout.change(promotion={"strategy": "Automatic"})
    stays(rollout, lambda s: s["phase"] == "Canary", 5)
    world.holds(rollout, canary_flags=RLM, replicas=1, locks=HELD)
    world.namespace.fleet.clear_fault(world.name)
    rollout.reach("Promoting")


def test_prometheus_gives_no_answer(gate, install):
    """What it holds is judged as soon as it answers again, as if it always had."""
    world = install()
    rollout = world.rollout(spec(mode=holding(MANAGED, "3s"), promotion="Manual"))
    rollout.await_(lambda s: s.get("slo") == "Within")
    for mode in ("refused", "503", "page", "failed"):
        gate.mode = mode
        status = rollout.await_(unknown(UNAVAILABLE), what=mode)
        assert conditions(status)["DataAvailable"]["status"] == "False", mode
        gate.mode = "open"
        rollout.await_(lambda s: s.get("slo") == "Within", what=f"{mode} is over")
    gate.mode = "hang"
    world.scenario(violating(until=1))
    rollout.await_(unknown(UNAVAILABLE), what="hang")
    assert rollout.status["phase"] == "Canary"
    gate.mode = "open"
    rollout.reach("Fallback", "Judging", taken=1)
    world.told(rollout, "CanaryStarted", "FallbackStep")


def test_while_promoting_the_bake_does_not_end(gate, install):
    world = install()
    rollout = in_promoting(world)
    gate.mode = "empty"
    rollout.await_(unknown("NoSeries"))
    rollout.change(promotion={"bake": "2s"})
    stays(rollout, lambda s: s["phase"] == "Promoting", 4)
    gate.mode = "open"
    rollout.reach("Completed", "Idle")
    world.holds(rollout, fleet_flags=RLM, report="Completed")


def test_a_new_operator_without_prometheus_knows_nothing(gate, install):
    """What went wrong while none ran is judged as soon as Prometheus answers."""
    world = install()
    rollout = in_canary(world)
    rollout.await_(lambda s: s.get("signals"))
    world.operator.kill()
    world.scenario(violating(until=1))
    gate.mode = "503"
    world.operator.start()
    rollout.await_(unknown(UNAVAILABLE))
    stays(rollout, lambda s: s["phase"] == "Canary", 4)
    gate.mode = "open"
    rollout.reach("Fallback", "Judging", taken=1)
    world.holds_fallback(rollout, canary_flags=RLM | STEP_1)


def test_preflight_says_that_it_is_unreachable(gate, install):
    world = install()
    gate.mode = "refused"
    rollout = world.rollout(spec(mode=holding(MANAGED)))
    status = rollout.says(UNAVAILABLE)
    assert status["phase"] == "Pending"
    world.untouched(rollout)
    gate.mode = "open"
    rollout.change(analysis={"maxDuration": "1h"})  # preflight is tried again every 30 s, or now
    rollout.reach("Canary", "Judging")


def test_preflight_says_what_is_missing(install):
    world = install()
    world.namespace.fleet.set_fault(world.name, "empty")
    world.scenario(healthy())
    series = f'pecr_controller_inflight_ops{{namespace="{world.name}"}}'
    wait_until(lambda: not world.namespace.prom(series), explain=lambda: "the series are there")
    rollout = world.rollout(spec(mode=holding(MANAGED)))
    status = rollout.await_(
        lambda s: any(w in s.get("message", "") for w in ("NoSeries", "LabelMismatch", "NoTraffic"))
    )
    assert status["phase"] == "Pending"
    world.namespace.fleet.clear_fault(world.name)
    rollout.change(analysis={"maxDuration": "1h"})
    rollout.reach("Canary", "Judging")
