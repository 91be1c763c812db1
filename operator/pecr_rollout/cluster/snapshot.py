"""The snapshot of what was there before the first write, kept in a ControllerRevision.

A ControllerRevision's data cannot be changed once it is written, which is just what is needed.
"""

from dataclasses import asdict
from typing import Any, Final

from pecr_rollout.api.rollout import GROUP, ControllerRollout
from pecr_rollout.cluster.client import Api
from pecr_rollout.cluster.errors import AlreadyExistsError, ConflictError, RefusedError
from pecr_rollout.cluster.names import bounded, is_owned, owned_object, selector
from pecr_rollout.cluster.resources import CONTROLLER_REVISIONS, Json, dig, name_of
from pecr_rollout.cluster.whole import Reads
from pecr_rollout.lifecycle.observation import Flags, Snapshot

SNAPSHOT: Final = "snapshot"
IDENTITY: Final = f"{GROUP}/identity"


async def read_snapshot(reads: Reads, rollout: ControllerRollout) -> Snapshot | None:
    """Read the snapshot of the recorded run, or the newest where that one has none."""
    revisions = await _revisions(reads, rollout)
    identity = rollout.status.identity
    own = [r for r in revisions if dig(r, "metadata", "labels", IDENTITY) == identity]
    newest = max(own or revisions, key=lambda r: int(r["revision"]), default=None)
    return from_data(newest["data"]) if newest is not None else None


async def take_snapshot(api: Api, rollout: ControllerRollout, snapshot: Snapshot) -> None:
    """Keep a snapshot and drop those of other identities; one that is there already stands.

    Raises:
        RefusedError: its name is taken by somebody else.
    """
    revisions = await _revisions(api, rollout)
    number = max((int(r["revision"]) for r in revisions), default=0) + 1
    wanted = snapshot_manifest(rollout, snapshot, number)
    try:
        await api.create(CONTROLLER_REVISIONS, wanted)
    except AlreadyExistsError:
        await _check_ours(api, rollout, name_of(wanted))
    for revision in revisions:
        if name_of(revision) != name_of(wanted):
            await api.delete(CONTROLLER_REVISIONS, revision)


async def drop_snapshots(api: Api, rollout: ControllerRollout) -> None:
    """Remove all snapshots of the rollout."""
    for revision in await _revisions(api, rollout):
        await api.delete(CONTROLLER_REVISIONS, revision)


def snapshot_manifest(rollout: ControllerRollout, snapshot: Snapshot, number: int) -> Json:
    """Build the ControllerRevision of a snapshot, one for each identity."""
    stem = bounded(rollout.metadata.name, 220)
    name = f"{stem}-{rollout.metadata.uid[:8]}-{snapshot.identity}"
    revision = owned_object(CONTROLLER_REVISIONS, rollout, name, SNAPSHOT)
    revision["metadata"]["labels"][IDENTITY] = snapshot.identity
    return revision | {"revision": number, "data": asdict(snapshot)}


def from_data(data: Json) -> Snapshot:
    """Read a snapshot as it was kept."""
    existing = data.get("existing")
    return Snapshot(
        identity=data["identity"],
        spec=data["spec"],
        target=Flags(**data["target"]),
        existing=Flags(**existing) if existing else None,
        recorded={name: _pair(counts) for name, counts in (data.get("recorded") or {}).items()},
        taken_at=float(data.get("taken_at") or 0.0),
    )


def _pair(counts: Any) -> tuple[float, float]:  # noqa: ANN401  # a JSON list
    bad, total = counts
    return float(bad), float(total)


async def _revisions(reads: Reads, rollout: ControllerRollout) -> list[Json]:
    namespace = rollout.metadata.namespace
    found = await reads.list_all(CONTROLLER_REVISIONS, namespace, selector(rollout, SNAPSHOT))
    return [revision for revision in found if is_owned(revision, rollout)]


async def _check_ours(api: Api, rollout: ControllerRollout, name: str) -> None:
    there = await api.find(CONTROLLER_REVISIONS, rollout.metadata.namespace, name)
    if there is None:
        raise ConflictError(f"ControllerRevision {name} was removed meanwhile")
    if not is_owned(there, rollout):
        raise RefusedError(f"ControllerRevision {name} is not this rollout's; delete it")
