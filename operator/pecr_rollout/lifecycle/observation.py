"""What is observed of the cluster and of the evidence: the input of every decision.

Plain data, made by cluster/ and telemetry/ from what is really there, never from memory.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from pecr_rollout.api.rollout import ControllerRollout
from pecr_rollout.api.status import FiguresStatus
from pecr_rollout.judge.verdict import Judgement

FIGURES_EVERY = 60.0
"""Seconds between two writes of a status that only refresh figures, at least."""


class Progress(StrEnum):
    """How far a Deployment's roll-out is."""

    COMPLETE = "Complete"  # every replica is of the newest template and ready, none is left over
    ROLLING = "Rolling"  # pods are being replaced or are not ready yet
    STUCK = "Stuck"  # it says itself that its progress deadline is exceeded
    CRASHING = "Crashing"  # a pod of the newest template crashes again and again


@dataclass(frozen=True)
class Environment:
    """A ConfigMap that feeds an environment.

    Attributes:
        flags: the documented flag variables that it holds (absent ones are absent here).
        others: fingerprint of its other keys.
        resolved: what a container that reads it really starts with, flags and aliases only:
            all sources in their order, `env` last.
    """

    name: str
    uid: str
    resource_version: str
    immutable: bool
    flags: Mapping[str, str]
    others: str
    resolved: Mapping[str, str]


@dataclass(frozen=True)
class Workload:
    """A Deployment.

    Attributes:
        template: fingerprint of the pod template without the operator's own annotation.
        environment_hash: the operator's annotation on the pod template, if any.
        generation: of its spec.
        progress: how far its roll-out is.
        trouble: for STUCK and CRASHING, what a person would want to read.
        replica_sets: names of the ReplicaSets of the newest template; pods are named after them.
        ready: number of ready pods of the newest template.
        settled_at: when the newest of its pods became ready, in seconds since the epoch.
        scheduling: why pods cannot be created or placed, if so (quota, no room).
        losing: whether pods of the newest template go, or none is there.
    """

    name: str
    uid: str
    resource_version: str
    replicas: int
    template: str
    environment_hash: str | None
    progress: Progress
    trouble: str = ""
    replica_sets: tuple[str, ...] = ()
    ready: int = 0
    settled_at: float | None = None
    scheduling: str = ""
    losing: bool = False
    paused: bool = False

    @property
    def torn(self) -> bool:
        """Tell whether it says it is complete with pods that were not seen: another moment's."""
        return self.progress is Progress.COMPLETE and self.ready < self.replicas


@dataclass(frozen=True)
class Clone:
    """The managed cohort: a Deployment of the operator's.

    Attributes:
        owned: whether it is owned by this rollout; a foreign one of the same name is never touched.
        environment: what its overlay ConfigMap holds.
        source_template: fingerprint of the target's template that it was made from.
    """

    workload: Workload
    owned: bool
    environment: Mapping[str, str]
    source_template: str


@dataclass(frozen=True)
class Lock:
    """A Lease on a Deployment or a ConfigMap that a rollout writes.

    Attributes:
        holder: uid of the rollout that holds it, or None.
        holder_name: that rollout's name, for people.
        incident: id of the incident that is open on it, if any.
        orphaned: whether the holder is a rollout that no longer exists (no ControllerRollout of
            that name has that uid); asked only where somebody else holds it.
    """

    name: str
    subject: str
    holder: str | None
    holder_name: str = ""
    incident: str | None = None
    orphaned: bool = False


@dataclass(frozen=True)
class Flags:
    """What one ConfigMap and the template of its Deployment held before the first write.

    Attributes:
        config_map: name of the ConfigMap.
        config_map_uid: its uid; another one means that it was replaced.
        deployment: name of the Deployment.
        deployment_uid: its uid.
        values: each flag variable and what it held, or None where it was absent.
        environment_hash: the operator's annotation on the pod template, or None.
    """

    config_map: str
    config_map_uid: str
    deployment: str
    deployment_uid: str
    values: Mapping[str, str | None]
    environment_hash: str | None


