"""Does the cohort fit its target, and is its name free?"""

from itertools import pairwise

from pecr_rollout.api.enums import CanaryMode
from pecr_rollout.cluster.names import clone_name, owned_by_whom
from pecr_rollout.cluster.preflight.facts import Facts, Findings, Place, error, warning
from pecr_rollout.cluster.resources import dig
from pecr_rollout.lifecycle.cohort import cohort_replicas


def check_cohort(facts: Facts) -> Findings:
    """Check the sizes of the managed cohort and its name, or the existing canary's likeness."""
    if facts.mode is CanaryMode.MANAGED and facts.target.workload is not None:
        yield from _check_sizes(facts, facts.target.workload.replicas)
        yield from _check_name(facts)
    if facts.existing is not None:
        yield from _check_images(facts.target, facts.existing)


def largest_cohort(facts: Facts) -> int:
    """Give the pods of the largest managed cohort; 0 in other modes."""
    workload = facts.target.workload
    if facts.mode is not CanaryMode.MANAGED or workload is None:
        return 0
    return max(cohort_replicas(step, workload.replicas) for step in facts.spec.canary.steps)


def _check_sizes(facts: Facts, replicas: int) -> Findings:
    steps = list(enumerate(facts.spec.canary.steps, start=1))
    for index, step in steps:
        if isinstance(step.cohort, int) and step.cohort > replicas > 0:
            share = f'; write "{step.cohort}%" if a share is meant' if step.cohort <= 100 else ""
            yield error(
                "CohortTooLarge",
                f"step {index} asks for a cohort of {step.cohort} pods, but Deployment"
                f" {facts.target.deployment} has only {replicas}{share}",
            )
    for (first, one), (second, other) in pairwise(steps):
        size = cohort_replicas(other, replicas)
        if cohort_replicas(one, replicas) == size and isinstance(other.cohort, str):
            yield warning(
                "StepsAlike",
                f"steps {first} ({one.cohort}) and {second} ({other.cohort}) are both {size} of"
                f" {replicas} pods; the cohort does not grow between them",
            )


def _check_name(facts: Facts) -> Findings:
    name = clone_name(facts.target.deployment)
    there = facts.objects.deployments.get(name)
    if there is not None and facts.cluster.clone is not None and not facts.cluster.clone.owned:
        yield error(
            "CloneNameTaken",
            f"Deployment {name} is there already and belongs to {owned_by_whom(there)}; delete or"
            f" rename it, since the cohort needs this name, or use mode Existing with it",
        )


def _check_images(target: Place, existing: Place) -> Findings:
    one, other = dig(target.container, "image"), dig(existing.container, "image")
    if one and other and one != other:
        yield warning(
            "ImageDiffers",
            f"canary {existing.deployment} runs {other} and target {target.deployment} {one}; a"
            f" difference in the signals may not be the delta's",
        )
