"""Kubernetes Events, named after the transition so that a repeat is no second Event."""

import hashlib
from dataclasses import dataclass

from pecr_rollout.api.rollout import API_VERSION, GROUP, KIND, ControllerRollout
from pecr_rollout.api.status import instant
from pecr_rollout.cluster.client import MANAGER, Api
from pecr_rollout.cluster.errors import AlreadyExistsError
from pecr_rollout.cluster.names import LONGEST, bounded
from pecr_rollout.cluster.resources import EVENTS, Json

LONGEST_NOTE = 1024
LONGEST_REASON = 128


@dataclass(frozen=True)
class Announcement:
    """What is to be told of a rollout.

    Attributes:
        key: tells this transition from every other of the rollout; the same key is told once.
        reason: one word in CamelCase.
        message: for a person.
        at: when it happened, in seconds since the epoch.
        warning: whether somebody should look.
        action: what the operator did, one word.
    """

    key: str
    reason: str
    message: str
    at: float
    warning: bool = False
    action: str = "Reconcile"


async def announce(
    api: Api, rollout: ControllerRollout, announcement: Announcement, *, dry_run: bool = False
) -> bool:
    """Write an Event; whatever is tried, its name makes it one.

    Returns:
        Whether it is new; False where it had been written before.
    """
    try:
        event = event_manifest(rollout, announcement)
        await api.create(EVENTS, event, dry_run=dry_run, again=True)
    except AlreadyExistsError:
        return False
    return True


def event_manifest(rollout: ControllerRollout, announcement: Announcement) -> Json:
    """Build an Event with a name that follows from its rollout and its key."""
    metadata = rollout.metadata
    digest = hashlib.sha256(f"{metadata.uid} {announcement.key}".encode()).hexdigest()[:16]
    return {
        "apiVersion": EVENTS.api_version,
        "kind": EVENTS.kind,
        "metadata": {
            "name": f"{bounded(metadata.name, LONGEST - 17)}.{digest}",
            "namespace": metadata.namespace,
        },
        "eventTime": instant(announcement.at).replace("Z", ".000000Z"),
        "type": "Warning" if announcement.warning else "Normal",
        "reason": announcement.reason[:LONGEST_REASON],
        "action": announcement.action[:LONGEST_REASON],
        "note": shortened(announcement.message),
        "reportingController": f"{GROUP}/{MANAGER}",
        "reportingInstance": MANAGER,
        "regarding": {
            "apiVersion": API_VERSION,
            "kind": KIND,
            "namespace": metadata.namespace,
            "name": metadata.name,
            "uid": metadata.uid,
            "resourceVersion": metadata.resource_version,
        },
    }


def shortened(text: str, longest: int = LONGEST_NOTE) -> str:
    """Cut a text to what the API server takes, which counts bytes."""
    data = text.encode()
    if len(data) <= longest:
        return text
    return data[: longest - 3].decode(errors="ignore") + "…"
