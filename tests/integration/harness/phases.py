"""Short ways into each phase, and checks of what a deleted rollout leaves."""

import time
from collections.abc import Mapping
from typing import Any

from integration.harness.rollout import Predicate, Rollout
from integration.harness.scenarios import violating
from integration.harness.specs import DEPLOYMENT, HOLD, MANAGED, NEXT, spec
from integration.harness.waiting import settle_on, wait_until
from integration.harness.world import World, incident_of

Json = dict[str, Any]
LONG = "10m"
QUIET = 3.0
"""Seconds in which what must not happen would have happened: three evaluations."""


def holding(mode: Json = MANAGED, hold: str = LONG) -> Json:
    """Give a canary whose steps hold for ever, or as long as is said."""
    return mode | {"steps": [{**step, "hold": hold} for step in mode["steps"]]}


def in_canary(world: World, mode: Json = MANAGED, **changes: Any) -> Rollout:
    """Give a rollout in the canary, where it stays."""
    rollout = world.rollout(spec(mode=holding(mode), **changes))
    rollout.reach("Canary", "Judging")
    return rollout


def in_promoting(world: World, mode: Json = MANAGED, **changes: Any) -> Rollout:
    """Give a rollout that bakes, for ever unless another promotion is given."""
    promotion = {"bake": LONG} | changes.pop("promotion", {})
    rollout = world.rollout(spec(mode=holding(mode, "2s"), promotion=promotion, **changes))
    rollout.reach("Promoting", "Judging")
    return rollout


def in_fallback(world: World, mode: Json = MANAGED, *, until: int = 1, **changes: Any) -> Rollout:
    """Give a rollout whose fallback is in force, after so many steps."""
    rollout = world.rollout(spec(mode=holding(mode, HOLD), **changes))
    rollout.reach("Canary", "Judging")
    world.scenario(violating(until=until))
    rollout.reach("Fallback", "Judging", taken=until)
    return rollout


def adopt(rollout: Rollout) -> None:
    """Let a handle be that of the rollout of its name that somebody else declared."""
    body = wait_until(
        lambda: rollout.kube.find("controllerrollouts", rollout.name),
        explain=lambda: f"nobody declares {rollout.name}",
    )
    rollout._acted(body)


def stays(rollout: Rollout, holds: Predicate, seconds: float = QUIET) -> None:
    """Assert that every status for some seconds is as it is to be: the operator had its chance."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        assert holds(rollout.status), rollout.story()
        time.sleep(0.2)


def signal(status: Mapping[str, Any]) -> Json:
    """Give the only signal of a status; an empty one where there is none yet."""
    return (status.get("signals") or [{}])[0]


def left(
    world: World,
    *,
    fleet_flags: Mapping[str, str] | None = None,
    existing_flags: Mapping[str, str] | None = None,
    incident: str | None = None,
) -> None:
    """Assert what there is without the rollouts: flags, pods, and nothing of the operator's."""

    def check() -> None:
        world._check_place(DEPLOYMENT, fleet_flags or {})
        if NEXT in world.places:
            world._check_place(NEXT, existing_flags or {})
        world._check_left({incident} if incident else set())
        marks = [incident_of(lease) for lease in world.locks().values()]
        assert set(marks) == ({incident} if incident else set())

    settle_on(check, 30)


def replica_sets(world: World, deployment: str = DEPLOYMENT) -> set[str]:
    """Give the names of a Deployment's ReplicaSets: one for each template that it ever had."""
    return {
        each["metadata"]["name"]
        for each in world.kube.list("replicasets")
        for ref in each["metadata"].get("ownerReferences", [])
        if ref["name"] == deployment
    }


def pods(world: World, deployment: str = DEPLOYMENT) -> dict[str, int]:
    """Give a Deployment's pods with their restarts; equal means that nothing was restarted."""
    found = world.namespace.fleet.pods(world.name)
    return {pod.uid: pod.restarts for pod in found if pod.deployment == deployment}


def set_flags(world: World, name: str, **flags: str | None) -> None:
    """Change keys of a ConfigMap, as another writer would."""
    world.kube.patch("configmaps", name, {"data": flags})


def set_template(world: World, change: Json, name: str = DEPLOYMENT) -> None:
    """Change a pod template, as another writer would."""
    world.kube.patch("deployments", name, {"spec": {"template": change}})
