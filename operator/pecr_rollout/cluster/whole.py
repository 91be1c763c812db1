"""A namespace read as a whole: what a look asks for is answered from one list of each kind.

After a restart every rollout of a namespace is looked at, by nine requests each: most of what a
restart took.
"""

import asyncio
from typing import Protocol

from pecr_rollout.cluster.client import Api
from pecr_rollout.cluster.errors import ForbiddenError
from pecr_rollout.cluster.resources import Json, Resource, name_of


class Reads(Protocol):
    """What a look asks of the API server, or of what was read of it."""

    async def find(self, resource: Resource, namespace: str, name: str) -> Json | None:
        """Give one object; None where it is not there."""
        ...

    async def list_all(self, resource: Resource, namespace: str, selector: str = "") -> list[Json]:
        """Give at least all objects that a label selector fits."""
        ...


class NotWholeError(Exception):
    """A namespace is too large to be read as a whole, or may not be."""


class Whole:
    """The objects of one namespace, each kind read when it is first asked for, and kept."""

    def __init__(self, api: Api) -> None:
        """Begin with nothing read."""
        self._api = api
        self._kinds: dict[Resource, dict[str, Json]] = {}
        self._turn = asyncio.Lock()

    async def find(self, resource: Resource, namespace: str, name: str) -> Json | None:
        """Give one object; None where it is not there.

        Raises:
            NotWholeError: its kind cannot be read as a whole.
        """
        return (await self._all(resource, namespace)).get(name)

    async def list_all(self, resource: Resource, namespace: str, selector: str = "") -> list[Json]:  # noqa: ARG002
        """Give all objects, whatever their labels.

        Raises:
            NotWholeError: the kind cannot be read as a whole.
        """
        return list((await self._all(resource, namespace)).values())

    async def _all(self, resource: Resource, namespace: str) -> dict[str, Json]:
        async with self._turn:
            if resource not in self._kinds:
                self._kinds[resource] = await self._read(resource, namespace)
        return self._kinds[resource]

    async def _read(self, resource: Resource, namespace: str) -> dict[str, Json]:
        try:
            page = await self._api.list_page(resource, namespace)
        except ForbiddenError as error:  # to read one by its name may be allowed
            raise NotWholeError(str(error)) from error
        if page is None:
            raise NotWholeError(f"{namespace} has more {resource.plural} than a page holds")
        return {name_of(item): item for item in page}
