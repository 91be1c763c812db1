"""Leader election by a Lease: of several operators over the same rollouts, one acts.

Not `kubernetes.aio.leaderelection`, as of version 37: it never gives the Lease up, so that a gentle
stop costs the whole duration (kubernetes-client/python issues 1669 and 2075); it tells the deadline
by the wall clock, and only between requests that have no time limit; and an answer that is no API
error ends its loop while the work that it guards goes on.

What makes it safe, whatever a process is halted by:

- The holder counts from *before* the request that renewed the Lease, a candidate from *after* it
  saw the renewal, both by a clock that goes on while the process, or the machine, sleeps. So the
  holder is through (`Pace.acts`) before a candidate may take over (`Pace.duration`).
- Every write asks `left` first, at the one place where requests are sent (`Api.may_write`), and
  is given no more time than that. `Pace.dies` is for what lies between that question and the
  network (see runtime/alarm.py).
- What was on its way already meets the preconditions of each write: docs/reliability.md.
"""

import asyncio
import contextlib
import math
import secrets
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from pecr_rollout.cluster.client import Api
from pecr_rollout.cluster.errors import (
    AlreadyExistsError,
    ClusterError,
    ConflictError,
    NotFoundError,
    UnavailableError,
)
from pecr_rollout.cluster.names import MANAGED_BY
from pecr_rollout.cluster.resources import LEASES, Json, dig, micro_time, uid_of

_CLOCK: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""Goes on while the machine sleeps, where there is such a clock (Linux)."""


class LeaseLostError(Exception):
    """The Lease is not, or not certainly, ours any more; the message is fit for people."""


@dataclass(frozen=True)
class Pace:
    """The times of an election, in seconds; all follow from the first.

    Attributes:
        duration: since its last renewal, after which a Lease may be taken.
    """

    duration: int = 10

    @property
    def renews(self) -> float:
        """How often the holder renews."""
        return self.duration * 0.2

    @property
    def acts(self) -> float:
        """How long after a renewal the holder may still write."""
        return self.duration * 0.7

    @property
    def dies(self) -> float:
        """How long after a renewal the holder is ended, if it did not renew or go."""
        return self.duration * 0.85

    @property
    def looks(self) -> float:
        """How often a candidate looks."""
        return min(1.0, self.duration * 0.1)


def identity() -> str:
    """Name this process: its host (in a pod, the pod) and what tells it from one before."""
    return f"{socket.gethostname()}_{secrets.token_hex(4)}"


def boot_time() -> float:
    """Give seconds of a clock that no one sets and nothing halts."""
    return time.clock_gettime(_CLOCK)


@dataclass
class Candidate:
    """One process that may lead.

    Attributes:
        api: an API server to which it may always write.
        namespace: of the Lease.
        name: of the Lease.
        me: the name that it leads under.
        pace: how fast.
        clock: in seconds, never set back.
        renewed: told after each renewal in how many seconds this process has to be over; 0: never.
        looking: whether the last look at the Lease succeeded.
    """

    api: Api
    namespace: str
    name: str
    me: str = field(default_factory=identity)
    pace: Pace = Pace()
    clock: Callable[[], float] = boot_time
    renewed: Callable[[float], None] = lambda _: None
    looking: bool = False
    _lease: Json = field(default_factory=dict)
    _changed_at: float = -math.inf
    _until: float = -math.inf

    def __str__(self) -> str:
        """Name the Lease, for people."""
        return f"Lease {self.namespace}/{self.name}"

    def left(self) -> float:
        """Give the seconds for which it is certain that nobody else leads; 0 or less: it is not."""
        return self._until - self.clock()

    async def stand(self) -> str:
        """Wait until it leads.

        Returns:
            Who led before; empty if nobody did, or gave it up.

        Raises:
            ClusterError: the API server will never let it (403, no such namespace, 422).
        """
        while True:
            try:
                before = await self._look()
                self.looking = True
                if self._is_free() and await self._take():
                    return before
            except UnavailableError:
                self.looking = False
            await asyncio.sleep(self.pace.looks)

    async def keep(self) -> None:
        """Renew the Lease for as long as that works.

        Raises:
            LeaseLostError: another one has it, or it could not be renewed in time.
        """
        pause, trouble = self.pace.renews, "this process did not run"
        while (left := self.left()) > 0:
            await asyncio.sleep(min(pause, left))
            try:
                await self._renew()
                pause = self.pace.renews
            except ClusterError as error:
                pause, trouble = self.pace.looks, str(error)
        raise LeaseLostError(f"{self} was not renewed for {self.pace.acts:g} s: {trouble}")

    async def resign(self) -> None:
        """Give the Lease up, so that nobody has to wait until it expires; for when nothing acts.

        If it was lost, nothing is written, and the process has to be over soon all the same.
        """
        held = self.left() > 0
        self._until = -math.inf
        if held:
            with contextlib.suppress(ClusterError):  # then it expires
                await self._write({"holderIdentity": None, "renewTime": micro_time()})
        self.renewed(0 if held else self.pace.duration)

    async def _look(self) -> str:
        """Read the Lease, and note when it last changed; gives its holder."""
        before = self._version
        self._lease = await self.api.find(LEASES, self.namespace, self.name) or {}
        if self._version != before:
            self._changed_at = self.clock()
        return self._holder

    def _is_free(self) -> bool:
        if self._lease and self._holder in ("", self.me):  # ours: taken, and never told so
            return True
        promised = dig(self._lease, "spec", "leaseDurationSeconds") or self.pace.duration
        return self.clock() - self._changed_at >= promised

    async def _take(self) -> bool:
        """Take a Lease that is free; gives whether nobody was faster."""
        began, now = self.clock(), micro_time()
        spec = {
            "holderIdentity": self.me,
            "leaseDurationSeconds": self.pace.duration,
            "acquireTime": now,
            "renewTime": now,
            "leaseTransitions": (dig(self._lease, "spec", "leaseTransitions") or 0) + 1,
        }
        try:
            await (self._write(spec) if self._lease else self._create(spec))
        except (AlreadyExistsError, ConflictError):
            return False
        self._hold(began)
        return True

    async def _renew(self) -> None:
        began = self.clock()
        try:
            await self._write({"renewTime": micro_time()})
        except (ConflictError, NotFoundError):
            holder = await self._look()
            if holder != self.me:
                self._until = -math.inf
                text = f"{self} is held by {holder or 'nobody'} now"
                raise LeaseLostError(text) from None
            await self._write({"renewTime": micro_time()})
        self._hold(began)

    def _hold(self, began: float) -> None:
        self._until = began + self.pace.acts
        self.renewed(max(0.001, began + self.pace.dies - self.clock()))

    async def _write(self, spec: Json) -> None:
        guard = {"uid": uid_of(self._lease), "resourceVersion": self._version}
        patch = {"metadata": guard, "spec": spec}
        self._lease = await self.api.merge(LEASES, self.namespace, self.name, patch)

    async def _create(self, spec: Json) -> None:
        labels = {MANAGED_BY: "pecr-rollout"}
        metadata = {"name": self.name, "namespace": self.namespace, "labels": labels}
        about = {"apiVersion": LEASES.api_version, "kind": LEASES.kind}
        self._lease = await self.api.create(LEASES, about | {"metadata": metadata, "spec": spec})

    @property
    def _version(self) -> str:
        return dig(self._lease, "metadata", "resourceVersion") or ""

    @property
    def _holder(self) -> str:
        return dig(self._lease, "spec", "holderIdentity") or ""
