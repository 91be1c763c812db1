"""One whole run: two fallbacks, the acknowledgement, a fresh run, the promotion, the deletion.

What there is to be at its rests is the same whatever was done to the operator; all of it is read
from the API server (and, what pods were started with, from their kubelet).
"""

import contextlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from integration.harness.phases import replica_sets
from integration.harness.rollout import Rollout
from integration.harness.scenarios import healthy, violating
from integration.harness.specs import (
    DEPLOYMENT,
    EXISTING,
    FLEET,
    MANAGED,
    NEXT,
    ORDER,
    RLM,
    STEP_2,
    spec,
)
from integration.harness.waiting import settle_on, wait_until
from integration.harness.world import World

Json = dict[str, Any]
MODES: dict[str, Json] = {"managed": MANAGED, "existing": EXISTING, "fleet": FLEET}
PATIENCE = 150.0
"""Seconds without anything new after which a story is given up: it has time-outs to sit out."""
PATIENCE_BEFORE = 600.0
"""The same before anything is begun: preflight asks a dozen questions, needs an answer to each of
them, and is tried twice a minute."""
HISTORY = [
    *((1, "Canary"), (1, "Fallback"), (1, "Fallback")),
    *((2, "Canary"), (2, "Canary"), (2, "Promoting"), (2, "Completed")),
]
EVENTS = Counter(
    {"CanaryStarted": 2, "FallbackStep": 2, "Acknowledged": 1, "Promoting": 1, "Completed": 1}
)
TEMPLATES = {
    "managed": {DEPLOYMENT: 2},
    "existing": {DEPLOYMENT: 2, NEXT: 4},
    "fleet": {DEPLOYMENT: 4},
}
"""How many pod templates each Deployment ever had; a Deployment rolls for each of them."""


@dataclass(frozen=True)
class Ending:
    """What came of it.

    Attributes:
        lost: Events that were not told.
        extra: Events that an undisturbed run does not tell.
    """

    lost: Counter[str]
    extra: Counter[str]


Meanwhile = Callable[[int], None]
"""Called in the middle of a run, when so many fallback steps are taken."""


def whole_run(
    world: World, mode: str, start: Callable[[], None], meanwhile: Meanwhile = lambda _: None
) -> Ending:
    """Live through it, and check every rest.

    Args:
        world: where.
        mode: a key of MODES.
        start: starts the operators.
        meanwhile: called when a fallback step is taken.

    Raises:
        AssertionError: something is not as in an undisturbed run.
    """
    world.install(violating(until=2), existing=1 if mode == "existing" else 0)
    start()
    rollout = world.rollout(spec(mode=MODES[mode]))
    fall_back(world, rollout, mode, meanwhile)
    recover(world, rollout, mode)
    check_rolls(world, mode)
    ending = told(world, rollout)
    wait_until(lambda: world.operator.running)  # it may be being started again just now
    world.leave()
    return ending


def fall_back(world: World, rollout: Rollout, mode: str, meanwhile: Meanwhile) -> None:
    """Go on until two fallbacks have cured it."""
    rollout.reach("Canary", within=PATIENCE_BEFORE)
    for taken in (1, 2):
        rollout.reach("Fallback", "Judging", taken=taken, within=PATIENCE)
        meanwhile(taken)
    rollout.reach("Fallback", "Judging", taken=2, within=PATIENCE)
    status = rollout.condition("SLOMet", within=PATIENCE)
    assert status["fallback"]["taken"] == list(ORDER[:2])
    where = {"managed": "canary_flags", "existing": "existing_flags", "fleet": "fleet_flags"}
    world.holds_fallback(rollout, **{where[mode]: RLM | STEP_2})


def recover(world: World, rollout: Rollout, mode: str) -> None:
    """Acknowledge, and go on until the fresh run is completed."""
    incident = rollout.incident
    assert incident == f"{rollout.uid[:8]}-1-2"
    world.scenario(healthy())
    rollout.acknowledge()
    rollout.reach("Canary", "Writing", run=2, within=PATIENCE_BEFORE)
    rollout.reach("Promoting", run=2, within=PATIENCE)
    rollout.reach("Completed", "Idle", run=2, within=PATIENCE)
    kept = {"existing_flags": RLM} if mode == "existing" else {}
    world.holds(rollout, fleet_flags=RLM, report="Completed", **kept)
    status = rollout.status
    # a preflight that a fault fails is waited out in Pending, and said: it is tried again
    phases = [(entry["run"], entry["phase"]) for entry in status["history"]]
    assert [one for one in phases if one[1] != "Pending"] == HISTORY, phases
    assert status["handled"]["acknowledge"] == incident
    assert status["promoted"]
    assert status.get("promotedBy") is None


def check_rolls(world: World, mode: str) -> None:
    """Assert that no Deployment was rolled more often than in an undisturbed run."""
    for deployment, count in TEMPLATES[mode].items():
        assert len(replica_sets(world, deployment)) == count, replica_sets(world, deployment)


def told(world: World, rollout: Rollout) -> Ending:
    """Compare the Events with an undisturbed run's; none may be there twice.

    What could not be told is told again: it is waited for.
    """

    def check() -> None:
        assert not _told(world, rollout).lost

    with contextlib.suppress(AssertionError):
        settle_on(check, 90)  # an Event is tried again after half a minute, twice if need be
    return _told(world, rollout)


def _told(world: World, rollout: Rollout) -> Ending:
    events = world.events(rollout)
    names = Counter(event["metadata"]["name"] for event in events)
    assert max(names.values(), default=1) == 1
    assert all(event.get("series") is None for event in events)
    warned = {w.partition(":")[0] for t in world.tape.takes for w in t.status.get("warnings", [])}
    found = Counter(event["reason"] for event in events if event["reason"] not in warned)
    return Ending(lost=EVENTS - found, extra=found - EVENTS)
