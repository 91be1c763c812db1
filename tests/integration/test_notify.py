"""What happened is told: an Event each, and a letter to the rollback owner, whatever ends when."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from integration.harness.phases import in_canary, in_fallback
from integration.harness.tape import Take
from integration.harness.waiting import wait_until
from pecrfleet.kube import KubeError
from runtime.receivers import TOKEN, Web, dead, web

pytestmark = pytest.mark.cluster

OWED = ["FallbackStep", "Aborted"]
Json = dict[str, Any]


@pytest.fixture
def urls(world, tmp_path: Path) -> Path:
    """The file that the Secret is mounted as; the operator is told of it before it starts."""
    file = tmp_path / "urls"
    world.operator.arguments += ["--notify-urls-file", str(file)]
    return file


@pytest.fixture
def receiver() -> Iterator[Web]:
    with web() as receiver:
        yield receiver


class Ban:
    """A policy against the Events of a namespace's rollouts."""

    def __init__(self, world) -> None:
        self._kube, self._name, self._there = world.kube, f"no-events-{world.name}", False

    def impose(self) -> None:
        rule = {
            "apiGroups": ["events.k8s.io"],
            "apiVersions": ["v1"],
            "operations": ["CREATE"],
            "resources": ["events"],
        }
        here = {"matchLabels": {"kubernetes.io/metadata.name": self._kube.namespace}}
        policy = {
            "matchConstraints": {"namespaceSelector": here, "resourceRules": [rule]},
            "validations": [{"expression": "object.regarding.kind != 'ControllerRollout'"}],
        }
        self._there = True
        self._send("POST", "ValidatingAdmissionPolicy", policy)
        binding = {"policyName": self._name, "validationActions": ["Deny"]}
        self._send("POST", "ValidatingAdmissionPolicyBinding", binding)
        wait_until(self._holds, explain=lambda: "the policy does not hold yet")

    def lift(self) -> None:
        if self._there:
            self._there = False
            self._send("DELETE", "ValidatingAdmissionPolicyBinding")
            self._send("DELETE", "ValidatingAdmissionPolicy")
            wait_until(lambda: not self._holds(), explain=lambda: "the policy still holds")

    def _send(self, method: str, kind: str, content: Json | None = None) -> None:
        plural = "validatingadmissionpolic" + ("ybindings" if "Binding" in kind else "ies")
        path = f"/apis/admissionregistration.k8s.io/v1/{plural}"
        body = {
            "apiVersion": "admissionregistration.k8s.io/v1",
            "kind": kind,
            "metadata": {"name": self._name},
            "spec": content,
        }
        if content is None:
            self._kube.client.request(method, f"{path}/{self._name}")
        else:
            self._kube.client.request(method, path, body)

    def _holds(self) -> bool:
        """Try an Event of our own, as a dry run."""
        event = {
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {"name": "tried", "namespace": self._kube.namespace},
            "eventTime": "2026-01-01T00:00:00.000000Z",
            "type": "Normal",
            "reason": "Tried",
            "action": "Try",
            "reportingController": "pecr.dev/test",
            "reportingInstance": "test",
            "regarding": {"kind": "ControllerRollout", "namespace": self._kube.namespace},
        }
        try:
            self._kube.client.request("POST", f"{self._kube.path('events')}?dryRun=All", event)
        except KubeError as error:
            return "ControllerRollout" in str(error)
        return False


@pytest.fixture
def ban(world) -> Iterator[Ban]:
    """Nothing at first; with `impose` the API server refuses Events, until `lift`."""
    ban = Ban(world)
    yield ban
    ban.lift()


def test_an_event_that_was_not_written_is_told_by_the_next_process(install, ban):
    """The operator is killed between a transition and its Event: it is told, and once."""
    world = install()
    rollout = in_canary(world)
    ban.impose()
    rollout.abort()
    rollout.await_(lambda s: untold(s) == ["Aborted"] and s["stage"] == "Idle")
    world.operator.kill()
    ban.lift()
    world.told(rollout, "CanaryStarted")
    world.operator.start()
    rollout.await_(lambda s: not s["outbox"])
    world.told(rollout, "CanaryStarted", "Aborted")
    event = world.events(rollout)[-1]
    aborted = next(h for h in rollout.status["history"] if h["phase"] == "Aborted")
    assert event["eventTime"].startswith(aborted["at"][:-1]), "it says when it was, not when told"


def test_killed_at_any_time_the_owner_is_told_of_everything(install, urls, receiver):
    """At least once each; a repeat has the key of the first, and no secret is logged."""
    receiver.answer = 503
    urls.write_text(receiver.url)
    world = install()
    rollout = in_fallback(world)
    wait_until(lambda: receiver.refused, explain=lambda: "nobody tried")
    world.operator.restart()
    incident = rollout.status["incident"]
    rollout.abort()
    rollout.reach("Aborted", "Idle")
    world.operator.kill()
    receiver.answer = 200
    world.operator.start()
    rollout.await_(lambda s: not s["outbox"])
    assert [key.split("/")[1] for key in dict.fromkeys(receiver.keys())] == OWED
    world.told(rollout, "CanaryStarted", *OWED)
    body = receiver.got[0]
    assert body["title"] == f"{world.name}/rlm-engine: FallbackStep"
    assert incident["cause"] in body["message"]
    comes_next = f"What comes next: Once the cause is understood and gone: {incident['command']}"
    assert comes_next in body["message"]
    assert "retrieval-oncall (#retrieval-oncall)" in body["message"]
    counted = 'pecr_rollout_notifications_total{outcome="sent",service="JSON"} 2'
    assert counted in world.operator.get("/metrics")[1]
    assert TOKEN not in world.operator.log.read_text()


def test_a_dead_receiver_delays_nothing(install, urls):
    """It accepts and never answers; a fallback, an abort and a deletion go on meanwhile."""
    with dead() as silent:
        urls.write_text(f"{silent}?rto=600")
        world = install()
        rollout = in_fallback(world)
        takes = [take for take in rollout.takes if take.status.get("incident")]
        recorded, written = (first(takes, stage) for stage in ("Writing", "RollingOut"))
        assert written - recorded < 10, "the safer flags were written at once"
        rollout.abort()
        status = rollout.reach("Aborted", "Idle")
        assert [message["reason"] for message in status["outbox"]] == OWED
        world.told(rollout, "CanaryStarted", *OWED)
        rollout.delete()
        rollout.gone()


def untold(status: Json) -> list[str]:
    """Give the reasons of what has no Event yet."""
    return [message["reason"] for message in status.get("outbox", []) if message["event"]]


def first(takes: list[Take], stage: str) -> float:
    """Give when a stage was first seen, in seconds since the tape began."""
    return next(take.seconds for take in takes if take.status["stage"] == stage)
