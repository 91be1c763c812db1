"""A pod of PECR's, as the fleet knows it."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from pecrfleet.flags import Flags
from pecrfleet.rules import Subject
from pecrfleet.service import Service

IMAGE = "pecr-controller"
Key = tuple[str, str]


class State(Enum):
    """Where the PECR container of a pod stands."""

    STARTING = "starting"  # its environment is being read
    CONFIG_ERROR = "config-error"  # something that the environment refers to is not there
    RUNNING = "running"  # the service is up; Ready is another question
    CRASHED = "crashed"  # it ended, and waits for its next start
    TERMINATING = "terminating"  # the pod was deleted


@dataclass
class Pod:
    """What is known of one pod, and of the container that runs in it now."""

    namespace: str
    name: str
    uid: str
    ip: str
    manifest: Mapping[str, Any]
    flow_ready: bool = False
    state: State = State.STARTING
    ready: bool = False
    restarts: int = 0
    crashes_in_a_row: int = 0
    env: dict[str, str] = field(default_factory=dict)
    flags: Flags | None = None
    message: str = ""
    last_state: dict[str, Any] | None = None
    service: Service = field(default_factory=Service)
    flow_seen: float = 0.0
    advanced_at: float = 0.0
    started_at: float = 0.0
    started_time: str = ""
    born_while_down: bool = False
    timer: asyncio.TimerHandle | None = None
    writing: bool = False
    dirty: bool = False

    @property
    def key(self) -> Key:
        """Namespace and name."""
        return self.namespace, self.name

    @property
    def labels(self) -> Mapping[str, str]:
        """The pod's labels."""
        labels: Mapping[str, str] = self.manifest["metadata"].get("labels") or {}
        return labels

    @property
    def deployment(self) -> str:
        """The Deployment that it belongs to, by its ReplicaSet's name."""
        owners = self.manifest["metadata"].get("ownerReferences") or []
        name: str = next((each["name"] for each in owners if each["kind"] == "ReplicaSet"), "")
        return name.removesuffix(f"-{self.labels.get('pod-template-hash', '')}")

    @property
    def container(self) -> Mapping[str, Any]:
        """The container that runs PECR."""
        containers: list[Mapping[str, Any]] = self.manifest["spec"]["containers"]
        return next(each for each in containers if IMAGE in each["image"])

    @property
    def subject(self) -> Subject | None:
        """What rules ask of it; None while no environment has been read."""
        if self.flags is None:
            return None
        return Subject(self.name, self.deployment, self.labels, self.env, self.flags)

    def to_json(self) -> dict[str, Any]:
        """What `GET /pods` says of it."""
        return {
            "namespace": self.namespace,
            "name": self.name,
            "uid": self.uid,
            "deployment": self.deployment,
            "state": self.state.value,
            "ready": self.ready,
            "restarts": self.restarts,
            "message": self.message,
            "env": self.env,
            "flags": self.flags.to_json() if self.flags else None,
        }


def is_pecr(manifest: Mapping[str, Any]) -> bool:
    """Whether a pod runs the service; by its image, as the brief of the fleet says."""
    return any(IMAGE in each["image"] for each in manifest["spec"]["containers"])


def own_fields(pod: Pod) -> dict[str, str]:
    """What a `fieldRef` can name."""
    fields = {
        "metadata.name": pod.name,
        "metadata.namespace": pod.namespace,
        "metadata.uid": pod.uid,
        "status.podIP": pod.ip,
        "spec.nodeName": pod.manifest["spec"].get("nodeName", ""),
        "spec.serviceAccountName": pod.manifest["spec"].get("serviceAccountName", ""),
    }
    return fields | {f"metadata.labels['{key}']": value for key, value in pod.labels.items()}
