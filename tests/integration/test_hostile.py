"""Hostile rollouts beside a good one: each stalls or waits alone, and the good one is on time."""

import os
import time

import pytest

from hostile.around import HAND_MADE, generated
from integration.harness.rollout import conditions
from integration.harness.specs import DEPLOYMENT, RLM, spec
from integration.harness.waiting import wait_until
from pecrfleet.kube import KubeError

pytestmark = pytest.mark.cluster

COUNT = int(os.environ.get("PECR_HOSTILE", "150")) // 10
ON_TIME = 45.0
"""Seconds for a run that takes some 15 alone; cores are shared."""
NOWHERE = {"deployment": "nowhere", "configMap": "nowhere-env"}
GARBAGE = [
    {"phase": "Fallback", "stage": "Judging", "run": 2**31, "window": {"since": -1e300}},
    {"phase": "Promoting", "stage": "Judging", "window": {"since": 0}, "promoted": True},
    {"phase": "Canary", "stage": "Judging", "step": {"index": 20, "of": -1}, "identity": "x"},
    {"phase": "Canary", "stage": "Writing", "environment": {"LD_PRELOAD": "x.so"}},
    {"phase": "Completed", "stage": "Idle", "stageSince": "0000-01-01T00:00:00Z"},
    {"incident": {"id": "'; rm -rf /", "openedAt": "2026-11-01t10:00:00z", "command": "sudo sh"}},
]


def elsewhere(body, name):
    """Give a resource another name and, where it is the fleet's, another target."""
    content = dict(body["spec"])
    target = content.get("target")
    if isinstance(target, dict) and target.get("deployment") == DEPLOYMENT:
        content["target"] = target | NOWHERE
    return {**body, "metadata": {**body["metadata"], "name": name}, "spec": content}


def forge(world, handle, status):
    """Write a status by hand; the API server may refuse it."""
    world.forged.add(handle.name)
    change = {"status": status}
    try:
        world.kube.patch("controllerrollouts", handle.name, change, subresource="status")
    except KubeError as refused:
        if refused.status != 422:
            raise


def create_all(world, bodies):
    """Create what the API server takes; gives a handle on each."""
    handles = []
    for number, body in enumerate(bodies):
        handle = world.handle(f"hostile-{number}")
        try:
            handle._acted(world.kube.create(elsewhere(body, handle.name)))
        except KubeError:
            world.rollouts.remove(handle)
        else:
            handles.append(handle)
    return handles


def test_a_good_rollout_beside_hostile_ones(install):
    world = install()
    bad = create_all(world, [*HAND_MADE.values(), *generated(COUNT)])
    assert len(bad) > COUNT / 10
    spoilt = []
    for number, status in enumerate(GARBAGE):
        handle = world.rollout(spec(target=NOWHERE), f"spoilt-{number}")
        forge(world, handle, status)
        spoilt.append(handle)
    began = time.monotonic()
    good = world.rollout(spec(), "good")
    good.reach("Completed", "Idle")
    assert time.monotonic() - began < ON_TIME
    world.holds(good, fleet_flags=RLM, report="Completed")
    for handle in (*bad, *spoilt):
        wait_until(lambda h=handle: stalls_or_waits(h.status), explain=handle.story)
    for handle in spoilt:  # a person who mends the status mends the rollout
        forge(world, handle, None)


def stalls_or_waits(status):
    """Tell that it was looked at, and does nothing but say why."""
    stalled = conditions(status).get("Stalled", {})
    assert stalled.get("reason") != "Bug", status["message"]
    waits = status["phase"] == "Pending" and status.get("message")
    return stalled.get("status") == "True" or waits
