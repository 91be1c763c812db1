"""Asking Prometheus a question, for tests and the demo."""

import http.client
import json
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode, urlsplit

from localcluster.errors import LocalClusterError

Sample = tuple[dict[str, str], float]
_POLL_SECONDS = 0.1


def instant_query(url: str, query: str, timeout: float = 10.0) -> list[Sample]:
    """The labels and values of an instant vector."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=timeout)
    try:
        connection.request("GET", f"/api/v1/query?{urlencode({'query': query})}")
        answer: dict[str, Any] = json.loads(connection.getresponse().read())
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise LocalClusterError(f"Prometheus at {url} does not answer: {error}") from error
    finally:
        connection.close()
    if answer["status"] != "success":
        raise LocalClusterError(f"Prometheus refused {query!r}: {answer.get('error')}")
    return [(each["metric"], float(each["value"][1])) for each in answer["data"]["result"]]


def wait_for_query(
    url: str, query: str, condition: Callable[[list[Sample]], bool], timeout: float = 30.0
) -> list[Sample]:
    """Ask until the answer is as wanted."""
    deadline = time.monotonic() + timeout
    while not condition(found := instant_query(url, query)):
        if time.monotonic() > deadline:
            raise LocalClusterError(f"{query!r} still gives {found}")
        time.sleep(_POLL_SECONDS)
    return found
