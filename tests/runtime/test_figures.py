"""Figures for people in the status."""

from pecr_rollout.runtime.figures import STOP_REASONS_SHOWN, figures_status
from pecr_rollout.telemetry.diagnostics import Figures


def shown(**reasons: float) -> dict[str, float]:
    return figures_status((Figures(stop_reasons=reasons), None)).canary.stop_reasons


def test_the_most_frequent_stop_reasons_are_shown() -> None:
    reasons = {f"reason_{n}": float(n) for n in range(STOP_REASONS_SHOWN + 3)}
    assert shown(**reasons) == {f"reason_{n}": float(n) for n in range(3, STOP_REASONS_SHOWN + 3)}


def test_what_is_no_name_for_people_is_left_out() -> None:
    """Pods write the label: a status with it was refused, or the operator ended."""
    hostile = ["x" * 254, "a\nb", "\x00", "\ud800"]
    assert shown(plan_complete=2.0, **dict.fromkeys(hostile, 9.0)) == {"plan_complete": 2.0}
