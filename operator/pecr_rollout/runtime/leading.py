"""Whether this process acts or stands by, and how that shows."""

import asyncio
import signal
from dataclasses import dataclass, field, replace

from prometheus_client import CollectorRegistry, Gauge

from pecr_rollout.cluster.client import Api
from pecr_rollout.cluster.election import Candidate, Pace
from pecr_rollout.runtime import alarm
from pecr_rollout.runtime.logs import LOGGER
from pecr_rollout.runtime.settings import Election


def candidate(api: Api, election: Election) -> Candidate:
    """Let this process stand for election; from now on an alarm ends it in time."""
    alarm.prepare()
    pace = Pace(election.duration)
    impatient = replace(api, timeout=pace.renews)  # there must be time for another try
    return Candidate(impatient, election.namespace, election.name, pace=pace, renewed=alarm.wind)


@dataclass
class Role:
    """What this process does.

    Attributes:
        standing: for election; None if it acts without one.
        watching: set by kopf when it watches.
        stop: set when the process is told to end.
    """

    standing: Candidate | None
    watching: asyncio.Event = field(default_factory=asyncio.Event)
    stop: asyncio.Event = field(default_factory=asyncio.Event)

    def show(self, registry: CollectorRegistry) -> None:
        """Show it as a metric: of all that are scraped, one is 1."""
        text = "1 while this process acts, 0 while it stands by."
        gauge = Gauge("pecr_rollout_leading", text, registry=registry)
        gauge.set_function(lambda: float(self.standing is None or self.standing.left() > 0))

    def problem(self) -> str:
        """Say why it is not ready; empty if it is. To stand by is to be ready."""
        if self.watching.is_set() or (self.standing and self.standing.looking):
            return ""
        return "not watching yet"

    def name(self) -> str:
        """Name the role, for whoever asks whether it is ready."""
        if self.standing is None:
            return "ok"
        return "leading" if self.watching.is_set() else "standby"

    async def won(self) -> bool:
        """Wait until this process may act; False where it is told to end before.

        Raises:
            ClusterError: it may not even stand.
        """
        return self.standing is None or await self._elected(self.standing)

    async def heed(self) -> None:
        """Take the signals over from kopf: to its own handlers a second one is an error."""
        await self.watching.wait()
        self._listen()

    def _listen(self) -> None:
        for told in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(told, self.stop.set)

    async def _elected(self, standing: Candidate) -> bool:
        self._listen()
        LOGGER.info("standing by for %s as %s", standing, standing.me)
        won = asyncio.create_task(standing.stand())
        stopped = asyncio.create_task(self.stop.wait())
        await asyncio.wait((won, stopped), return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if not won.done():
            won.cancel()
            return False
        before = won.result()
        LOGGER.info("leading: %s was %s", standing, f"{before}'s" if before else "free")
        return True
