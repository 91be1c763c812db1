"""A small client of the Kubernetes API: the standard library, one connection per thread."""

import http.client
import json
import ssl
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlencode, urlsplit

from pecrfleet.jsontypes import Json

MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"
_STALE = (
    http.client.RemoteDisconnected,
    BrokenPipeError,
    ConnectionResetError,
    ssl.SSLEOFError,
    ssl.SSLZeroReturnError,
)


class KubeError(Exception):
    """The API server refused a request."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status


class KubeUnreachable(Exception):  # noqa: N818 - it is a state of the world, not a mistake
    """The API server did not answer."""


class KubeClient:
    """Requests with a bearer token; safe to share between threads."""

    def __init__(self, server: str, ca_file: Path, token: str) -> None:
        address = urlsplit(server)
        self._host, self._port = address.hostname or "", address.port or 443
        self._tls = ssl.create_default_context(cafile=str(ca_file))
        self._headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        self._local = threading.local()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def get(self, path: str, **query: str) -> Json:
        """Read an object or a list."""
        return self.request("GET", f"{path}?{urlencode(query)}" if query else path)

    def request(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        content_type: str = "application/json",
        timeout: float = 30.0,
    ) -> Json:
        """Send one request; returns the parsed answer, or its text when it is no JSON."""
        data = json.dumps(body) if body is not None else None
        headers = self._headers | ({"Content-Type": content_type} if data else {})
        for fresh in (False, True):
            connection = self._connection(timeout, fresh=fresh)
            try:
                connection.request(method, path, body=data, headers=headers)
                response = connection.getresponse()
                return _answer(response.status, response.read())
            except _STALE as error:
                # An idle connection that the server closed: once more on a new one.
                if fresh:
                    raise KubeUnreachable(str(error)) from error
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                raise KubeUnreachable(str(error)) from error
        raise AssertionError("unreachable")

    def watch(self, path: str, **query: str) -> Iterator[dict[str, Any]]:
        """Yield the events of one watch until the server ends it."""
        asked = {"watch": "true", "allowWatchBookmarks": "true", "timeoutSeconds": "240"} | query
        connection = self._open(timeout=300.0)
        try:
            connection.request("GET", f"{path}?{urlencode(asked)}", headers=self._headers)
            response = connection.getresponse()
            if response.status != http.client.OK:
                _answer(response.status, response.read())
            for line in response:
                yield json.loads(line)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise KubeUnreachable(str(error)) from error
        finally:
            connection.close()

    def close(self) -> None:
        """Close this thread's connection."""
        connection: http.client.HTTPSConnection | None = getattr(self._local, "connection", None)
        if connection is not None:
            connection.close()

    def _connection(self, timeout: float, *, fresh: bool) -> http.client.HTTPSConnection:
        connection: http.client.HTTPSConnection | None = getattr(self._local, "connection", None)
        if connection is None or fresh:
            self.close()
            connection = self._local.connection = self._open(timeout)
        connection.timeout = timeout
        if connection.sock is not None:
            connection.sock.settimeout(timeout)
        return connection

    def _open(self, timeout: float) -> http.client.HTTPSConnection:
        return http.client.HTTPSConnection(
            self._host, self._port, timeout=timeout, context=self._tls
        )


def _answer(status: int, content: bytes) -> Json:
    text = content.decode(errors="replace")
    try:
        parsed: Json = json.loads(text)
    except ValueError:
        parsed = text
    if status >= http.client.BAD_REQUEST:
        message = parsed.get("message", text) if isinstance(parsed, dict) else text
        raise KubeError(status, message)
    return parsed
