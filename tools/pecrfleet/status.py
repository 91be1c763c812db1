"""The status that a kubelet would report of a pod."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from pecrfleet.pods import Pod, State

_REASONS = {State.CONFIG_ERROR: "CreateContainerConfigError", State.CRASHED: "CrashLoopBackOff"}


def timestamp() -> str:
    """Now, as Kubernetes writes it."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def status_patch(pod: Pod) -> dict[str, Any]:
    """A strategic merge patch of the status, only for the very pod that is known."""
    now = timestamp()
    ready = "True" if pod.ready else "False"
    conditions = [
        {"type": "PodReadyToStartContainers", "status": "True"},
        {"type": "Initialized", "status": "True"},
        _readiness("ContainersReady", ready),
        _readiness("Ready", ready),
    ]
    return {
        "metadata": {"uid": pod.uid},
        "status": {
            "phase": "Pending" if pod.state is State.CONFIG_ERROR else "Running",
            "startTime": pod.manifest["status"].get("startTime") or now,
            "podIP": pod.ip,
            "podIPs": [{"ip": pod.ip}],
            "hostIP": "10.79.0.1",
            "hostIPs": [{"ip": "10.79.0.1"}],
            "conditions": [{"lastTransitionTime": now} | each for each in conditions],
            "containerStatuses": _containers(pod),
        },
    }


def _readiness(kind: str, status: str) -> dict[str, Any]:
    condition: dict[str, Any] = {"type": kind, "status": status, "reason": None, "message": None}
    if status == "False":
        condition |= {"reason": "ContainersNotReady", "message": "containers with unready status"}
    return condition


def _containers(pod: Pod) -> list[dict[str, Any]]:
    mine = pod.container["name"]
    return [
        _pecr(pod, each) if each["name"] == mine else _other(pod, each)
        for each in pod.manifest["spec"]["containers"]
    ]


def _pecr(pod: Pod, container: Mapping[str, Any]) -> dict[str, Any]:
    status = _base(container) | {"restartCount": pod.restarts, "ready": pod.ready}
    if pod.last_state:
        status["lastState"] = pod.last_state
    reason = _REASONS.get(pod.state)
    if reason:
        waiting = {"reason": reason, "message": _waiting_message(pod)}
        return status | {"started": False, "state": {"waiting": waiting}}
    return status | {"started": True, "state": {"running": {"startedAt": pod.started_time}}}


def _other(pod: Pod, container: Mapping[str, Any]) -> dict[str, Any]:
    started = pod.manifest["status"].get("startTime") or pod.started_time or timestamp()
    running = {"state": {"running": {"startedAt": started}}}
    return _base(container) | {"restartCount": 0, "ready": True, "started": True} | running


def _base(container: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": container["name"], "image": container["image"], "imageID": ""}


def terminated(pod: Pod, exit_code: int) -> dict[str, Any]:
    """The container's `lastState` when it has just ended."""
    now = timestamp()
    ended = {
        "exitCode": exit_code,
        "reason": "Error" if exit_code else "Completed",
        "startedAt": pod.started_time or now,
        "finishedAt": now,
    }
    # As with a real kubelet, the log's end is told only where the pod asks for it.
    if pod.container.get("terminationMessagePolicy") == "FallbackToLogsOnError":
        ended["message"] = pod.message
    return {"terminated": ended}


def _waiting_message(pod: Pod) -> str:
    if pod.state is State.CONFIG_ERROR:
        return pod.message
    return (
        f"back-off restarting failed container={pod.container['name']} "
        f"pod={pod.name}_{pod.namespace}({pod.uid})"
    )
