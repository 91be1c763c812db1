"""Requests to the API server: plain dicts in and out, a time limit on each, typed errors, counted.

`kubernetes.aio` gives the connection (see connection.py); its generated operations are passed by,
since they parse every answer into pydantic models (see resources.py).
"""

import asyncio
import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final
from urllib.parse import quote

import aiohttp
from kubernetes.aio.client import ApiClient

from pecr_rollout.cluster.errors import (
    ClusterError,
    ConflictError,
    InvalidError,
    NotFoundError,
    NotLeadingError,
    UnavailableError,
    UnreachableError,
    error_type,
)
from pecr_rollout.cluster.newest import Newest
from pecr_rollout.cluster.resources import Json, Resource

MANAGER: Final = "pecr-rollout"
"""The field manager of everything that the operator writes."""
PAGE: Final = 500
"""Objects in one answer to a list."""
ASK_AGAIN: Final = (0.1, 0.4)
"""Seconds before what changes nothing is tried again; a write is decided anew."""
LONGEST_PAUSE: Final = 1.0
"""Seconds that it may be asked to wait; beyond, the rollout waits."""

_PLAIN: Final = "application/json"
_MERGE: Final = "application/merge-patch+json"
_JSON_PATCH: Final = "application/json-patch+json"
_APPLY: Final = "application/apply-patch+yaml"
_TEST_FAILED: Final = "rejected our request due to an error in our request"
"""All that the API server says of a JSON patch with a test that does not hold."""

Counter = Callable[[str, Resource, int], None]
"""Told of each request: verb, resource, HTTP status (0 where there was no answer)."""


def uncounted(_verb: str, _resource: Resource, _status: int) -> None:
    """Count nothing."""


def _always() -> float:
    """Write whenever asked to."""
    return math.inf


