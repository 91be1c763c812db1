"""What the operator records: the status of a ControllerRollout.

The status is also the operator's write-ahead log: phase, stage and environment say what is to be
true in the cluster, and are written before anything there is changed.
"""

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, ConfigDict, Field

from pecr_rollout.api.types import Model
from pecr_rollout.contract.fallback import BY_NAME
from pecr_rollout.contract.flags import BY_VARIABLE

Text = Annotated[str, Field(max_length=1024)]
Name = Annotated[str, Field(max_length=253)]


def instant(seconds: float) -> str:
    """Write seconds since the epoch as an RFC 3339 instant in UTC."""
    return datetime.fromtimestamp(seconds, tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def epoch(text: str) -> float:
    """Read an RFC 3339 instant as seconds since the epoch.

    Raises:
        ValueError: it is none, or one that no calendar has.
    """
    return datetime.fromisoformat(text).timestamp()


def _time(text: str) -> str:
    """Refuse what the API server takes for an instant and nobody can count with: the year 0."""
    epoch(text)
    return text


Time = Annotated[
    str, Field(max_length=32, json_schema_extra={"format": "date-time"}), AfterValidator(_time)
]
"""An instant in UTC, RFC 3339 with seconds."""
STEPS: Final = tuple(BY_NAME)
VARIABLES: Final = tuple(BY_VARIABLE)
StepName = Literal[STEPS]  # type: ignore[valid-type]
FlagName = Literal[VARIABLES]  # type: ignore[valid-type]
EnvironmentMap = Annotated[
    dict[FlagName, Annotated[str, Field(max_length=16_384)]], Field(max_length=16)
]
"""The contract's flags alone: what stands here is written into the fleet's ConfigMap."""

HISTORY_LENGTH = 20


class Phase(StrEnum):
    """Where a rollout stands."""

    PENDING = "Pending"  # nothing is changed: preflight, a lock or suspension holds it
    CANARY = "Canary"  # the delta is on the cohort of the current step, and is judged
    PROMOTING = "Promoting"  # the delta is on the whole fleet, and the guarded bake runs
    COMPLETED = "Completed"  # over as asked: on the whole fleet, or withdrawn with strategy None
    FALLBACK = "Fallback"  # a breach or crash was answered; an incident is open
    ABORTED = "Aborted"  # a person ended it; what was there before is back


class Stage(StrEnum):
    """What is being done within a phase, in the order of a run."""

    PREPARING = "Preparing"  # preflight, locks, snapshot: nothing of the fleet is touched
    WRITING = "Writing"  # the recorded environment is being written
    ROLLING_OUT = "RollingOut"  # it is written; its pods are awaited
    JUDGING = "Judging"  # the pods run; evidence is gathered
    RESTORING = "Restoring"  # what the snapshot holds is being written back
    ROLLING_BACK = "RollingBack"  # it is written back; its pods are awaited
    CLOSING = "Closing"  # cohort, snapshot, locks and finalizer are being removed
    IDLE = "Idle"  # nothing is left to do


class StatusModel(Model):
    """Base of the status: what a newer version wrote is not refused."""

    model_config = ConfigDict(extra="ignore")


class StepStatus(StatusModel):
    """The step of the canary."""

    index: Annotated[int, Field(ge=1, le=20)] = 1
    """Number of the step, from 1."""
    of: int = 1
    """Number of steps."""
    replicas: int = 0
    """Pods of the cohort in this step."""
    fleet_replicas: int = 0
    """Pods of the target when the step began."""
    share: float = 0.0
    """Share of the traffic that the cohort takes, if it is spread evenly over all pods."""
    since: Time | None = None
    """When the step, or the bake, began."""
    progress: Annotated[str, Field(max_length=16)] = Field(
        default_factory=lambda step: f"{step['index']}/{step['of']}"
    )
    """Both numbers, for people: 1/2."""


class Window(StatusModel):
    """The time over which evidence counts; a change of the cohort's pods opens a new one."""

    since: float
    """Its start, in seconds since the epoch on the Prometheus server's clock."""
    context: Annotated[str, Field(max_length=64)] = ""
    """Fingerprint of what evidence depends on: the target's template and the other keys."""


class RateStatus(StatusModel):
    """A rate and the counts behind it."""

    rate: float | None = None
    """Bad requests as a share of all, over the trigger's window."""
    bad: float = 0.0
    """Bad requests in the trigger's window."""
    total: float = 0.0
    """All requests in the trigger's window."""


class SignalStatus(StatusModel):
    """The verdict about one signal, and its evidence."""

    name: Name
    """The signal, for example latency_p95 or terminal_mode:SOURCE_UNAVAILABLE."""
    verdict: Literal["Within", "Breached", "Unknown"]
    """Within and Breached are positive evidence; Unknown is neither."""
    reason: Annotated[str, Field(max_length=64)] | None = None
    """Why it is Unknown."""
    canary: RateStatus = RateStatus()
    """The cohort's."""
    baseline: RateStatus = RateStatus()
    """The baseline's."""
    limit: float = 0.0
    """What may not be exceeded: for a relative signal an increase, for an absolute one a share."""
    since: Time | None = None
    """Since when the limit is exceeded without a break."""
    evidence: float | None = None
    """How strong the evidence for a breach is, as a multiple of what a verdict needs."""
    milliseconds: float | None = None
    """The latency quantile itself, in milliseconds, as Prometheus computes it."""
    sentence: Text = ""
    """The reasoning, to be checked by hand."""


class CohortFigures(StatusModel):
    """Figures that people look at; no verdict depends on them."""

    requests: float = 0.0
    """Requests to POST /v1/run over the last minutes."""
    p95_ms: float | None = None
    """Their latency: 95 % were faster, in milliseconds."""
    p99_ms: float | None = None
    """Their latency: 99 % were faster, in milliseconds."""
    queue_wait_p95_ms: float | None = None
    """Time that operator calls waited: 95 % less, in milliseconds."""
    inflight: float | None = None
    """Operator calls under way."""
    stop_reasons: Annotated[dict[Name, float], Field(max_length=32)] = {}
    """How often the context loop stopped, by reason."""


class FiguresStatus(StatusModel):
    """Figures of both cohorts."""

    canary: CohortFigures = CohortFigures()
    """The cohort's."""
    baseline: CohortFigures | None = None
    """The rest of the fleet's, where there is a rest."""


class FallbackStatus(StatusModel):
    """What was done about a breach."""

    scope: Literal["Cohort", "Fleet"] = "Cohort"
    """Where the safer settings are: on the cohort alone or on the whole fleet."""
    taken: Annotated[list[StepName], Field(max_length=4)] = []
    """The steps taken, in the contract's order."""
    withdrawn: bool = False
    """Whether what was there before is back."""
    exhausted: bool = False
    """Whether the breach went on at the safest mode."""
    put_back: bool = False
    """Whether a key that somebody changed was put back; it is done once."""


class IncidentStatus(StatusModel):
    """An open incident. Nothing runs until a person acknowledges it."""

    id: Name
    """Its id; every further step gives it a new one."""
    opened_at: Time
    """When it was opened."""
    number: int = 1
    """How many steps it has seen."""
    cause: Text = ""
    """What happened."""
    command: Text = ""
    """The exact command that closes it."""


class Handled(StatusModel):
    """The last value of each intent that was handled; the same value is never handled again."""

    acknowledge: Name | None = None
    """Of pecr.dev/acknowledge."""
    promote: Name | None = None
    """Of pecr.dev/promote."""
    abort: Name | None = None
    """Of pecr.dev/abort."""
    refused: Annotated[list[Name], Field(max_length=3)] = []
    """Values that did not fit when they were first seen; they never will, until set again."""


class HistoryEntry(StatusModel):
    """One transition."""

    at: Time
    """When."""
    run: int
    """In which run."""
    phase: Phase
    """Into which phase."""
    message: Text
    """What happened."""
    by: Annotated[str, Field(max_length=253)] | None = None
    """Who asked for it, where a person did."""


KEY_LENGTH = 512
OUTBOX_LENGTH = 64
"""Messages on record at most: a start tells 20 at once, and 16 may wait for the rollback owner."""


class OwnerMessage(StatusModel):
    """What the rollback owner is told beside the message itself."""

    evidence: Text = ""
    """The reasoning of the signals that it rests on."""
    done: Text = ""
    """What the operator did about it."""
    comes_next: Text = ""
    """What comes next, with the exact command."""


class Message(StatusModel):
    """What happened and is still to be told: by an Event, to the rollback owner, or both."""

    key: Annotated[str, Field(max_length=KEY_LENGTH)]
    """Derived from the transition; a repeat carries the same."""
    at: Time
    """When it happened."""
    run: int = 0
    """In which run."""
    reason: Annotated[str, Field(max_length=64)]
    """One word for machines."""
    message: Text
    """What happened."""
    warning: bool = False
    """Whether somebody should look."""
    event: bool = True
    """Whether its Event is still to be written."""
    owner: OwnerMessage | None = None
    """What the rollback owner is still to be told; absent where nothing is."""


class Condition(StatusModel):
    """A condition in the usual form."""

    type: Annotated[str, Field(max_length=64)]
    """Its name."""
    status: Literal["True", "False", "Unknown"]
    """True, False or Unknown."""
    reason: Annotated[str, Field(max_length=64)]
    """One word for machines."""
    message: Text = ""
    """One sentence for people."""
    last_transition_time: Time
    """When its status last changed."""
    observed_generation: int = 0
    """The generation of the spec that it speaks of."""


class Status(StatusModel):
    """Where the rollout stands, why, and what a person can do."""

    observed_generation: int = -1
    """The generation of the spec that this status speaks of; -1 before the operator saw it."""
    phase: Phase = Phase.PENDING
    """Pending, Canary, Promoting, Completed, Fallback or Aborted."""
    stage: Stage = Stage.PREPARING
    """What is being done within the phase."""
    stage_since: Time | None = None
    """When that began."""
    message: Text = ""
    """What is happening and what a person can do, in a sentence or two."""
    warnings: Annotated[list[Text], Field(max_length=16)] = []
    """What preflight warned of, and did not stop the run for."""
    run: int = 0
    """Number of the run; a fresh run counts on."""
    identity: Annotated[str, Field(max_length=16)] = ""
    """Hash of target, flagDelta, canary, slo and baseline of this run."""
    environment: EnvironmentMap = {}
    """The flags that the cohort is to run with: the delta, and what fallback steps changed."""
    step: StepStatus | None = None
    """The step of the canary."""
    cohort: Annotated[str, Field(max_length=64)] = ""
    """Size of the cohort, for people."""
    window: Window | None = None
    """The time over which evidence counts."""
    signals: Annotated[list[SignalStatus], Field(max_length=16)] = []
    """The verdict about each signal."""
    figures: FiguresStatus | None = None
    """What people look at beside the verdicts."""
    figures_at: Time | None = None
    """When the figures were last written."""
    slo: Annotated[str, Field(max_length=64)] = ""
    """The overall verdict, for people."""
    promoted: bool = False
    """Whether the change reached the whole fleet in this run."""
    promoted_by: Annotated[str, Field(max_length=253)] | None = None
    """Who promoted, where a person's word stood in for evidence."""
    fallback: FallbackStatus | None = None
    """What was done about a breach."""
    incident: IncidentStatus | None = None
    """The open incident."""
    reported: Name | None = None
    """Key of the decision report that was kept last."""
    handled: Handled = Handled()
    """The intents that were handled."""
    history: Annotated[list[HistoryEntry], Field(max_length=HISTORY_LENGTH)] = []
    """The latest transitions, oldest first."""
    outbox: Annotated[list[Message], Field(max_length=OUTBOX_LENGTH)] = []
    """What is recorded and not told yet, oldest first; a new operator process tells it."""
    conditions: Annotated[list[Condition], Field(max_length=16)] = []
    """Ready, Reconciling, Stalled for machines; the others for people."""
