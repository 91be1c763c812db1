"""A Deployment with its ReplicaSets and pods, read as one view of how far its roll-out is."""

from collections.abc import Iterable, Iterator
from typing import Any, Final

from pecr_rollout.api.rollout import ENVIRONMENT_HASH
from pecr_rollout.api.status import epoch
from pecr_rollout.cluster.environment import fingerprint
from pecr_rollout.cluster.resources import Json, controller_uid, dig, name_of, uid_of
from pecr_rollout.lifecycle.observation import Progress, Workload

LONGEST_TROUBLE: Final = 300
MANY_RESTARTS: Final = 2
"""One crash happens; from the second on it is the rule."""


def workload_view(deployment: Json, replica_sets: Iterable[Json], pods: Iterable[Json]) -> Workload:
    """Give the view of a Deployment.

    Args:
        deployment: as the API server gave it.
        replica_sets: at least its own; others are told apart by ownership.
        pods: at least its own.
    """
    newest = newest_replica_sets(deployment, replica_sets)
    uids = {uid_of(replica_set) for replica_set in newest}
    mine = [pod for pod in pods if controller_uid(pod) in uids]
    running = [pod for pod in mine if not _is_going(pod)]
    progress, trouble = _progress(deployment, running)
    template = deployment["spec"]["template"]
    return Workload(
        name=name_of(deployment),
        uid=uid_of(deployment),
        resource_version=deployment["metadata"]["resourceVersion"],
        replicas=replicas_of(deployment),
        template=template_fingerprint(template),
        environment_hash=dig(template, "metadata", "annotations", ENVIRONMENT_HASH),
        progress=progress,
        trouble=trouble[:LONGEST_TROUBLE],
        replica_sets=tuple(sorted(name_of(replica_set) for replica_set in newest)),
        ready=sum(1 for pod in running if _ready_since(pod) is not None),
        settled_at=max(filter(None, map(_ready_since, running)), default=None),
        scheduling=_scheduling(deployment, running)[:LONGEST_TROUBLE],
        losing=replicas_of(deployment) > 0 and (not running or any(map(_is_deleted, mine))),
        paused=bool(deployment["spec"].get("paused")),
    )


def replicas_of(deployment: Json) -> int:
    """Give the replicas that a Deployment asks for."""
    replicas = deployment["spec"].get("replicas")
    return 1 if replicas is None else int(replicas)


def template_fingerprint(template: Json) -> str:
    """Fingerprint a pod template without the operator's own annotation."""
    return fingerprint(_plain_template(template, {ENVIRONMENT_HASH}))


def newest_replica_sets(deployment: Json, replica_sets: Iterable[Json]) -> list[Json]:
    """Give the ReplicaSets that a Deployment owns and that have its template as it is now."""
    wanted = _plain_template(deployment["spec"]["template"])
    uid = uid_of(deployment)
    return [
        replica_set
        for replica_set in replica_sets
        if controller_uid(replica_set) == uid
        and _plain_template(replica_set["spec"]["template"]) == wanted
    ]


def _plain_template(template: Json, ignored: set[str] | None = None) -> Json:
    """Give a template without what the Deployment's controller adds, and ignored annotations."""
    metadata = template.get("metadata") or {}
    labels = {k: v for k, v in (metadata.get("labels") or {}).items() if k != "pod-template-hash"}
    annotations = {
        key: value
        for key, value in (metadata.get("annotations") or {}).items()
        if key not in (ignored or ())
    }
    return {"labels": labels, "annotations": annotations, "spec": template.get("spec")}


def _progress(deployment: Json, pods: list[Json]) -> tuple[Progress, str]:
    if crash := next(_crashes(pods), None):
        return Progress.CRASHING, crash
    if _is_complete(deployment):
        return Progress.COMPLETE, ""
    progressing = _condition(deployment, "Progressing")
    current = _is_observed(deployment)
    if current and dig(progressing, "reason") == "ProgressDeadlineExceeded":
        waiting = next(_waiting(pods), "")
        said = str(dig(progressing, "message") or "its progress deadline is exceeded")
        return Progress.STUCK, f"{said}{'; ' if waiting else ''}{waiting}"
    return Progress.ROLLING, next(_waiting(pods), "")


