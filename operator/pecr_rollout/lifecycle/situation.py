"""What an observation means: the questions that more than one row of the table asks."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from math import floor
from typing import Final

from pecr_rollout.api.analysis import Baseline
from pecr_rollout.api.canary import Canary
from pecr_rollout.api.delta import FlagDelta, Target
from pecr_rollout.api.enums import BaselineSource, CanaryMode
from pecr_rollout.api.rollout import ControllerRollout
from pecr_rollout.api.slo import Slo
from pecr_rollout.api.spec import Spec
from pecr_rollout.api.status import Phase, Stage, Status, epoch
from pecr_rollout.api.types import Model, seconds
from pecr_rollout.lifecycle.observation import (
    Cluster,
    Environment,
    Lock,
    Observation,
    Progress,
    Snapshot,
    Workload,
)

IDENTITY: Final[Mapping[str, type[Model]]] = {
    "target": Target,
    "flag_delta": FlagDelta,
    "canary": Canary,
    "slo": Slo,
    "baseline": Baseline,
}
"""The parts of the spec that make a run this run."""
UNFINISHED = frozenset({Phase.CANARY, Phase.PROMOTING, Phase.FALLBACK})
GOING_BACK = frozenset({Stage.RESTORING, Stage.ROLLING_BACK})


def run_spec(rollout: ControllerRollout, snapshot: Snapshot | None) -> Spec:
    """Give the spec that the current run goes by: a run ends with what it began with.

    Target, delta, canary, slo and baseline are the snapshot's while it is of this run; owner,
    promotion and the rest are always the newest.
    """
    spec, identity = rollout.spec, rollout.status.identity
    if snapshot is None or snapshot.identity != identity or spec.identity() == identity:
        return spec
    # Part by part: old and new parts need not fit each other, and each was valid in its time.
    parts = {
        name: model.model_validate(snapshot.spec[alias])
        for name, model in IDENTITY.items()
        if (alias := Spec.model_fields[name].alias or name) in snapshot.spec
    }
    return spec.model_copy(update=parts)


@dataclass(frozen=True)
class Situation:
    """An observation, with what follows from it."""

    observation: Observation

    @property
    def rollout(self) -> ControllerRollout:
        """Give the resource."""
        return self.observation.rollout

    @property
    def status(self) -> Status:
        """Give its status."""
        return self.rollout.status

    @property
    def cluster(self) -> Cluster:
        """Give what is there."""
        return self.observation.cluster

    @property
    def now(self) -> float:
        """Give the time, in seconds since the epoch."""
        return self.observation.now

    @property
    def phase(self) -> Phase:
        """Give the phase."""
        return self.status.phase

    @property
    def stage(self) -> Stage:
        """Give the stage."""
        return self.status.stage

    @cached_property
    def spec(self) -> Spec:
        """Give the spec that the current run goes by."""
        return run_spec(self.rollout, self.cluster.snapshot)

    @property
    def mode(self) -> CanaryMode:
        """Give the mode; it is immutable while unfinished."""
        return self.spec.canary.mode

    @cached_property
    def identity_changed(self) -> bool:
        """Tell whether the spec asks for another run than the one that is recorded."""
        return self.status.identity not in ("", self.rollout.spec.identity())

    @property
    def suspended(self) -> bool:
        """Tell whether progress is stopped."""
        return self.rollout.spec.suspend

    @property
    def deleted(self) -> bool:
        """Tell whether the resource is being deleted."""
        return self.rollout.metadata.deletion_timestamp is not None

    @property
    def withdrawn(self) -> bool:
        """Tell whether a fallback put back what was there before."""
        return self.status.fallback is not None and self.status.fallback.withdrawn

    @property
    def fleet_written(self) -> bool:
        """Tell whether this run writes, or may have written, the fleet's own ConfigMap."""
        fallback = self.status.fallback
        return (
            self.mode is CanaryMode.FLEET
            or self.status.promoted
            or (fallback is not None and fallback.scope == "Fleet")
        )

    @property
    def has_clone(self) -> bool:
        """Tell whether the managed cohort is to be there."""
        return self.mode is CanaryMode.MANAGED and self.status.step is not None

    @property
    def cohort(self) -> Workload | None:
        """Give the Deployment of the cohort, where it is one of its own."""
        if self.mode is CanaryMode.EXISTING:
            return self.cluster.existing
        return self.cluster.clone.workload if self.cluster.clone is not None else None

    @property
    def cohort_environment(self) -> Environment | None:
        """Give the ConfigMap that the cohort starts from, its overlay excepted."""
        existing = self.mode is CanaryMode.EXISTING
        return self.cluster.existing_environment if existing else self.cluster.environment

    @property
    def judged_workloads(self) -> tuple[Workload, ...]:
        """Give the Deployments that run with the recorded environment."""
        fleet = (self.cluster.target,) if self.fleet_written else ()
        cohort = (self.cohort,) if self.mode is CanaryMode.EXISTING or self.has_clone else ()
        return tuple(w for w in (*fleet, *cohort) if w is not None)

    @cached_property
    def running_environment(self) -> Mapping[str, str]:
        """Give the flags that the cohort's processes see: what they resolve, and ours on top."""
        source = self.cohort_environment
        return {**(source.resolved if source else {}), **self.status.environment}

    @property
    def subjects(self) -> tuple[str, ...]:
        """Name everything that this rollout writes and therefore locks."""
        spec = self.spec
        names = {f"deployment/{spec.target.deployment}", f"configmap/{spec.target.config_map}"}
        if spec.canary.existing is not None:
            names |= {
                f"deployment/{spec.canary.existing.deployment}",
                f"configmap/{spec.canary.existing.config_map}",
            }
        return tuple(sorted(names))

    @property
    def foreign_locks(self) -> tuple[Lock, ...]:
        """Give the locks that are not this rollout's to take."""
        uid = self.rollout.metadata.uid
        return tuple(
            lock
            for lock in self.cluster.locks
            if lock.holder != uid
            and ((lock.holder is not None and not lock.orphaned) or lock.incident is not None)
        )

    @property
    def own_locks(self) -> tuple[Lock, ...]:
        """Give the locks that this rollout holds."""
        uid = self.rollout.metadata.uid
        return tuple(lock for lock in self.cluster.locks if lock.holder == uid)

    @property
    def context(self) -> str:
        """Fingerprint what evidence depends on beside the recorded environment."""
        parts = [self.cluster.target, self.cluster.environment]
        if self.mode is CanaryMode.EXISTING:
            parts += [self.cluster.existing, self.cluster.existing_environment]
        return "-".join(
            part.template if isinstance(part, Workload) else part.others
            for part in parts
            if part is not None
        )[:64]

    @property
    def trouble(self) -> str:
        """Say why a judged Deployment crashes or cannot finish its roll-out; empty if none does."""
        bad = {Progress.CRASHING} if self.no_room else {Progress.CRASHING, Progress.STUCK}
        return "; ".join(
            f"{w.name}: {w.trouble or w.progress}"
            for w in self.judged_workloads
            if w.progress in bad
        )

    @property
    def no_room(self) -> bool:
        """Tell whether the cluster has no room for the managed cohort; the change is not to blame.

        Elsewhere a roll-out that finds no room is one that did not get ready: taking an existing
        canary or the fleet back and trying again would restart pods for ever.
        """
        cohort = self.cohort
        managed = self.mode is CanaryMode.MANAGED and self.phase is Phase.CANARY
        return managed and cohort is not None and bool(cohort.scheduling)

    @property
    def stage_seconds(self) -> float:
        """Give how long the stage has lasted, in seconds."""
        since = self.status.stage_since
        return max(0.0, self.now - epoch(since)) if since else 0.0

    @property
    def rolling(self) -> tuple[Workload, ...]:
        """Give the Deployments whose roll-out is not finished."""
        return tuple(w for w in self.judged_workloads if w.progress is not Progress.COMPLETE)

    @property
    def rolled_out(self) -> bool:
        """Tell whether all pods run with the recorded environment."""
        missing = self.has_clone and self.cluster.clone is None
        return not self.rolling and not missing

    @property
    def overdue(self) -> bool:
        """Tell whether a roll-out takes longer than it may.

        One that is finished was in time, for all that is known: nobody may have looked meanwhile.
        """
        late = self.stage_seconds > seconds(self.spec.canary.ready_within)
        return self.stage is Stage.ROLLING_OUT and late and not self.rolled_out

    @property
    def hold(self) -> float:
        """Give how long the SLO must be kept before the next move, in seconds."""
        if self.phase in (Phase.PROMOTING, Phase.COMPLETED):
            return seconds(self.spec.promotion.bake)
        step = self.status.step
        index = min(step.index if step else 1, len(self.spec.canary.steps))
        return seconds(self.spec.canary.steps[index - 1].hold)

    @property
    def held(self) -> bool:
        """Tell whether the window has lasted its hold."""
        window = self.status.window
        return window is not None and self.now - window.since >= self.hold

    @property
    def decision_due(self) -> float:
        """Give the end of maxDuration, in seconds since the epoch."""
        since = self.status.step.since if self.status.step and self.phase is Phase.CANARY else None
        begun = epoch(since) if since else self.status.window.since if self.status.window else 0.0
        return begun + seconds(self.spec.analysis.max_duration)

    @property
    def last_step(self) -> bool:
        """Tell whether the canary is at its last step."""
        step = self.status.step
        return step is None or step.index >= len(self.spec.canary.steps)

    @property
    def next_evaluation(self) -> float:
        """Give the next time on the grid of evaluations, in seconds since the epoch."""
        interval = seconds(self.spec.analysis.interval)
        begins = self.status.window.since if self.status.window else self.now
        return begins + interval * max(1, floor((self.now - begins) / interval) + 1)


