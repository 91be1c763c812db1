"""A GitOps tool applies the manifests again and again, every second, throughout a run."""

import contextlib
import json
import shlex
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from integration.harness.phases import adopt, holding, pods, replica_sets, stays
from integration.harness.scenarios import healthy, violating
from integration.harness.specs import (
    ADAPTIVE,
    CONFIG_MAP,
    DEPLOYMENT,
    ENGINE,
    EXISTING,
    FLEET,
    HOLD,
    MANAGED,
    NEXT,
    NEXT_CONFIG_MAP,
    RLM,
    STEP_1,
    manifest,
    spec,
)
from integration.harness.waiting import wait_until
from integration.harness.world import CLONE
from pecrfleet import target_manifests

pytestmark = pytest.mark.cluster

ROLLOUT = "rlm-engine"
GUIDE = Path(__file__).parents[2] / "docs" / "gitops.md"


class Git:
    """Applies its manifests every second until it is closed."""

    def __init__(self, world, how: str, content: list) -> None:
        self.world, self.how, self.content = world, how, content
        self.syncs = 0
        self.failures: list[str] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def sync(self) -> None:
        if self.how == "server-side":
            for each in self.content:
                self.world.kube.apply(each, manager="argocd-controller", force=True)
        else:
            text = json.dumps({"apiVersion": "v1", "kind": "List", "items": self.content})
            done = self.world.namespace.kubectl("apply", "-f", "-", input=text, check=False)
            assert done.returncode == 0, done.stderr

    def await_syncs(self, more: int) -> None:
        """Wait until it has applied everything so many times from now on."""
        wanted = self.syncs + 1 + more  # one may be under way
        wait_until(lambda: self.syncs >= wanted, explain=lambda: f"{self.syncs} syncs")

    def _run(self) -> None:
        while not self._over.is_set():
            try:
                self.sync()
            except Exception as error:  # noqa: BLE001 - told at the end
                self.failures.append(repr(error))
            self.syncs += 1
            self._over.wait(1.0)
        self.world.kube.client.close()  # this thread's connection

    def close(self) -> None:
        self._over.set()
        self._thread.join(20)


@contextlib.contextmanager
def syncing(world, how, content) -> Iterator[Git]:
    git = Git(world, how, content)
    try:
        yield git
        git.await_syncs(2)  # what came of it lasts
    finally:
        git.close()
    assert git.failures == []


def in_git(world, content, *, existing=False, env=None):
    """Give the manifests as they stand in Git, without a flag; the rollout is the last."""
    places = [(DEPLOYMENT, CONFIG_MAP, 3)] + ([(NEXT, NEXT_CONFIG_MAP, 1)] if existing else [])
    rollout = manifest(ROLLOUT, content)
    rollout["metadata"]["namespace"] = world.name
    made = [
        each
        for name, config_map, replicas in places
        for each in target_manifests(
            world.name,
            name=name,
            config_map=config_map,
            replicas=replicas,
            with_namespace=False,
            with_service=False,
            **({"env": env} if env else {}),
        )
    ]
    return [*made, rollout]


CASES = [
    pytest.param(MANAGED, "server-side", id="managed-server-side"),
    pytest.param(EXISTING, "client-side", id="existing-client-side"),
    pytest.param(FLEET, "server-side", id="fleet-server-side"),
    pytest.param(MANAGED, "client-side", id="managed-client-side"),
]


@pytest.mark.parametrize(("mode", "how"), CASES)
def test_a_whole_story_under_a_sync_a_second(install, mode, how):
    existing = mode is EXISTING
    world = install(violating(until=1), existing=1 if existing else 0)
    content = spec(mode=holding(mode, HOLD), promotion={"bake": "2s"})
    rollout = world.handle(ROLLOUT)
    with syncing(world, how, in_git(world, content, existing=existing)):
        adopt(rollout)
        rollout.reach("Fallback", "Judging", taken=1)
        stays(rollout, lambda s: (s["phase"], s["run"]) == ("Fallback", 1))
        incident = rollout.incident
        world.scenario(healthy())
        rollout.acknowledge(incident)
        rollout.reach("Canary", run=2)
        rollout.reach("Completed", "Idle", run=2)
        data = world.kube.get("configmaps", CONFIG_MAP)["data"]
        assert data[ENGINE] == "rlm"
        assert ADAPTIVE not in data
    world.holds(
        rollout,
        fleet_flags=RLM,
        existing_flags=RLM if existing else None,
        report="Completed",
    )
    # the templates that had to be: before, with the delta, and where it was written with step 1
    written = 3 if mode is FLEET else 2
    assert len(replica_sets(world)) == written, "a needless roll-out"
    if existing:
        assert len(replica_sets(world, NEXT)) == 3
    assert set(pods(world).values()) == {0}, "no container restarted"
    told = [event["reason"] for event in world.events(rollout)]
    assert told.count("Acknowledged") == 1
    assert told.count("FallbackStep") == 1
    assert "Followed" not in told
    assert "DriftPutBack" not in told


def test_an_acknowledgement_in_git_is_not_replayed(install):
    world = install(violating(until=1))
    content = in_git(world, spec(mode=holding(MANAGED, HOLD), promotion={"bake": "2s"}))
    rollout = world.handle(ROLLOUT)
    with syncing(world, "server-side", content):
        adopt(rollout)
        rollout.reach("Fallback", "Judging", run=1)
        first = rollout.incident
        content[-1]["metadata"]["annotations"] = {"pecr.dev/acknowledge": first}
        rollout.reach("Fallback", "Judging", run=2)
        assert rollout.incident != first
        stays(rollout, lambda s: (s["phase"], s["run"]) == ("Fallback", 2))
        world.holds_fallback(rollout, canary_flags=RLM | STEP_1)
    told = [event["reason"] for event in world.events(rollout)]
    assert told.count("Acknowledged") == 1


@pytest.mark.parametrize("how", ["server-side", "client-side"])
def test_a_flag_left_in_git_is_refused_and_handed_over(install, how):
    """With the hand-over of docs/gitops.md as its cure."""
    world = install()
    flags = {**world.places[DEPLOYMENT].data, ENGINE: "baseline"}
    content = spec(mode=holding(MANAGED))
    rollout = world.handle(ROLLOUT)
    with syncing(world, how, in_git(world, content, env=flags)) as git:
        adopt(rollout)
        status = rollout.says("FlagOwned")
        manager = "argocd-controller" if how == "server-side" else "kubectl-client-side-apply"
        for text in (ENGINE, CONFIG_MAP, manager, "remove the key", "docs/gitops.md"):
            assert text in status["message"], text
        git.await_syncs(1)
        assert rollout.status["phase"] == "Pending"
        assert world.kube.find("deployments", CLONE) is None
        assert world.locks() == {}
        waiting = content | {"suspend": True}  # or it would start between the two steps
        git.content = in_git(world, waiting, env=flags)
        git.await_syncs(1)
        git.content = in_git(world, waiting)
        git.await_syncs(1)
        assert ENGINE not in world.kube.get("configmaps", CONFIG_MAP)["data"]
        world.namespace.kubectl(*handing_over())
        git.content = in_git(world, content)
        rollout.reach("Canary", "Judging")
    data = world.kube.get("configmaps", CONFIG_MAP)["data"]
    assert data[ENGINE] == "baseline", "handed over, with its value"


def handing_over() -> list[str]:
    """Give the document's command, but for its namespace."""
    text = GUIDE.read_text().replace("\\\n", " ")
    [command] = [line for line in text.splitlines() if "--field-manager=" in line]
    return [word for word in shlex.split(command)[1:] if word not in ("-n", "pecr")]
