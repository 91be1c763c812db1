"""Growth of both cohorts, read into the judge's evaluations."""

from pecr_rollout.judge.evidence import Counts, Evaluation, Reason
from pecr_rollout.telemetry.deltas import Growth
from pecr_rollout.telemetry.measures import Measure
from pecr_rollout.telemetry.questions import Asked


def evaluate(asked: Asked, at: float, canary: Growth, baseline: Growth | None) -> Evaluation:
    """Give one question's evaluation at a tick.

    A gap of the baseline is one of the evaluation only where the question is compared with it.
    """
    counted = count(asked.measure, canary)
    if isinstance(counted, Reason):
        return Evaluation(at, gap=counted)
    if counted.total <= 0:
        return Evaluation(at, gap=Reason.NO_TRAFFIC)
    fleet = Reason.NO_SERIES if baseline is None else count(asked.measure, baseline)
    if not isinstance(fleet, Reason):
        return Evaluation(at, counted, fleet)
    return Evaluation(at, gap=fleet) if asked.needs_baseline else Evaluation(at, counted)


def count(measure: Measure, growth: Growth) -> Counts | Reason:
    """Give a cohort's counts, or why there are none."""
    gap = growth.gap(measure.families)
    if gap is not None:
        return gap
    counted = measure.count(growth)
    return Reason.NO_SERIES if counted is None else counted
