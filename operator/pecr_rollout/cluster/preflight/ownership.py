"""Does another field manager own a flag that the run may write?"""

import re

from pecr_rollout.api.enums import Conflicts
from pecr_rollout.cluster.client import MANAGER, Api
from pecr_rollout.cluster.errors import ClusterError, ConflictError
from pecr_rollout.cluster.preflight.facts import Facts, Place, error, warning
from pecr_rollout.cluster.resources import CONFIG_MAPS
from pecr_rollout.lifecycle.observation import Finding

_MANAGER = re.compile(r'conflict with "([^"]*)"')


async def check_ownership(api: Api, facts: Facts) -> list[Finding]:
    """Try un-forced server-side applies of the flags alone, dry: they name foreign owners."""
    findings = {}
    for place in facts.places:
        if not place.written or place.config_map_object is None:
            continue
        for changes in (facts.delta, facts.fallback):
            for key, owner in await _foreign(api, facts, place, changes):
                findings[place.config_map, key] = _owned(facts, place, key, owner)
    return list(findings.values())


async def _foreign(
    api: Api, facts: Facts, place: Place, changes: dict[str, str]
) -> list[tuple[str, str]]:
    """Give the keys that would change and belong to others, each with its owner."""
    obj = {
        "apiVersion": CONFIG_MAPS.api_version,
        "kind": CONFIG_MAPS.kind,
        "metadata": {"name": place.config_map, "namespace": facts.rollout.metadata.namespace},
        "data": changes,
    }
    try:
        await api.try_apply(CONFIG_MAPS, obj)
    except ConflictError as conflict:
        return _conflicts(conflict)
    except ClusterError as refusal:
        if refusal.status in (400, 403, 422):
            return []  # the rehearsal of the write itself says why
        raise
    return []


def _conflicts(conflict: ClusterError) -> list[tuple[str, str]]:
    found = []
    for cause in conflict.causes:
        owner = _MANAGER.search(cause.get("message") or "")
        key = (cause.get("field") or "").removeprefix(".data.")
        if owner is not None and owner.group(1) != MANAGER:
            found.append((key, owner.group(1)))
    return found


def _owned(facts: Facts, place: Place, key: str, owner: str) -> Finding:
    said = f"{key} in ConfigMap {place.config_map} is managed by {owner!r}"
    if facts.spec.target.conflicts is Conflicts.TAKE:
        return warning(
            "FlagTaken",
            f"{said} and would be taken over (conflicts: Take); if {owner!r} applies it again, the"
            f" change is undone",
        )
    return error(
        "FlagOwned",
        f"{said}, which may put its value back; remove the key from what {owner!r} applies (in"
        f" GitOps: from Git, see docs/gitops.md), or set spec.target.conflicts to Take if nothing"
        f" applies it again",
    )