@dataclass(frozen=True)
class Api:
    """The API server.

    Attributes:
        client: an open client.
        timeout: seconds that one request may take.
        count: told of each request.
        may_write: gives the seconds in which writing is allowed; 0 or less if it is not.
        newest: what was seen of each object; an older answer is asked for again.
    """

    client: ApiClient
    timeout: float = 10.0
    count: Counter = uncounted
    may_write: Callable[[], float] = _always
    newest: Newest = field(default_factory=Newest)

    async def get(self, resource: Resource, namespace: str, name: str) -> Json:
        """Read one object.

        Raises:
            NotFoundError: it is not there.
        """
        return await self._ask("get", resource, _path(resource, namespace, name))

    async def find(self, resource: Resource, namespace: str, name: str) -> Json | None:
        """Read one object; None where it is not there."""
        try:
            return await self.get(resource, namespace, name)
        except NotFoundError:
            return None

    async def serves(self, resource: Resource) -> bool:
        """Tell whether the API server knows a kind of objects (its CRD may not be installed)."""
        path = f"/apis/{resource.group}/{resource.version}"
        try:
            found = await self._ask("get", resource, path)
        except NotFoundError:
            return False
        return any(one.get("name") == resource.plural for one in found.get("resources") or ())

    async def list_all(
        self, resource: Resource, namespace: str, selector: str = "", *, name: str = ""
    ) -> list[Json]:
        """Read all objects that a label selector (and a name) fits, page by page."""
        found: list[Json] = []
        query = {"limit": str(PAGE)} | ({"labelSelector": selector} if selector else {})
        query |= {"fieldSelector": f"metadata.name={name}"} if name else {}
        while True:
            page, following = await self._page(resource, namespace, query)
            found += page
            if not following:
                return found
            query = {**query, "continue": following}

    async def list_page(self, resource: Resource, namespace: str) -> list[Json] | None:
        """Read all of a namespace; None where that is more than a page."""
        page, following = await self._page(resource, namespace, {"limit": str(PAGE)})
        return None if following else page

    async def _page(
        self, resource: Resource, namespace: str, query: Mapping[str, str]
    ) -> tuple[list[Json], str]:
        """Read one page; with it comes what the next one is asked for by, or nothing."""
        page = await self._ask("list", resource, _path(resource, namespace), query=query)
        return page.get("items") or [], (page.get("metadata") or {}).get("continue") or ""

    async def create(
        self, resource: Resource, obj: Json, *, dry_run: bool = False, again: bool = False
    ) -> Json:
        """Create an object.

        Args:
            resource: its kind.
            obj: what to create.
            dry_run: only try.
            again: try again where it was refused for the moment; the name may be taken by then.

        Raises:
            AlreadyExistsError: the name is taken.
        """
        path = _path(resource, obj["metadata"]["namespace"])
        send = self._ask if dry_run or again else self._send
        return await send("create", resource, path, body=obj, query=_write(dry_run))

    async def merge(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        patch: Json,
        *,
        dry_run: bool = False,
    ) -> Json:
        """Merge a patch; a uid and resourceVersion in its metadata are preconditions.

        Raises:
            ConflictError: the object is not the one that was observed.
        """
        path = _path(resource, namespace, name)
        query = _write(dry_run)
        send = self._ask if dry_run else self._send
        return await send("patch", resource, path, body=patch, query=query, media=_MERGE)

    async def edit(
        self,
        resource: Resource,
        namespace: str,
        name: str,
        operations: list[Json],
        *,
        subresource: str = "",
    ) -> Json:
        """Apply a JSON patch (RFC 6902).

        Raises:
            ConflictError: one of its tests does not hold.
        """
        path = _path(resource, namespace, name, subresource)
        query = _write(dry_run=False)
        try:
            return await self._send(
                "patch", resource, path, body=operations, query=query, media=_JSON_PATCH
            )
        except InvalidError as error:
            if _TEST_FAILED not in str(error):
                raise
            text = f"{resource.kind} {name} was changed meanwhile"
            raise ConflictError(text, status=error.status) from error

    async def try_apply(self, resource: Resource, obj: Json) -> Json:
        """Try an un-forced server-side apply, dry: it names the managers of what it would change.

        Raises:
            ConflictError: another manager owns a field.
        """
        path = _path(resource, obj["metadata"]["namespace"], obj["metadata"]["name"])
        query = _write(dry_run=True) | {"force": "false"}
        return await self._ask("patch", resource, path, body=obj, query=query, media=_APPLY)

    async def delete(self, resource: Resource, obj: Json, *, dry_run: bool = False) -> None:
        """Delete an object that was read; gone already is well, another one of its name is not.

        Its dependents follow in the background. (A dry run needs no uid.)

        Raises:
            ConflictError: it was replaced by another one.
        """
        metadata = obj["metadata"]
        path = _path(resource, metadata["namespace"], metadata["name"])
        body: Json = {"propagationPolicy": "Background"}
        if dry_run:
            body["dryRun"] = ["All"]
        else:
            body["preconditions"] = {"uid": metadata["uid"]}
        try:
            await (self._ask if dry_run else self._send)("delete", resource, path, body=body)
        except NotFoundError:
            return

    async def _ask(
        self,
        verb: str,
        resource: Resource,
        path: str,
        *,
        body: Json | None = None,
        query: Mapping[str, str] | None = None,
        media: str = _PLAIN,
    ) -> Json:
        """Send what can be repeated, again where it was refused for the moment or the answer old.

        One look, or one preflight, needs many answers and all of them.
        """
        ask = partial(self._send, verb, resource, path, body=body, query=query, media=media)
        for pause in ASK_AGAIN:
            wait = pause
            try:
                if not self.newest.is_older(resource, answer := await ask()):
                    return self.newest.take(resource, answer)
            except UnavailableError as error:
                wait = max(pause, error.retry_after or 0.0)
                if isinstance(error.__cause__, TimeoutError) or wait > LONGEST_PAUSE:
                    raise
            await asyncio.sleep(wait)
        return self.newest.take(resource, await ask())

    async def _send(
        self,
        verb: str,
        resource: Resource,
        path: str,
        *,
        body: Json | list[Json] | None = None,
        query: Mapping[str, str] | None = None,
        media: str = _PLAIN,
    ) -> Json:
        status, limit = 0, self._limit(verb, resource)
        try:
            status, headers, data = await self._exchange(
                _METHODS[verb], path, body, query, media, limit=limit
            )
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            text = f"no answer from the API server to {verb} {resource.plural}: {error!r}"
            away = isinstance(error, aiohttp.ClientConnectorError)
            raise (UnreachableError if away else UnavailableError)(text) from error
        finally:
            self.count(verb, resource, status)
        answer = _decode(data)
        if status < 300 and answer is not None:
            written = verb in ("create", "patch")
            return self.newest.take(resource, answer) if written else answer
        if status < 300:  # a proxy's or a login page's, for example
            text = f"{verb} {resource.plural}: the answer is no object: {_beginning(data)}"
            raise UnavailableError(text, status=status)
        answer = answer or {"message": _beginning(data)}
        raise _failure(status, headers, answer, f"{verb} {path}")

    def _limit(self, verb: str, resource: Resource) -> float:
        """Give the seconds that a request may take; a write none beyond those that are ours."""
        if _METHODS[verb] == "GET":
            return self.timeout
        limit = min(self.timeout, self.may_write())
        if limit <= 0:
            raise NotLeadingError(f"{verb} {resource.plural}: not done, another operator may lead")
        return limit

    async def _exchange(
        self,
        method: str,
        path: str,
        body: Json | list[Json] | None,
        query: Mapping[str, str] | None,
        media: str,
        *,
        limit: float,
    ) -> tuple[int, Mapping[str, str], bytes]:
        request = await self.client.param_serialize(
            method,
            path,
            query_params=list((query or {}).items()),
            header_params={"Content-Type": media, "Accept": "application/json"},
            body=body,
            auth_settings=["BearerToken"],
        )
        seconds = aiohttp.ClientTimeout(total=limit)
        response = await self.client.call_api(*request, _request_timeout=seconds)
        data = await response.read()  # type: ignore[no-untyped-call]
        return response.status, response.headers, data


