"""The cluster's objects as plain data, and how they are seen: ConfigMaps, Deployments, Leases."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field

from pecr_rollout.contract.flags import BY_VARIABLE
from pecr_rollout.lifecycle.observation import Environment, Progress, Workload

_UIDS = itertools.count(1)


class ConflictError(Exception):
    """Something is not as it was observed."""


class RefusedError(Exception):
    """What would be written belongs to somebody else."""


def new_uid() -> str:
    """Give a uid that differs in its first eight digits."""
    return f"{next(_UIDS):08d}-aaaa-bbbb-cccc-dddddddddddd"


@dataclass
class ConfigMap:
    """A ConfigMap."""

    name: str
    data: dict[str, str]
    uid: str = field(default_factory=new_uid)
    version: int = 1
    immutable: bool = False

    @property
    def flags(self) -> dict[str, str]:
        """Give its flags."""
        return {key: value for key, value in self.data.items() if key in BY_VARIABLE}

    @property
    def others(self) -> dict[str, str]:
        """Give its other keys."""
        return {key: value for key, value in self.data.items() if key not in BY_VARIABLE}

    def patch(self, changes: Mapping[str, str | None]) -> None:
        """Merge keys; None removes one."""
        for key, value in changes.items():
            if value is None:
                self.data.pop(key, None)
            else:
                self.data[key] = value
        self.version += 1

    def view(self) -> Environment:
        """Give what is observed of it."""
        return Environment(
            name=self.name,
            uid=self.uid,
            resource_version=str(self.version),
            immutable=self.immutable,
            flags=self.flags,
            others=str(sorted(self.others.items()))[-12:],
            resolved=self.flags,
        )


@dataclass
class Deployment:
    """A Deployment whose pods take some ticks to roll, or never get there.

    Attributes:
        config_map: the ConfigMap that its pods read.
        overlay: the last source of a clone's environment.
        left: ticks until its roll-out is complete.
        running: what its newest complete pods started with.
    """

    name: str
    config_map: str
    replicas: int
    template: str = "v1"
    stamp: str | None = None
    overlay: dict[str, str] = field(default_factory=dict)
    uid: str = field(default_factory=new_uid)
    version: int = 1
    left: int = 0
    rolls: int = 0
    fate: str = "ok"
    running: dict[str, str] = field(default_factory=dict)
    owner: str | None = None
    source_template: str = ""

    def roll(self, ticks: int) -> None:
        """Begin a roll-out."""
        self.left = ticks
        self.rolls += 1
        self.version += 1

    def view(self) -> Workload:
        """Give what is observed of it."""
        progress, trouble, scheduling = Progress.COMPLETE, "", ""
        if self.left or self.fate == "crash":
            progress = Progress.ROLLING
            if self.fate == "crash":
                progress, trouble = Progress.CRASHING, "pod x: container c crashed 3 times"
            elif self.fate == "stuck":
                progress, trouble = Progress.STUCK, "its progress deadline is exceeded"
            elif self.fate in ("noroom", "noroom-stuck"):
                scheduling = "pod x is not placed: 0/3 nodes are available"
            if self.fate == "noroom-stuck":
                progress, trouble = Progress.STUCK, "its progress deadline is exceeded"
        return Workload(
            name=self.name,
            uid=self.uid,
            resource_version=str(self.version),
            replicas=self.replicas,
            template=self.template,
            environment_hash=self.stamp,
            progress=progress,
            trouble=trouble,
            replica_sets=(f"{self.name}-{self.template}-{self.stamp or self.rolls}",),
            ready=0 if progress is not Progress.COMPLETE else self.replicas,
            scheduling=scheduling,
        )


@dataclass
class Lease:
    """A lock.

    Attributes:
        owner: uid of the rollout that it goes with, None where its ownership is cut.
    """

    subject: str
    holder: str
    holder_name: str
    incident: str | None = None
    owner: str | None = None