def _is_observed(deployment: Json) -> bool:
    observed = dig(deployment, "status", "observedGeneration") or 0
    return bool(observed >= deployment["metadata"]["generation"])


def _is_complete(deployment: Json) -> bool:
    """Tell whether all replicas are new and ready; pods on their way out are not counted there."""
    status: dict[str, Any] = deployment.get("status") or {}
    counts = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")
    wanted = replicas_of(deployment)
    return _is_observed(deployment) and all(status.get(c, 0) == wanted for c in counts)


def _crashes(pods: Iterable[Json]) -> Iterator[str]:
    for pod in pods:
        for container in _statuses(pod):
            last = _ended_badly(container)
            waiting = dig(container, "state", "waiting", "reason") == "CrashLoopBackOff"
            restarts = container.get("restartCount", 0)
            looping = waiting and restarts > 0  # the first crash is followed by one more try
            often = last is not None and restarts >= MANY_RESTARTS
            if looping or (often and not container.get("ready")):
                yield _crash_text(pod, container, last or {})


def _ended_badly(container: Json) -> Json | None:
    """Give how a container ended, if it ended with an error."""
    for state in ("state", "lastState"):
        ended: Json | None = dig(container, state, "terminated")
        if ended and ended.get("exitCode"):
            return ended
    return None


def _crash_text(pod: Json, container: Json, ended: Json) -> str:
    said = (ended.get("message") or "").strip()
    return (
        f"pod {name_of(pod)}: container {container['name']} crashed"
        f" {container.get('restartCount', 0)} times"
        + (f" with exit code {ended['exitCode']}" if ended else "")
        + (f": {said}" if said else "; `kubectl logs --previous` says why")
    )


def _waiting(pods: Iterable[Json]) -> Iterator[str]:
    """Say what keeps pods from starting: an image, a ConfigMap that is missing."""
    for pod in pods:
        for container in _statuses(pod):
            waiting = dig(container, "state", "waiting") or {}
            if waiting.get("reason") not in (None, "ContainerCreating", "PodInitializing"):
                message = waiting.get("message") or ""
                yield f"pod {name_of(pod)}: {waiting['reason']}: {message}".rstrip(": ")


def _statuses(pod: Json) -> Iterator[Json]:
    status = pod.get("status") or {}
    for kind in ("initContainerStatuses", "containerStatuses"):
        yield from status.get(kind) or []


def _is_going(pod: Json) -> bool:
    """Tell whether a pod is on its way out, or over."""
    over = dig(pod, "status", "phase") in ("Succeeded", "Failed")
    return over or _is_deleted(pod)


def _is_deleted(pod: Json) -> bool:
    return dig(pod, "metadata", "deletionTimestamp") is not None


def _condition(obj: Json, kind: str) -> Json | None:
    conditions = dig(obj, "status", "conditions") or []
    return next((c for c in conditions if c["type"] == kind), None)


def _ready_since(pod: Json) -> float | None:
    ready = _condition(pod, "Ready")
    if ready is None or ready["status"] != "True":
        return None
    return epoch(ready.get("lastTransitionTime") or pod["metadata"]["creationTimestamp"])


def _scheduling(deployment: Json, pods: Iterable[Json]) -> str:
    failure = _condition(deployment, "ReplicaFailure")
    if failure is not None and failure["status"] == "True":
        return str(failure.get("message") or failure.get("reason") or "pods cannot be created")
    for pod in pods:
        placed = _condition(pod, "PodScheduled")
        if placed is not None and placed["status"] == "False":
            said = placed.get("message") or placed.get("reason") or "no node takes it"
            return f"pod {name_of(pod)} is not placed: {said}"
    return ""
