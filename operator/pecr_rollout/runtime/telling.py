"""Telling what is on record: Kubernetes Events, and letters to the rollback owner."""

import time
from dataclasses import dataclass, field
from typing import Final

from pecr_rollout.api.rollout import ControllerRollout
from pecr_rollout.api.status import Message, epoch
from pecr_rollout.cluster.client import Api
from pecr_rollout.cluster.errors import ClusterError
from pecr_rollout.cluster.events import Announcement, announce
from pecr_rollout.lifecycle.outbox import Told
from pecr_rollout.runtime import logs
from pecr_rollout.runtime.notify.letter import letter
from pecr_rollout.runtime.notify.post import Post
from pecr_rollout.runtime.queue import Key

TRY_AGAIN: Final = 30.0
"""Seconds until the Events of a rollout are tried again after one could not be written."""


@dataclass
class Teller:
    """Tells what a rollout's outbox holds; done twice, it is done once.

    Attributes:
        api: the API server.
        post: to the rollback owners; None where no receivers are configured.
        failed: when an Event could not be written, by rollout, on the monotonic clock.
    """

    api: Api
    post: Post | None = None
    failed: dict[Key, float] = field(default_factory=dict)

    async def tell(self, rollout: ControllerRollout) -> Told:
        """Write the Events that are due, and hand the letters over.

        Returns:
            What has been told, to be taken off the outbox.
        """
        return Told(await self._announce(rollout), self._deliver(rollout))

    async def _announce(self, rollout: ControllerRollout) -> frozenset[str]:
        meta, written = rollout.metadata, set[str]()
        key = Key(meta.namespace, meta.name)
        due = [message for message in rollout.status.outbox if message.event]
        if not due or time.monotonic() - self.failed.get(key, -TRY_AGAIN) < TRY_AGAIN:
            return frozenset()
        self.failed.pop(key, None)
        for message in due:
            try:
                await announce(self.api, rollout, _announcement(message))
            except ClusterError as error:
                self.failed[key] = time.monotonic()
                logs.LOGGER.warning(
                    "%s: the Event %s could not be written yet: %s", key, message.reason, error
                )
                break
            written.add(message.key)
        return frozenset(written)

    def _deliver(self, rollout: ControllerRollout) -> frozenset[str]:
        return frozenset(
            message.key
            for message in rollout.status.outbox
            if message.owner is not None
            and (self.post is None or self.post.deliver(letter(rollout, message, message.owner)))
        )


def _announcement(message: Message) -> Announcement:
    at = epoch(message.at)
    return Announcement(message.key, message.reason, message.message, at, warning=message.warning)
