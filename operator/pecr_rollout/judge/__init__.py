"""Counts in, verdicts out: pure statistics, without clock, network or Kubernetes.

`SignalJudge` takes one evaluation at a time, `judge` all of them; both say the same. The method is
explained in docs/judge.md.
"""

from pecr_rollout.judge.evidence import (
    Concurrent,
    Counts,
    Evaluation,
    Fixed,
    Kind,
    Question,
    Reason,
    Recorded,
    Reference,
    Settings,
    SharedIncident,
)
from pecr_rollout.judge.preview import smallest_effect
from pecr_rollout.judge.signal_judge import SignalJudge, judge
from pecr_rollout.judge.verdict import Bound, Effect, Gist, Judgement, SignalVerdict, State

__all__ = [
    "Bound",
    "Concurrent",
    "Counts",
    "Effect",
    "Evaluation",
    "Fixed",
    "Gist",
    "Judgement",
    "Kind",
    "Question",
    "Reason",
    "Recorded",
    "Reference",
    "Settings",
    "SharedIncident",
    "SignalJudge",
    "SignalVerdict",
    "State",
    "judge",
    "smallest_effect",
]
