"""Every write that the run may need, tried as a dry run."""

from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from typing import Final, NamedTuple

from pecr_rollout.api.enums import CanaryMode
from pecr_rollout.cluster.client import Api
from pecr_rollout.cluster.clone import clone_manifest, overlay_manifest
from pecr_rollout.cluster.errors import (
    AlreadyExistsError,
    ClusterError,
    ForbiddenError,
    InvalidError,
)
from pecr_rollout.cluster.events import Announcement, announce
from pecr_rollout.cluster.locks import lease_manifest
from pecr_rollout.cluster.names import owned_object, report_name
from pecr_rollout.cluster.preflight.cohort import largest_cohort
from pecr_rollout.cluster.preflight.facts import Facts, Place, error
from pecr_rollout.cluster.report import PART
from pecr_rollout.cluster.resources import (
    CONFIG_MAPS,
    CONTROLLER_REVISIONS,
    DEPLOYMENTS,
    LEASES,
    Json,
    Resource,
    name_of,
    uid_of,
)
from pecr_rollout.cluster.snapshot import snapshot_manifest
from pecr_rollout.cluster.together import together
from pecr_rollout.cluster.writes import add_finalizer, stamp_template, write_flags
from pecr_rollout.lifecycle.actions import StampTemplate, WriteFlags
from pecr_rollout.lifecycle.observation import Finding, Flags, Snapshot

_ANY_VERSION: Final = ""
"""What is only tried need not be as it was read; a roll-out under way would change it."""


class Attempt(NamedTuple):
    """One write, tried.

    Attributes:
        what: for people.
        write: tries it.
    """

    what: str
    write: Callable[[], Awaitable[object]]


async def check_writes(api: Api, facts: Facts) -> list[Finding]:
    """Try every write that the run may need.

    Raises:
        ConflictError: an object was changed meanwhile; observe and check again.
    """
    async with together() as group:
        tasks = [group.create_task(_tried(attempt)) for attempt in _attempts(api, facts)]
    return [finding for task in tasks if (finding := task.result()) is not None]


async def _tried(attempt: Attempt) -> Finding | None:
    try:
        await attempt.write()
    except AlreadyExistsError:
        return None  # admission and permissions come before it
    except (ForbiddenError, InvalidError) as refusal:
        return _refused(attempt.what, refusal)
    return None


def _refused(what: str, refusal: ClusterError) -> Finding:
    said = str(refusal)
    if "exceeded quota" in said:
        return error("QuotaExceeded", f"cannot {what}: {said}; raise the quota")
    if " cannot " in said and isinstance(refusal, ForbiddenError):
        return error(
            "PermissionMissing", f"cannot {what}: {said}; grant it with the operator's role"
        )
    return error(
        "WriteRefused", f"cannot {what}: {said}; change what refuses it, or what it asks for"
    )


def _attempts(api: Api, facts: Facts) -> Iterator[Attempt]:
    for place in facts.places:
        if place.written:
            yield from _place_attempts(api, facts, place)
    if facts.mode is CanaryMode.MANAGED and facts.target.container is not None:
        yield from _clone_attempts(api, facts)
    yield from _own_attempts(api, facts)


def _place_attempts(api: Api, facts: Facts, place: Place) -> Iterator[Attempt]:
    namespace = facts.rollout.metadata.namespace
    values = facts.fallback | facts.delta
    config_map, workload = place.config_map_object, place.workload
    if config_map is not None and not config_map.get("immutable"):
        for changes in (values, dict.fromkeys(values)):
            action = WriteFlags(place.config_map, uid_of(config_map), _ANY_VERSION, changes)
            yield Attempt(
                f"write the flags in ConfigMap {place.config_map}",
                partial(write_flags, api, namespace, action, dry_run=True),
            )
    if workload is not None:
        stamp = StampTemplate(workload.name, workload.uid, _ANY_VERSION, "rehearsal")
        yield Attempt(
            f"roll Deployment {place.deployment}",
            lambda: stamp_template(api, namespace, stamp, dry_run=True),
        )


def _clone_attempts(api: Api, facts: Facts) -> Iterator[Attempt]:
    target = facts.target.deployment_object
    if target is None:
        return
    overlay = overlay_manifest(facts.rollout, facts.delta)
    clone = clone_manifest(facts.rollout, target, name_of(overlay), largest_cohort(facts))
    yield from _made_and_removed(api, CONFIG_MAPS, overlay)
    yield from _made_and_removed(api, DEPLOYMENTS, clone)


def _own_attempts(api: Api, facts: Facts) -> Iterator[Attempt]:
    rollout = facts.rollout
    lease = lease_manifest(rollout, f"deployment/{facts.target.deployment}", None)
    yield from _made_and_removed(api, LEASES, lease)
    revision = snapshot_manifest(rollout, _sample_snapshot(facts), 1)
    yield from _made_and_removed(api, CONTROLLER_REVISIONS, revision)
    report = owned_object(CONFIG_MAPS, rollout, report_name(rollout), PART)
    yield from _made_and_removed(api, CONFIG_MAPS, report)
    event = Announcement("rehearsal", "Rehearsal", "A dry run.", at=0.0)
    yield Attempt("write Events", lambda: announce(api, rollout, event, dry_run=True))
    yield Attempt("put a finalizer on it", lambda: add_finalizer(api, rollout, dry_run=True))


def _made_and_removed(api: Api, resource: Resource, obj: Json) -> Iterator[Attempt]:
    what = f"{resource.kind} {name_of(obj)}"
    yield Attempt(f"create {what}", lambda: api.create(resource, obj, dry_run=True))
    yield Attempt(f"delete {what}", lambda: api.delete(resource, obj, dry_run=True))


def _sample_snapshot(facts: Facts) -> Snapshot:
    flags = Flags(facts.target.config_map, "", facts.target.deployment, "", {}, None)
    return Snapshot(facts.spec.identity(), facts.spec.identity_part(), flags)