_METHODS: Final = {
    "get": "GET",
    "list": "GET",
    "create": "POST",
    "patch": "PATCH",
    "delete": "DELETE",
}


def _path(resource: Resource, namespace: str, name: str = "", subresource: str = "") -> str:
    root = f"/apis/{resource.group}" if resource.group else "/api"
    parts = ["namespaces", namespace, resource.plural, name, subresource]
    tail = "/".join(quote(part, safe="") for part in parts if part)
    return f"{root}/{resource.version}/{tail}"


def _write(dry_run: bool) -> dict[str, str]:
    return {"fieldManager": MANAGER} | ({"dryRun": "All"} if dry_run else {})


def _decode(data: bytes) -> Json | None:
    try:
        answer = json.loads(data)
    except ValueError:
        return None
    return answer if isinstance(answer, dict) else None


def _beginning(data: bytes) -> str:
    return data[:200].decode(errors="replace")


def _failure(status: int, headers: Mapping[str, str], answer: Json, what: str) -> ClusterError:
    reason = str(answer.get("reason") or "")
    details = answer.get("details") or {}
    wait = headers.get("Retry-After") or details.get("retryAfterSeconds")
    return error_type(status, reason)(
        str(answer.get("message") or f"{what}: HTTP {status}"),
        status=status,
        reason=reason,
        causes=tuple(details.get("causes") or ()),
        retry_after=_number(wait),
    )


def _number(text: Any) -> float | None:  # noqa: ANN401  # a header or a JSON number
    try:
        return float(text)
    except (TypeError, ValueError):
        return None