@dataclass(frozen=True)
class Judged:
    """Whose series are judged, by the ReplicaSets that the pods are named after.

    Attributes:
        canary: ReplicaSets of the cohort (of everybody, where the fleet is judged).
        baseline: ReplicaSets of the rest of the fleet; None where there is no rest.
        source: what the cohort is compared with.
        hold: seconds of evidence that `Within` needs.
        fallback_step: how many steps have been taken; each has an error budget of its own.
    """

    canary: tuple[str, ...]
    baseline: tuple[str, ...] | None
    source: BaselineSource
    hold: float
    fallback_step: int


def judged(situation: Situation) -> Judged | None:
    """Say who is judged against whom; None where nothing is to be judged."""
    s = situation
    if s.stage is not Stage.JUDGING or s.status.window is None or s.cluster.target is None:
        return None
    source = s.spec.baseline_source()
    fleet = s.fleet_written
    if fleet and source is BaselineSource.CONCURRENT:
        source = BaselineSource.RECORDED  # there is no rest: the baseline is what was before
    concurrent = source is BaselineSource.CONCURRENT
    return Judged(
        canary=tuple(name for w in s.judged_workloads for name in w.replica_sets),
        baseline=s.cluster.target.replica_sets if concurrent else None,
        source=source,
        hold=s.hold,
        fallback_step=len(s.status.fallback.taken) if s.status.fallback else 0,
    )
