"""What shall be true in the cluster, as the status records it, and the actions that make it so."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pecr_rollout.api.enums import CanaryMode
from pecr_rollout.api.status import Phase
from pecr_rollout.lifecycle.actions import (
    AcquireLocks,
    Action,
    AddFinalizer,
    ApplyClone,
    MarkIncident,
    RemoveClone,
    StampTemplate,
    WriteFlags,
)
from pecr_rollout.lifecycle.observation import Environment, Flags, Workload
from pecr_rollout.lifecycle.situation import Situation


def environment_hash(environment: Mapping[str, str]) -> str:
    """Hash an environment; equal content gives an equal hash, so that nothing restarts for it."""
    text = json.dumps(dict(environment), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:10]


@dataclass(frozen=True)
class Place:
    """A ConfigMap and the Deployment that reads it, as they are and as they shall be."""

    environment: Environment
    workload: Workload
    flags: Mapping[str, str | None]
    environment_hash: str | None

    @property
    def changes(self) -> dict[str, str | None]:
        """Give the keys that are not as they shall be."""
        there = self.environment.flags
        return {key: value for key, value in self.flags.items() if there.get(key) != value}

    @property
    def differences(self) -> list[str]:
        """Say for people what is not as it shall be."""
        there = self.environment.flags
        found = [
            f"{key} of ConfigMap {self.environment.name} is {there.get(key, 'absent')!r}"
            f" instead of {'absent' if value is None else value!r}"
            for key, value in self.changes.items()
        ]
        if self.workload.environment_hash != self.environment_hash:
            found.append(
                f"the pod template of Deployment {self.workload.name} carries the environment"
                f" {self.workload.environment_hash or 'of nobody'}"
                f" instead of {self.environment_hash or 'none'}"
            )
        return found

    def writes(self) -> Iterator[Action]:
        """Give the actions that make it so: the flags first, then the roll-out."""
        if self.changes:
            there = self.environment
            yield WriteFlags(there.name, there.uid, there.resource_version, self.changes)
        if self.workload.environment_hash != self.environment_hash:
            w = self.workload
            yield StampTemplate(w.name, w.uid, w.resource_version, self.environment_hash)


def wanted_places(s: Situation) -> tuple[Place, ...]:
    """Give the places that shall hold the recorded environment."""
    wanted = s.status.environment
    stamp = environment_hash(wanted)
    return tuple(
        Place(environment, workload, wanted, stamp) for environment, workload, _ in _written(s)
    )


def former_places(s: Situation) -> tuple[Place, ...]:
    """Give the places that this run wrote, as the snapshot says they were before."""
    if not s.status.environment:
        return ()  # nothing was written, or all of it is back: nothing is to roll again
    return tuple(
        Place(
            environment,
            workload,
            {key: before.values.get(key) for key in s.status.environment},
            before.environment_hash,
        )
        for environment, workload, before in _written(s)
        if before is not None
    )


def untouched_places(s: Situation) -> tuple[Place, ...]:
    """Give what the run does not write and yet depends on: it is to stay as it was.

    That is the fleet while it runs without the change, and at a place that the run writes the
    flags that it does not. None of them is ever written for that.
    """
    if s.cluster.snapshot is None or s.phase is Phase.COMPLETED:
        return ()  # after the end of a run the other flags are their owners' again
    ours = s.status.environment
    kept = [
        Place(
            environment,
            workload,
            {key: value for key, value in before.values.items() if key not in ours},
            workload.environment_hash,
        )
        for environment, workload, before in _written(s)
        if before is not None
    ]
    target, environment, before = s.cluster.target, s.cluster.environment, s.cluster.snapshot.target
    if not s.fleet_written and target is not None and environment is not None:
        kept.append(Place(environment, target, before.values, before.environment_hash))
    return tuple(kept)


def _written(s: Situation) -> Iterator[tuple[Environment, Workload, Flags | None]]:
    cluster, snapshot = s.cluster, s.cluster.snapshot
    if s.fleet_written and cluster.environment and cluster.target:
        yield cluster.environment, cluster.target, snapshot.target if snapshot else None
    if (
        s.mode is CanaryMode.EXISTING
        and s.status.environment
        and cluster.existing_environment
        and cluster.existing
    ):
        before = snapshot.existing if snapshot else None
        yield cluster.existing_environment, cluster.existing, before


def clone_differs(s: Situation) -> bool:
    """Tell whether the managed cohort is not as it shall be; it is ours, so it is put right."""
    if not s.has_clone or s.cluster.target is None or s.status.step is None:
        return False
    clone = s.cluster.clone
    return (
        clone is None
        or dict(clone.environment) != s.status.environment
        or clone.workload.replicas != s.status.step.replicas
        or clone.source_template != s.cluster.target.template
    )


def drift(s: Situation) -> str:
    """Say which flag or template somebody else changed in the middle; empty if none."""
    return "; ".join(text for text in (drift_of_ours(s), drift_of_others(s)) if text)


def drift_of_ours(s: Situation) -> str:
    """Say what somebody else changed of what this run wrote."""
    return "; ".join(text for place in wanted_places(s) for text in place.differences)


def drift_of_others(s: Situation) -> str:
    """Say what somebody else changed of the flags that this run did not write."""
    return "; ".join(text for place in untouched_places(s) for text in place.differences)


def hold_locks(s: Situation) -> tuple[Action, ...]:
    """Give what keeps the locks ours, with the open incident (or none) on them."""
    return (*_acquire_locks(s), *_mark_incident(s))


def _acquire_locks(s: Situation) -> Iterator[Action]:
    if any(lock.holder != s.rollout.metadata.uid for lock in s.cluster.locks):
        yield AcquireLocks(s.subjects)


def _mark_incident(s: Situation) -> Iterator[Action]:
    incident = s.status.incident.id if s.status.incident else None
    if any(lock.incident != incident for lock in s.cluster.locks):
        yield MarkIncident(s.subjects, incident)


def carry_out(s: Situation) -> tuple[Action, ...]:
    """Give the actions that make the recorded environment true: the locks before all writes.

    The incident comes on them last: nothing is to come before the cure.
    """
    return (*keep_alive(s), *_acquire_locks(s), *_forward(s), *_mark_incident(s))


def keep_alive(s: Situation) -> tuple[Action, ...]:
    """Give what keeps the resource until what was there before is back."""
    return () if s.cluster.finalizer else (AddFinalizer(),)


def _forward(s: Situation) -> Iterator[Action]:
    for place in wanted_places(s):
        yield from place.writes()
    if clone_differs(s) and s.status.step is not None:
        yield ApplyClone(s.status.environment, s.status.step.replicas)


def put_back(s: Situation) -> tuple[Action, ...]:
    """Give the actions that make true again what the snapshot holds."""
    writes = tuple(action for place in former_places(s) for action in place.writes())
    return (*writes, *((RemoveClone(),) if s.cluster.clone and s.cluster.clone.owned else ()))