@dataclass(frozen=True)
class Snapshot:
    """What was there before the first write of an identity, kept in a ControllerRevision.

    Attributes:
        identity: hash of the part of the spec that it belongs to.
        spec: that part, in wire form; a run ends with the spec that it began with.
        target: the fleet's flags.
        existing: the existing canary's flags, in mode Existing.
        recorded: the fleet's counts before the change, by signal: (bad, total).
        taken_at: when it was taken, in seconds since the epoch on the Prometheus server's clock;
            0 where that is not known.
    """

    identity: str
    spec: Mapping[str, object]
    target: Flags
    existing: Flags | None = None
    recorded: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    taken_at: float = 0.0


@dataclass(frozen=True)
class Cluster:
    """All that the rollout touches, as it is now.

    Attributes:
        target, environment: the fleet; None where missing.
        clone: the managed cohort, None where there is none.
        existing, existing_environment: the existing canary; None where missing or not in that mode.
        locks: one for every subject that the rollout writes, in the order of their names.
        snapshot: None before the first write.
        finalizer: whether the rollout carries the operator's finalizer.
        unreadable: why the target could not be read, if so (forbidden, for example).
        namespace_ends: whether the namespace is being deleted.
    """

    target: Workload | None
    environment: Environment | None
    locks: tuple[Lock, ...]
    clone: Clone | None = None
    existing: Workload | None = None
    existing_environment: Environment | None = None
    snapshot: Snapshot | None = None
    finalizer: bool = False
    unreadable: str = ""
    namespace_ends: bool = False

    @property
    def workloads(self) -> tuple[Workload, ...]:
        """Give the Deployments that are there."""
        clone = self.clone.workload if self.clone else None
        return tuple(w for w in (self.target, clone, self.existing) if w is not None)


class Severity(StrEnum):
    """What a finding of the preflight does."""

    ERROR = "Error"  # nothing starts
    WAITING = "Waiting"  # nothing starts yet, and it passes by itself
    WARNING = "Warning"  # it is said


@dataclass(frozen=True)
class Finding:
    """One thing that preflight found.

    Attributes:
        reason: one word in CamelCase, for machines.
        message: cause and cure, for a person.
    """

    severity: Severity
    reason: str
    message: str


@dataclass(frozen=True)
class Preflight:
    """The outcome of the checks before the first write.

    Attributes:
        findings: all that was found, errors first.
        recorded: the fleet's counts before the change, by signal: (bad, total).
    """

    findings: tuple[Finding, ...]
    recorded: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    @property
    def errors(self) -> tuple[Finding, ...]:
        """Give the findings that stop the start."""
        return tuple(f for f in self.findings if f.severity is Severity.ERROR)

    @property
    def waits(self) -> tuple[Finding, ...]:
        """Give the findings that hold the start up for some seconds."""
        return tuple(f for f in self.findings if f.severity is Severity.WAITING)

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """Give the findings that are said, and stop nothing."""
        return tuple(f for f in self.findings if f.severity is Severity.WARNING)


@dataclass(frozen=True)
class Observation:
    """Everything that `plan` decides on.

    Attributes:
        rollout: the resource, its status included.
        cluster: what is there.
        now: seconds since the epoch, on the Prometheus server's clock where it is known.
        preflight: the checks' outcome; only in stage Preparing.
        judgement: the judge's verdicts over the current window; only in stage Judging.
        figures: what people look at beside the verdicts.
        figures_every: seconds between two writes of a status that only refresh figures.
    """

    rollout: ControllerRollout
    cluster: Cluster
    now: float
    preflight: Preflight | None = None
    judgement: Judgement | None = None
    figures: FiguresStatus | None = None
    figures_every: float = FIGURES_EVERY
