"""The size of a cohort."""

from math import ceil

from pecr_rollout.api.canary import Step


def cohort_replicas(step: Step, replicas: int) -> int:
    """Give the pods of a managed cohort.

    A share is of the target's replicas, rounded up; at least one pod and at most as many as the
    target has. A number of pods is taken as it is given (preflight caps it).

    Args:
        step: a step of mode Managed.
        replicas: the target's replicas.
    """
    if isinstance(step.cohort, str):
        percent = int(step.cohort.removesuffix("%"))
        return max(1, min(replicas, ceil(replicas * percent / 100)))
    return step.cohort or 0


def traffic_share(cohort: int, replicas: int) -> float:
    """Give the share of traffic that a cohort takes beside the target, spread evenly over pods."""
    return cohort / (cohort + replicas) if cohort else 0.0
