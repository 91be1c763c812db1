"""What can be done to the cluster. Data only; cluster/ carries it out.

Every action is idempotent: done twice, it is done once.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from pecr_rollout.lifecycle.observation import Snapshot
from pecr_rollout.report.model import DecisionReport


@dataclass(frozen=True)
class AddFinalizer:
    """Keep the resource until what was there before is back."""


@dataclass(frozen=True)
class RemoveFinalizer:
    """Let the resource go."""


@dataclass(frozen=True)
class AcquireLocks:
    """Take the Lease of every subject (`deployment/name`, `configmap/name`), all or none."""

    subjects: tuple[str, ...]


@dataclass(frozen=True)
class ReleaseLocks:
    """Give up every Lease that this rollout holds; one with an open incident stays, unowned."""

    subjects: tuple[str, ...]


@dataclass(frozen=True)
class MarkIncident:
    """Write the open incident on the Leases and cut their ownership, so that they outlive us.

    With incident None the mark is removed and ownership is taken (again).
    """

    subjects: tuple[str, ...]
    incident: str | None


@dataclass(frozen=True)
class TakeSnapshot:
    """Keep what is there, in a ControllerRevision owned by the rollout; older ones are dropped."""

    snapshot: Snapshot


@dataclass(frozen=True)
class DropSnapshot:
    """Remove the rollout's snapshots."""


@dataclass(frozen=True)
class WriteFlags:
    """Merge-patch keys of a ConfigMap, if it is still as observed.

    Attributes:
        changes: value by key; None removes the key.
    """

    config_map: str
    uid: str
    resource_version: str
    changes: Mapping[str, str | None]


@dataclass(frozen=True)
class StampTemplate:
    """Set (or with None remove) the environment's hash on a pod template, which rolls its pods."""

    deployment: str
    uid: str
    resource_version: str
    environment_hash: str | None


@dataclass(frozen=True)
class ApplyClone:
    """Create or update the managed cohort from the target's template as it is now.

    Attributes:
        environment: what its immutable overlay ConfigMap holds.
        replicas: its pods.
    """

    environment: Mapping[str, str]
    replicas: int


@dataclass(frozen=True)
class RemoveClone:
    """Remove the managed cohort and its overlays."""


@dataclass(frozen=True)
class WriteReport:
    """Keep the decision report in the ConfigMap `<rollout>-report`."""

    report: DecisionReport


Action = (
    AddFinalizer
    | RemoveFinalizer
    | AcquireLocks
    | ReleaseLocks
    | MarkIncident
    | TakeSnapshot
    | DropSnapshot
    | WriteFlags
    | StampTemplate
    | ApplyClone
    | RemoveClone
    | WriteReport
)
