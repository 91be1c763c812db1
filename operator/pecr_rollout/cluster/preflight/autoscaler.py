"""Would an autoscaler of the target count the cohort's pods as the target's?"""

from math import ceil

from pecr_rollout.cluster.client import Api
from pecr_rollout.cluster.preflight.cohort import largest_cohort
from pecr_rollout.cluster.preflight.facts import Facts, warning
from pecr_rollout.cluster.resources import AUTOSCALERS, Json, dig, name_of
from pecr_rollout.cluster.selectors import fits
from pecr_rollout.lifecycle.observation import Finding

_OVER = 1.2
"""An example of a metric over its goal; an autoscaler does nothing up to 1.1."""


async def check_autoscaler(api: Api, facts: Facts) -> list[Finding]:
    """Find autoscalers on the target that the cohort would drive up."""
    counted = _counted_pods(facts)
    workload = facts.target.workload
    if counted == 0 or workload is None:
        return []
    found = await api.list_all(AUTOSCALERS, facts.rollout.metadata.namespace)
    return [_driven_up(hpa, workload.replicas, counted) for hpa in found if _scales(hpa, facts)]


def _counted_pods(facts: Facts) -> int:
    """Give the cohort's pods that fit the target's selector: a clone's do, by its making."""
    canary = facts.existing
    if canary is None or canary.workload is None:
        return largest_cohort(facts)
    selector = dig(facts.target.deployment_object, "spec", "selector") or {}
    labels = dig(canary.template, "metadata", "labels") or {}
    return canary.workload.replicas if fits(selector, labels) else 0


def _scales(hpa: Json, facts: Facts) -> bool:
    ref = dig(hpa, "spec", "scaleTargetRef") or {}
    return (ref.get("kind"), ref.get("name")) == ("Deployment", facts.target.deployment)


def _driven_up(hpa: Json, replicas: int, cohort: int) -> Finding:
    most = hpa["spec"]["maxReplicas"]
    alone, together = (min(most, ceil(n * _OVER)) for n in (replicas, replicas + cohort))
    return warning(
        "AutoscalerCountsCohort",
        f"HorizontalPodAutoscaler {name_of(hpa)} counts the cohort's {cohort} pods as the target's:"
        f" it asks for ceil(({replicas} + {cohort}) x metric / goal), so at {_OVER} times its goal"
        f" {replicas} replicas become {together} instead of {alone} (at most {most}). Lower"
        f" maxReplicas for the run, or use an existing canary with labels of its own",
    )
