"""Do the namespace's quotas leave room for the cohort?"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Final

from pecr_rollout.cluster.client import Api
from pecr_rollout.cluster.preflight.cohort import largest_cohort
from pecr_rollout.cluster.preflight.facts import Facts, error, warning
from pecr_rollout.cluster.resources import RESOURCE_QUOTAS, Json, dig, name_of
from pecr_rollout.lifecycle.observation import Finding

_FACTORS: Final = {
    **{f"{unit}i": Decimal(1024) ** power for power, unit in enumerate("KMGTPE", start=1)},
    **{unit: Decimal(1000) ** power for power, unit in enumerate("kMGTPE", start=1)},
    "m": Decimal("1e-3"),
    "u": Decimal("1e-6"),
    "n": Decimal("1e-9"),
}
_COMPUTE: Final = ("cpu", "memory", "ephemeral-storage")


async def check_capacity(api: Api, facts: Facts) -> list[Finding]:
    """Compare what the largest cohort needs with what each quota leaves."""
    clone = facts.cluster.clone
    there = clone.workload.replicas if clone is not None and clone.owned else 0
    pods = largest_cohort(facts) - there
    if pods <= 0:
        return []
    quotas = await api.list_all(RESOURCE_QUOTAS, facts.rollout.metadata.namespace)
    demand = pod_demand(facts.target.template)
    return [finding for quota in quotas for finding in _check_quota(quota, demand, pods)]


def quantity(text: str) -> Decimal:
    """Read a quantity such as `100m`, `1.5`, `2Gi` or `1e3`."""
    for suffix, factor in _FACTORS.items():
        if text.endswith(suffix):
            return Decimal(text.removesuffix(suffix)) * factor
    return Decimal(text)


def pod_demand(template: Json) -> dict[str, Decimal]:
    """Give what one pod takes of a quota, by the quota's names of it."""
    requests, limits = _sums(template, "requests"), _sums(template, "limits")
    demand = {"pods": Decimal(1), "count/pods": Decimal(1)}
    for name in _COMPUTE:
        requested = requests.get(name, limits.get(name, Decimal(0)))
        demand[name] = demand[f"requests.{name}"] = requested
        demand[f"limits.{name}"] = limits.get(name, Decimal(0))
    return demand


def _sums(template: Json, kind: str) -> dict[str, Decimal]:
    """Add up containers; those that run first and end count only where they need more."""
    spec = template.get("spec") or {}
    first = spec.get("initContainers") or []
    sidecars = [c for c in first if c.get("restartPolicy") == "Always"]
    running = _total([*(spec.get("containers") or []), *sidecars], kind)
    for container in first:
        for name, amount in _amounts(container, kind).items():
            running[name] = max(running.get(name, Decimal(0)), amount)
    for name, text in (spec.get("overhead") or {}).items():
        running[name] = running.get(name, Decimal(0)) + quantity(str(text))
    return running


def _total(containers: list[Json], kind: str) -> dict[str, Decimal]:
    total: dict[str, Decimal] = {}
    for container in containers:
        for name, amount in _amounts(container, kind).items():
            total[name] = total.get(name, Decimal(0)) + amount
    return total


def _amounts(container: Json, kind: str) -> dict[str, Decimal]:
    resources: Mapping[str, object] = dig(container, "resources", kind) or {}
    return {name: quantity(str(text)) for name, text in resources.items()}


def _check_quota(quota: Json, demand: Mapping[str, Decimal], pods: int) -> Iterator[Finding]:
    spec, used = quota.get("spec") or {}, dig(quota, "status", "used") or {}
    scoped = bool(spec.get("scopes") or spec.get("scopeSelector"))
    for name, hard in (dig(quota, "status", "hard") or spec.get("hard") or {}).items():
        need = demand.get(name, Decimal(0)) * pods
        left = quantity(str(hard)) - quantity(str(used.get(name, "0")))
        if need > left:
            # Whether a scoped quota counts these pods is the API server's to say.
            kind = warning if scoped else error
            yield kind(
                "QuotaExceeded",
                f"ResourceQuota {name_of(quota)} leaves {_shown(left)} of {name}, but the cohort's"
                f" {pods} pods need {_shown(need)}; raise the quota or make the cohort smaller",
            )


def _shown(amount: Decimal) -> str:
    return f"{amount.normalize():f}"
