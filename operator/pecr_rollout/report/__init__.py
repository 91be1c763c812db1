"""The decision report and its JSON, Markdown and ENV forms: shared by operator and guard.

Standard library only, so that the guard runs from a bare checkout.
"""

from pecr_rollout.report.forms import to_env, to_json
from pecr_rollout.report.markdown import to_markdown
from pecr_rollout.report.model import (
    CurrentState,
    DecisionReport,
    Evidence,
    Figure,
    Owner,
    Recommendation,
    RolloutContext,
    Signals,
    Status,
    Thresholds,
    Trigger,
    Unit,
    Verdict,
)

__all__ = [
    "CurrentState",
    "DecisionReport",
    "Evidence",
    "Figure",
    "Owner",
    "Recommendation",
    "RolloutContext",
    "Signals",
    "Status",
    "Thresholds",
    "Trigger",
    "Unit",
    "Verdict",
    "to_env",
    "to_json",
    "to_markdown",
]
