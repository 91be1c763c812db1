"""The story as data: what has to appear, in this order, and what a person does on seeing it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Status = Mapping[str, Any]

ADAPTIVE = "disable_adaptive_parallelism"
BATCH = "disable_batch_mode"

PATIENCE = 60.0
"""Seconds for what takes ten on an idle machine."""


@dataclass(frozen=True)
class Chapter:
    """One stage of the story.

    Attributes:
        title: for people.
        seen: whether a status shows it.
        within: seconds in which it has to appear.
        then: what a person does next; the name of an act, or nothing.
    """

    title: str
    seen: Callable[[Status], bool]
    within: float
    then: str = ""


def taken(status: Status) -> list[str]:
    """Give the fallback steps that were taken."""
    steps: list[str] = (status.get("fallback") or {}).get("taken", [])
    return steps


def judging(status: Status, phase: str, run: int, step: int) -> bool:
    """Tell whether the cohort of a step runs and is being judged."""
    return (
        status.get("phase") == phase
        and status.get("stage") == "Judging"
        and status.get("run") == run
        and (status.get("step") or {}).get("index") == step
    )


def condition(status: Status, kind: str) -> str:
    """Give a condition's status."""
    return next((c["status"] for c in status.get("conditions", []) if c["type"] == kind), "")


def wrong_word_refused(status: Status) -> bool:
    """Tell whether a wrong acknowledgement was answered, and did nothing."""
    refused = (status.get("handled") or {}).get("refused", [])
    return (
        any(mark.startswith("acknowledge=") for mark in refused)
        and status.get("phase") == "Fallback"
        and status.get("run") == 1
        and bool(status.get("incident"))
    )


STORY = (
    Chapter("canary up: rlm runs on one pod", lambda s: judging(s, "Canary", 1, 1), PATIENCE),
    Chapter(
        "breach, fallback 1: adaptive parallelism off", lambda s: taken(s) == [ADAPTIVE], PATIENCE
    ),
    Chapter(
        "still in breach, fallback 2: batch mode off",
        lambda s: taken(s) == [ADAPTIVE, BATCH],
        PATIENCE,
    ),
    Chapter(
        "cleared: every signal is within its limit",
        lambda s: s.get("phase") == "Fallback" and condition(s, "SLOMet") == "True",
        PATIENCE,
    ),
    Chapter(
        "waiting for acknowledgement",
        lambda s: condition(s, "AcknowledgmentRequired") == "True",
        10,
        then="acknowledge wrongly",
    ),
    Chapter(
        "a wrong acknowledgement does nothing",
        wrong_word_refused,
        15,
        then="mend and acknowledge",
    ),
    Chapter("acknowledged: a fresh canary run", lambda s: judging(s, "Canary", 2, 1), PATIENCE),
    Chapter("healthy: the cohort grows", lambda s: judging(s, "Canary", 2, 2), PATIENCE),
    Chapter(
        "promoted: the whole fleet runs rlm", lambda s: s.get("phase") == "Promoting", PATIENCE
    ),
    Chapter("completed", lambda s: s.get("phase") == "Completed", PATIENCE),
)
