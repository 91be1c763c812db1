"""The kinds of the API that the operator speaks to, and small helpers for objects as plain dicts.

Plain dicts rather than the generated pydantic models: a Deployment costs about a millisecond and
tens of KiB as models, and we read a dozen fields of it.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from pecr_rollout.api.rollout import GROUP, PLURAL, VERSION

Json = dict[str, Any]
"""An object as the API server gave it."""


class Resource(NamedTuple):
    """A kind of objects, by its place in the API."""

    group: str
    version: str
    plural: str
    kind: str

    @property
    def api_version(self) -> str:
        """Give the `apiVersion` of its objects."""
        return f"{self.group}/{self.version}" if self.group else self.version


CONFIG_MAPS: Final = Resource("", "v1", "configmaps", "ConfigMap")
PODS: Final = Resource("", "v1", "pods", "Pod")
RESOURCE_QUOTAS: Final = Resource("", "v1", "resourcequotas", "ResourceQuota")
DEPLOYMENTS: Final = Resource("apps", "v1", "deployments", "Deployment")
REPLICA_SETS: Final = Resource("apps", "v1", "replicasets", "ReplicaSet")
STATEFUL_SETS: Final = Resource("apps", "v1", "statefulsets", "StatefulSet")
DAEMON_SETS: Final = Resource("apps", "v1", "daemonsets", "DaemonSet")
CONTROLLER_REVISIONS: Final = Resource("apps", "v1", "controllerrevisions", "ControllerRevision")
JOBS: Final = Resource("batch", "v1", "jobs", "Job")
CRON_JOBS: Final = Resource("batch", "v1", "cronjobs", "CronJob")
AUTOSCALERS: Final = Resource(
    "autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler"
)
LEASES: Final = Resource("coordination.k8s.io", "v1", "leases", "Lease")
EVENTS: Final = Resource("events.k8s.io", "v1", "events", "Event")
ROLLOUTS: Final = Resource(GROUP, VERSION, PLURAL, "ControllerRollout")


def dig(obj: Mapping[str, Any] | None, *path: str) -> Any:  # noqa: ANN401  # whatever JSON holds
    """Give what is at a path of keys, or None where the path ends early."""
    value: Any = obj
    for key in path:
        if not isinstance(value, Mapping):
            return None
        value = value.get(key)
    return value


def micro_time() -> str:
    """Give the time as a Lease has it."""
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"


def name_of(obj: Json) -> str:
    """Give an object's name."""
    return str(obj["metadata"]["name"])


def uid_of(obj: Json) -> str:
    """Give an object's uid."""
    return str(dig(obj, "metadata", "uid") or "")


def controller_uid(obj: Json) -> str | None:
    """Give the uid of the object that controls this one."""
    return next((ref["uid"] for ref in owners(obj) if ref.get("controller")), None)


def owners(obj: Json) -> list[Json]:
    """Give an object's owner references."""
    return list(dig(obj, "metadata", "ownerReferences") or [])


def containers(template: Json) -> Iterator[Json]:
    """Give all containers of a pod template (or pod), those that run first included."""
    spec = template.get("spec") or {}
    for kind in ("containers", "initContainers", "ephemeralContainers"):
        yield from spec.get(kind) or []
