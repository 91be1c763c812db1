"""Leases: one for each Deployment and ConfigMap that a rollout writes, so that only one does.

They do not expire: a rollout holds its subjects until it lets them go, also while no operator
runs. An incident is marked on them and outlives its rollout, so that deleting a rollout and
creating it again is no way round the acknowledgement.
"""

from typing import Final

from pecr_rollout.api.rollout import GROUP, ControllerRollout
from pecr_rollout.cluster.client import Api
from pecr_rollout.cluster.errors import AlreadyExistsError, ConflictError, RefusedError
from pecr_rollout.cluster.names import MANAGED_BY, bounded, owner
from pecr_rollout.cluster.resources import LEASES, ROLLOUTS, Json, dig, micro_time, uid_of
from pecr_rollout.cluster.together import together
from pecr_rollout.cluster.whole import Reads
from pecr_rollout.lifecycle.observation import Lock

INCIDENT: Final = f"{GROUP}/incident"
HOLDER_NAME: Final = f"{GROUP}/holder-name"
SUBJECT: Final = f"{GROUP}/subject"


def lease_name(subject: str) -> str:
    """Name the Lease of a subject such as `configmap/pecr-controller-env`."""
    return bounded(f"pecr-lock-{subject.replace('/', '-', 1)}")


async def read_locks(
    reads: Reads, rollout: ControllerRollout, subjects: tuple[str, ...]
) -> tuple[Lock, ...]:
    """Read the locks of some subjects, in the order of their names."""
    leases = await _leases(reads, rollout, subjects)
    return tuple([await _view(reads, rollout, subject, lease) for subject, lease in leases.items()])


async def acquire(api: Api, rollout: ControllerRollout, subjects: tuple[str, ...]) -> None:
    """Take all of the locks or none.

    Raises:
        RefusedError: another rollout holds one, or an incident is open on one.
        ConflictError: somebody was faster.
    """
    leases = await _leases(api, rollout, subjects)
    for subject, lease in leases.items():
        _check_takeable(await _view(api, rollout, subject, lease), rollout)
    won: list[tuple[str, Json]] = []
    try:
        for subject, lease in leases.items():
            if lease is None or _holder(lease) != rollout.metadata.uid:
                won.append((subject, await _take(api, rollout, subject, lease)))
    except ConflictError:
        for _, lease in won:
            await _give_back(api, lease)
        raise


async def release(api: Api, rollout: ControllerRollout, subjects: tuple[str, ...]) -> None:
    """Give up the locks that this rollout holds; one with an open incident stays, unowned."""
    for lease in (await _leases(api, rollout, subjects)).values():
        if lease is None or _holder(lease) != rollout.metadata.uid:
            continue
        if _incident(lease) is None:
            await _give_back(api, lease)
        elif dig(lease, "metadata", "ownerReferences"):
            await _patch(api, lease, {"ownerReferences": None})


async def mark_incident(
    api: Api, rollout: ControllerRollout, subjects: tuple[str, ...], incident: str | None
) -> None:
    """Write an open incident on the locks and cut their ownership, or remove it and own them.

    Raises:
        RefusedError: another rollout, which still exists, holds one.
        ConflictError: somebody changed one meanwhile.
    """
    for subject, lease in (await _leases(api, rollout, subjects)).items():
        lock = await _view(api, rollout, subject, lease)
        if lock.holder not in (None, rollout.metadata.uid) and not lock.orphaned:
            raise RefusedError(held_by(lock))
        if lease is None:
            await _create(api, lease_manifest(rollout, subject, incident))
            continue
        wanted = lease_manifest(rollout, subject, incident)
        if _differs(lease, wanted):
            await _patch(api, lease, _metadata_patch(wanted, incident), wanted["spec"])


def held_by(lock: Lock) -> str:
    """Say who holds a lock, and what helps."""
    if lock.incident is not None:
        return (
            f"incident {lock.incident} of rollout {lock.holder_name or 'unknown'} is open on"
            f" {lock.subject}; acknowledge it first"
        )
    return (
        f"rollout {lock.holder_name or lock.holder} holds {lock.subject};"
        f" wait until it is completed, or abort or delete it"
    )


