"""Figures for people, as the status shows them."""

from pecr_rollout.api.status import CohortFigures, FiguresStatus
from pecr_rollout.telemetry.diagnostics import Figures

STOP_REASONS_SHOWN = 16
LONGEST_REASON = 100
"""Characters of a stop reason that is shown; pods may write anything there."""


def figures_status(both: tuple[Figures, Figures | None]) -> FiguresStatus:
    """Give the figures of both cohorts."""
    canary, baseline = both
    return FiguresStatus(
        canary=_cohort_figures(canary),
        baseline=None if baseline is None else _cohort_figures(baseline),
    )


def _cohort_figures(found: Figures) -> CohortFigures:
    named = [(name, n) for name, n in found.stop_reasons.items() if _is_shown(name)]
    reasons = sorted(named, key=lambda item: -item[1])[:STOP_REASONS_SHOWN]
    return CohortFigures(
        requests=round(found.requests, 1),
        p95_ms=_rounded(found.p95_ms),
        p99_ms=_rounded(found.p99_ms),
        queue_wait_p95_ms=_rounded(found.queue_wait_p95_ms),
        inflight=found.inflight,
        stop_reasons={name: round(count, 1) for name, count in reasons},
    )


def _is_shown(reason: str) -> bool:
    return len(reason) <= LONGEST_REASON and reason.isprintable()


def _rounded(number: float | None) -> float | None:
    return None if number is None else round(number, 1)
