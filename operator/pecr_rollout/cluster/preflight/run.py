"""All checks, at once."""

from collections.abc import Callable, Coroutine
from typing import Any, Final

from pecr_rollout.api.rollout import ControllerRollout
from pecr_rollout.cluster.client import Api
from pecr_rollout.cluster.errors import ForbiddenError
from pecr_rollout.cluster.objects import read_objects
from pecr_rollout.cluster.preflight.autoscaler import check_autoscaler
from pecr_rollout.cluster.preflight.capacity import check_capacity
from pecr_rollout.cluster.preflight.cohort import check_cohort
from pecr_rollout.cluster.preflight.facts import Facts, error
from pecr_rollout.cluster.preflight.flags import check_flags
from pecr_rollout.cluster.preflight.ownership import check_ownership
from pecr_rollout.cluster.preflight.places import check_places
from pecr_rollout.cluster.preflight.readers import check_readers
from pecr_rollout.cluster.preflight.rehearsal import check_writes
from pecr_rollout.cluster.together import together
from pecr_rollout.lifecycle.observation import Cluster, Finding, Severity

Check = Callable[[Api, Facts], Coroutine[Any, Any, list[Finding]]]

_PURE: Final = (check_places, check_cohort, check_flags)
_ASKING: Final[tuple[Check, ...]] = (
    check_readers,
    check_capacity,
    check_autoscaler,
    check_ownership,
    check_writes,
)


async def preflight(api: Api, rollout: ControllerRollout, cluster: Cluster) -> tuple[Finding, ...]:
    """Check everything that would make a run fail later; nothing is written.

    Args:
        api: the API server.
        rollout: the rollout that is about to start.
        cluster: as it was observed.

    Returns:
        All that was found, errors first, each once.

    Raises:
        ConflictError: something was changed meanwhile; observe and check again.
        ClusterError: the API server did not answer as it should.
    """
    try:
        objects = await read_objects(api, rollout, rollout.spec)
    except ForbiddenError as refusal:
        return (_unreadable(refusal),)
    facts = Facts(rollout, cluster, objects)
    async with together() as group:
        tasks = [group.create_task(_asked(check, api, facts)) for check in _ASKING]
    found = [finding for check in _PURE for finding in check(facts)]
    found += [finding for task in tasks for finding in task.result()]
    return tuple(sorted(dict.fromkeys(found), key=lambda f: f.severity is not Severity.ERROR))


async def _asked(check: Check, api: Api, facts: Facts) -> list[Finding]:
    try:
        return await check(api, facts)
    except ForbiddenError as refusal:
        return [_unreadable(refusal)]


def _unreadable(refusal: ForbiddenError) -> Finding:
    return error("PermissionMissing", f"{refusal}; grant it with the operator's role")