async def _leases(
    reads: Reads, rollout: ControllerRollout, subjects: tuple[str, ...]
) -> dict[str, Json | None]:
    namespace = rollout.metadata.namespace
    async with together() as group:
        tasks = {
            subject: group.create_task(reads.find(LEASES, namespace, lease_name(subject)))
            for subject in sorted(subjects)
        }
    return {subject: task.result() for subject, task in tasks.items()}


async def _view(reads: Reads, rollout: ControllerRollout, subject: str, lease: Json | None) -> Lock:
    if lease is None:
        return Lock(lease_name(subject), subject, None)
    holder, name = _holder(lease), dig(lease, "metadata", "annotations", HOLDER_NAME) or ""
    return Lock(
        name=lease["metadata"]["name"],
        subject=subject,
        holder=holder,
        holder_name=name,
        incident=_incident(lease),
        orphaned=holder not in (None, rollout.metadata.uid)
        and not await _exists(reads, rollout.metadata.namespace, name, holder),
    )


async def _exists(reads: Reads, namespace: str, name: str, uid: str | None) -> bool:
    rollout = await reads.find(ROLLOUTS, namespace, name) if name else None
    return rollout is not None and uid_of(rollout) == uid


def _check_takeable(lock: Lock, rollout: ControllerRollout) -> None:
    if lock.holder == rollout.metadata.uid:
        return
    if lock.incident is not None or (lock.holder is not None and not lock.orphaned):
        raise RefusedError(held_by(lock))


def lease_manifest(rollout: ControllerRollout, subject: str, incident: str | None) -> Json:
    """Build a Lease that the rollout holds; it owns it only while no incident is open."""
    annotations = {SUBJECT: subject, HOLDER_NAME: rollout.metadata.name}
    metadata = {
        "name": lease_name(subject),
        "namespace": rollout.metadata.namespace,
        "labels": {MANAGED_BY: "pecr-rollout"},
        "annotations": annotations | ({INCIDENT: incident} if incident else {}),
        "ownerReferences": [] if incident else [owner(rollout)],
    }
    return {
        "apiVersion": LEASES.api_version,
        "kind": LEASES.kind,
        "metadata": metadata,
        "spec": {"holderIdentity": rollout.metadata.uid},
    }


async def _take(api: Api, rollout: ControllerRollout, subject: str, lease: Json | None) -> Json:
    wanted = lease_manifest(rollout, subject, None)
    wanted["spec"]["acquireTime"] = micro_time()
    if lease is None:
        return await _create(api, wanted)
    return await _patch(api, lease, _metadata_patch(wanted, None), wanted["spec"])


async def _create(api: Api, lease: Json) -> Json:
    try:
        return await api.create(LEASES, lease)
    except AlreadyExistsError as error:
        raise ConflictError(str(error)) from error


async def _give_back(api: Api, lease: Json) -> None:
    await api.delete(LEASES, lease)


def _metadata_patch(wanted: Json, incident: str | None) -> Json:
    metadata = wanted["metadata"]
    return {
        "labels": metadata["labels"],
        "annotations": {**metadata["annotations"], INCIDENT: incident},
        "ownerReferences": metadata["ownerReferences"] or None,
    }


async def _patch(api: Api, lease: Json, metadata: Json, spec: Json | None = None) -> Json:
    old = lease["metadata"]
    guard = {"uid": old["uid"], "resourceVersion": old["resourceVersion"]}
    patch: Json = {"metadata": metadata | guard} | ({"spec": spec} if spec else {})
    return await api.merge(LEASES, old["namespace"], old["name"], patch)


def _differs(lease: Json, wanted: Json) -> bool:
    def facts(obj: Json) -> tuple[str | None, str | None, list[str]]:
        refs = dig(obj, "metadata", "ownerReferences") or []
        return _holder(obj), _incident(obj), [ref["uid"] for ref in refs]

    return facts(lease) != facts(wanted)


def _holder(lease: Json) -> str | None:
    return dig(lease, "spec", "holderIdentity") or None


def _incident(lease: Json) -> str | None:
    return dig(lease, "metadata", "annotations", INCIDENT) or None
