"""The one status write of a reconcile."""

from pecr_rollout.api.rollout import ControllerRollout
from pecr_rollout.api.status import Status
from pecr_rollout.cluster.client import Api
from pecr_rollout.cluster.resources import ROLLOUTS, Json


async def write_status(api: Api, rollout: ControllerRollout, status: Status) -> Json:
    """Replace the status as a whole, if the rollout is still as it was read.

    A JSON patch: a merge would keep keys that are gone, and a replacement would have to carry
    the whole spec.

    Returns:
        The resource as it is after the write.

    Raises:
        ConflictError: it was changed meanwhile; read it again and decide again.
        NotFoundError: it is gone.
    """
    metadata = rollout.metadata
    operations: list[Json] = [
        {"op": "add", "path": "/metadata/uid", "value": metadata.uid},
        {"op": "add", "path": "/metadata/resourceVersion", "value": metadata.resource_version},
        {"op": "add", "path": "/status", "value": status_body(status)},
    ]
    return await api.edit(
        ROLLOUTS, metadata.namespace, metadata.name, operations, subresource="status"
    )


def status_body(status: Status) -> Json:
    """Give a status in wire form."""
    return status.model_dump(mode="json", exclude_none=True)
