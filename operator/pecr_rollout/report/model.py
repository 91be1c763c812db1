"""What was decided, from which figures, and what is to be done: shared by guard and operator.

Named tuples, not dataclasses: these take a tenth of the time to define, and the guard starts cold.
"""

from enum import StrEnum
from typing import NamedTuple


class Status(StrEnum):
    """The decision."""

    HEALTHY = "healthy"  # no limit is exceeded
    FALLBACK_REQUIRED = "fallback_required"  # a limit is exceeded: the recommended step is due
    INCONCLUSIVE = "inconclusive"  # too little evidence for either


class Verdict(StrEnum):
    """What one signal says."""

    WITHIN = "Within"  # measured, and not over its limit
    BREACHED = "Breached"  # measured, and over its limit
    UNKNOWN = "Unknown"  # not measured, or on too few requests


class Unit(StrEnum):
    """How a figure is read."""

    MILLISECONDS = "ms"
    SHARE = "share"  # 0.05 is 5 %


class CurrentState(NamedTuple):
    """The flags that the canary ran with, the engine excepted."""

    adaptive_parallelism_enabled: bool
    batch_mode_enabled: bool
    rlm_default_enabled: bool = False
    auto_fallback_enabled: bool = True
    baseline_shadow_percent: float = 0


class Signals(NamedTuple):
    """What was measured; None where nothing was."""

    p95_ms: float | None = None
    p99_ms: float | None = None
    bvr: float | None = None
    ser: float | None = None
    source_unavailable_rate: float | None = None


class Thresholds(NamedTuple):
    """The limits; a figure equal to its limit keeps it."""

    max_p95_ms: float | None = None
    max_p99_ms: float | None = None
    bvr: float | None = None
    ser: float | None = None
    max_source_unavailable_rate: float | None = None


class Trigger(NamedTuple):
    """One limit that is exceeded.

    Attributes:
        id: a value of `contract.signals.Trigger`.
        message: one sentence with the figure and its limit.
    """

    id: str
    message: str


class Recommendation(NamedTuple):
    """The next step of the fallback order.

    Attributes:
        step: its name, `none` when healthy, `already_at_safest_mode` when nothing is left.
        env_updates: the environment that it writes.
        reason: why this step, in one sentence.
    """

    step: str
    env_updates: dict[str, str]
    reason: str


class Figure(NamedTuple):
    """One side's figure with the counts behind it; None where it is not known."""

    value: float | None
    events: float | None = None
    requests: float | None = None


class Evidence(NamedTuple):
    """One signal: both cohorts, the limit, and the verdict.

    Attributes:
        name: the signal, with its mode or reason where it has one.
        canary: what the canary showed.
        limit: what the canary (or its increase over the baseline) must not exceed.
        unit: how figures and limit are read.
        verdict: what follows.
        sentence: the same for a person.
        baseline: what the rest of the fleet showed, where there is a rest.
        since: since when the verdict holds without a break (UTC, ISO 8601).
    """

    name: str
    canary: Figure
    limit: float | None
    unit: Unit
    verdict: Verdict
    sentence: str
    baseline: Figure | None = None
    since: str | None = None


class Owner(NamedTuple):
    """Who takes over."""

    name: str
    contact: str


class RolloutContext(NamedTuple):
    """Which rollout, where it stands, and what closes its incident; the operator's part.

    Attributes:
        when: time of the decision (UTC, ISO 8601).
        step: step of the canary, for people.
        incident: id of the open incident.
        acknowledge_command: the exact command that closes the incident.
        done: what the operator did, oldest first, a sentence each.
    """

    namespace: str
    name: str
    uid: str
    run: str
    phase: str
    step: str
    when: str
    owner: Owner
    incident: str | None = None
    acknowledge_command: str | None = None
    done: tuple[str, ...] = ()


class DecisionReport(NamedTuple):
    """The whole report, in the order in which it is shown."""

    status: Status
    engine: str
    current_state: CurrentState
    signals: Signals
    thresholds: Thresholds
    triggers: tuple[Trigger, ...]
    recommended_fallback: Recommendation
    requests: Signals = Signals()
    """The number of requests behind each signal, under the signal's name."""
    evidence: tuple[Evidence, ...] = ()
    rollout: RolloutContext | None = None
