"""What the rollback owner reads: the facts, what was done, and the command for what comes next."""

from dataclasses import dataclass

from pecr_rollout.api.rollout import ControllerRollout
from pecr_rollout.api.status import Message, OwnerMessage, epoch
from pecr_rollout.lifecycle.outbox import GIVE_UP
from pecr_rollout.runtime.queue import Key


@dataclass(frozen=True)
class Letter:
    """One message to a rollback owner.

    Attributes:
        rollout: which one it is of.
        id: the same in every repeat, and in no other letter.
        until: when it is of no use any more, in seconds since the epoch.
        warning: whether somebody should look.
    """

    rollout: Key
    id: str
    title: str
    body: str
    until: float
    warning: bool


def letter(rollout: ControllerRollout, message: Message, told: OwnerMessage) -> Letter:
    """Write a letter.

    Args:
        rollout: the rollout as it is now.
        message: what happened.
        told: what its rollback owner is told beside it.
    """
    meta, owner, run = rollout.metadata, rollout.spec.rollback_owner, rollout.run_id(message.run)
    key = Key(meta.namespace, meta.name)
    whose = f"its rollback owner is {owner.name} ({owner.contact})"
    body = (
        f"What happened ({message.at}): {message.message}",
        f"Evidence: {told.evidence}",
        f"What the operator did: {told.done}",
        f"What comes next: {told.comes_next}",
        f"Rollout {meta.name} in namespace {meta.namespace}, run {run}; {whose}.",
        f"Key: {message.key} (a repeat carries the same)",
    )
    return Letter(
        rollout=key,
        id=f"{meta.uid} {message.key}",
        title=f"{key}: {message.reason}",
        body="\n\n".join(body),
        until=epoch(message.at) + GIVE_UP,
        warning=message.warning,
    )
