"""A plan, and how a row of the table makes one: the next status, what to do first, what to tell."""

from dataclasses import dataclass
from typing import Literal, TypedDict

from pecr_rollout.api.rollout import ABORT
from pecr_rollout.api.status import (
    HISTORY_LENGTH,
    FallbackStatus,
    Handled,
    HistoryEntry,
    IncidentStatus,
    OwnerMessage,
    Phase,
    SignalStatus,
    Stage,
    Status,
    StepStatus,
    Window,
    instant,
)
from pecr_rollout.lifecycle.actions import Action
from pecr_rollout.lifecycle.situation import Situation

MESSAGE_LENGTH = 1024
RUNS = frozenset({Phase.CANARY, Phase.PROMOTING})
PUTS_BACK = "It puts back what was there before."


class StatusFields(TypedDict, total=False):
    """The fields of the status that a row may change, beside phase, stage and message."""

    observed_generation: int
    warnings: list[str]
    run: int
    identity: str
    environment: dict[str, str]
    step: StepStatus | None
    cohort: str
    window: Window | None
    signals: list[SignalStatus]
    slo: str
    promoted: bool
    promoted_by: str | None
    fallback: FallbackStatus | None
    incident: IncidentStatus | None
    handled: Handled


@dataclass(frozen=True)
class Note:
    """Something to tell: a Kubernetes Event, and a notification where it is a transition.

    Attributes:
        key: derived from the transition; a repeat carries the same.
        owner: what the rollback owner is told beside it; None where an Event is enough.
    """

    key: str
    kind: Literal["Normal", "Warning"]
    reason: str
    message: str
    owner: OwnerMessage | None = None


@dataclass(frozen=True)
class Plan:
    """What to do next.

    Attributes:
        row: the row of the table that applied, for logs and metrics.
        status: what to record once the actions are done.
        actions: to be carried out first, in this order.
        notes: what is new to be told; the status has it in its outbox.
        due: when to look again without a wake-up, in seconds since the epoch; None for never.
        stalled: reason and message where only a person can help.
        drift: what somebody else changed in the middle.
        report: the key of the decision report that is due, if one is.
    """

    row: str
    status: Status
    actions: tuple[Action, ...] = ()
    notes: tuple[Note, ...] = ()
    due: float | None = None
    stalled: tuple[str, str] | None = None
    drift: str = ""


def shortened(text: str) -> str:
    """Cut a text to what the status takes."""
    return text if len(text) <= MESSAGE_LENGTH else text[: MESSAGE_LENGTH - 1] + "…"


def stay(
    s: Situation,
    row: str,
    message: str,
    *,
    actions: tuple[Action, ...] = (),
    notes: tuple[Note, ...] = (),
    due: float | None = None,
    stalled: tuple[str, str] | None = None,
    drift: str = "",
    changes: StatusFields | None = None,
) -> Plan:
    """Plan to remain in phase and stage, saying why."""
    fields = {"observed_generation": s.rollout.metadata.generation, **(changes or {})}
    status = s.status.model_copy(update={**fields, "message": shortened(message)})
    return Plan(row, status, actions, notes, due, stalled, drift)


def move(
    s: Situation,
    row: str,
    message: str,
    *,
    stage: Stage,
    phase: Phase | None = None,
    actions: tuple[Action, ...] = (),
    event: str | None = None,
    warning: bool = False,
    done: str = "",
    by: str | None = None,
    due: float | None = None,
    changes: StatusFields | None = None,
) -> Plan:
    """Plan to enter a stage, and with `phase` a phase; a phase's change is history and an Event.

    Args:
        s: the situation.
        row: the row that applies.
        message: what happens, for people.
        stage: the stage to enter.
        phase: the phase to enter, if it changes (or is entered anew).
        actions: what to do before it is recorded.
        event: reason of the Event; none is told without one.
        warning: whether the Event is a warning.
        done: what the operator does, in a sentence for the rollback owner, who is told where one
            is given.
        by: the person who asked for it.
        due: when to look again; at once if not given.
        changes: further fields of the status.
    """
    now = instant(s.now)
    fields: dict[str, object] = {
        "stage": stage,
        "stage_since": now,
        "message": shortened(message),
        "observed_generation": s.rollout.metadata.generation,
        **(changes or {}),
    }
    if phase is not None:
        fields["phase"] = phase
        run = (changes or {}).get("run", s.status.run)
        entry = HistoryEntry(at=now, run=run, phase=phase, message=shortened(message), by=by)
        fields["history"] = [*s.status.history, entry][-HISTORY_LENGTH:]
    status = s.status.model_copy(update=fields)
    note = Note(
        _key(s, status, event or row),
        "Warning" if warning else "Normal",
        event or row,
        status.message,
        for_owner(s, status, done) if done else None,
    )
    notes = (note,) if event else ()
    return Plan(row, status, actions, notes, s.now if due is None else due)


def _key(s: Situation, status: Status, event: str) -> str:
    step = status.step.index if status.step else 0
    number = status.incident.number if status.incident else 0
    return f"{s.rollout.run_id(status.run)}/{event}/{status.phase}/{step}/{number}"


def for_owner(s: Situation, status: Status, done: str) -> OwnerMessage:
    """Give what the rollback owner is told beside the message: evidence, deed, what comes next."""
    breached = [v.sentence for v in s.status.signals if v.verdict == "Breached"]
    sentences = breached or [v.sentence for v in s.status.signals]
    return OwnerMessage(
        evidence=shortened(" ".join(sentences) or "No signal was judged."),
        done=shortened(done),
        comes_next=shortened(_comes_next(s, status)),
    )


def _comes_next(s: Situation, status: Status) -> str:
    rollout = s.rollout
    if status.incident is not None:
        return f"Once the cause is understood and gone: {status.incident.command}"
    if status.phase in RUNS:
        end = rollout.command(ABORT, rollout.run_id(status.run))
        return f"Nothing is asked of you. To end the run and have back what was there: {end}"
    meta = rollout.metadata
    look = f"kubectl describe controllerrollout {meta.name} -n {meta.namespace}"
    return f"Nothing is asked of you. To look at it: {look}"
