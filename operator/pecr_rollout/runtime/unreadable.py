"""A resource that cannot be read, or that meets a bug, stalls alone and says so."""

from pydantic import ValidationError

from pecr_rollout.api.status import Condition, instant
from pecr_rollout.cluster.client import Api
from pecr_rollout.cluster.resources import ROLLOUTS, Json, dig
from pecr_rollout.lifecycle.draft import shortened

SHOWN = 3


def sentence(error: ValidationError) -> str:
    """Say what cannot be read: the field, what was found, what would be right."""
    problems = [
        f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}"
        f" (found {str(problem.get('input'))[:80]!r})"
        for problem in error.errors(include_url=False)[:SHOWN]
    ]
    more = error.error_count() - SHOWN
    return "; ".join(problems) + (f"; and {more} more" if more > 0 else "") + "."


async def stall_unreadable(api: Api, body: Json, error: ValidationError, now: float) -> Json | None:
    """Say that a resource cannot be read, as `stall` does."""
    text = f"Stalled, and nothing is written: this resource cannot be read. {sentence(error)}"
    return await stall(api, body, "Unreadable", text, now)


async def stall(api: Api, body: Json, reason: str, text: str, now: float) -> Json | None:
    """Say in a resource's status why nothing happens, and touch nothing else of it.

    Returns:
        The body as it is after the write, None where it said so already.
    """
    message = shortened(text)
    metadata = body["metadata"]
    if dig(body, "status", "message") == message:
        return None
    generation = metadata.get("generation", 0)
    conditions = [
        Condition.model_validate(
            {
                "type": kind,
                "status": status,
                "reason": reason,
                "message": message,
                "last_transition_time": instant(now),
                "observed_generation": generation,
            }
        ).model_dump(mode="json", exclude_none=True)
        for kind, status in (("Ready", "False"), ("Reconciling", "False"), ("Stalled", "True"))
    ]
    others = [c for c in dig(body, "status", "conditions") or [] if _kept(c)]
    operations: list[Json] = [
        {"op": "add", "path": "/metadata/resourceVersion", "value": metadata["resourceVersion"]},
        {"op": "add", "path": "/status/message", "value": message},
        {"op": "add", "path": "/status/observedGeneration", "value": generation},
        {"op": "add", "path": "/status/conditions", "value": conditions + others},
    ]
    if not body.get("status"):
        operations.insert(1, {"op": "add", "path": "/status", "value": {}})
    return await api.edit(
        ROLLOUTS, metadata["namespace"], metadata["name"], operations, subresource="status"
    )


def _kept(condition: object) -> bool:
    kinds = ("Ready", "Reconciling", "Stalled")
    return isinstance(condition, dict) and condition.get("type") not in kinds
