"""Everything that the rollouts of a namespace ever were, from a real watch."""

import contextlib
import http.client
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from integration.harness.kube import Kube
from integration.harness.waiting import NotSeen
from pecrfleet.kube import KubeError

Json = dict[str, Any]
LONGEST = 240.0
"""Seconds after which even a story that goes on is given up."""
_BROKEN = (KubeError, OSError, http.client.HTTPException, ssl.SSLError, ValueError, AttributeError)


@dataclass(frozen=True)
class Take:
    """One version of one rollout.

    Attributes:
        seconds: since the tape began.
        kind: ADDED, MODIFIED or DELETED.
        body: the whole object.
    """

    seconds: float
    kind: str
    body: Json

    @property
    def name(self) -> str:
        """Give the rollout's name."""
        return self.body["metadata"]["name"]

    @property
    def uid(self) -> str:
        """Give its uid: another one of the same name has another."""
        return self.body["metadata"]["uid"]

    @property
    def version(self) -> int:
        """Give its resource version: they count upwards."""
        return int(self.body["metadata"]["resourceVersion"])

    @property
    def status(self) -> Json:
        """Give its status."""
        return self.body.get("status") or {}

    def line(self) -> str:
        """Say it in a line, for people."""
        s = self.status
        step = s.get("step") or {}
        steps = ",".join((s.get("fallback") or {}).get("taken", []))
        where = f"{s.get('phase', '')}/{s.get('stage', '')} run {s.get('run', '')}"
        return (
            f"{self.seconds:6.1f} {self.kind[:3]} {self.name} {where}"
            f" step {step.get('progress', '-')} {steps} | {s.get('slo', '')}"
            f" | {s.get('message', '')[:260]}"
        )


class Tape:
    """Watches in a thread of its own until it is closed."""

    def __init__(self, kube: Kube) -> None:
        self._kube = kube
        self._began = time.monotonic()
        self._changed = threading.Condition()
        self._takes: list[Take] = []
        self._closed = False
        self._socket: socket.socket | None = None
        self._thread = threading.Thread(target=self._run, name="tape", daemon=True)
        self._thread.start()

    @property
    def takes(self) -> list[Take]:
        """Give all that was seen until now."""
        with self._changed:
            return list(self._takes)

    def of(self, name: str) -> list[Take]:
        """Give all that one rollout was."""
        return [take for take in self.takes if take.name == name]

    def await_(
        self,
        wanted: Callable[[list[Take]], Any],
        within: float,
        explain: Callable[[], str],
        stage: Callable[[list[Take]], Any] = lambda _: None,
    ) -> Any:
        """Wait until the takes are as wanted; gives what `wanted` gave.

        Args:
            wanted: gives something true once they are.
            within: seconds in which nothing may happen; each new stage begins them anew.
            explain: what to say otherwise.
            stage: what tells one stage from another.
        """
        seen, last = stage([]), time.monotonic() + max(within, LONGEST)
        deadline = time.monotonic() + within
        with self._changed:
            while not (found := wanted(self._takes)):
                if seen != stage(self._takes):
                    seen, deadline = stage(self._takes), time.monotonic() + within
                left = min(deadline, last) - time.monotonic()
                if left <= 0 or not self._thread.is_alive():
                    break
                self._changed.wait(left)
        if not found:
            raise NotSeen(f"not seen within {within:g} s: {explain()}")
        return found

    def close(self) -> None:
        """End the watch."""
        self._closed = True
        with contextlib.suppress(OSError):
            if self._socket is not None:
                self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(10)

    def lines(self) -> str:
        """Give all that happened, for people; what did not change is left out."""
        told: list[str] = []
        last = ""
        for take in self.takes:
            line = take.line()
            if line[7:] != last:
                told.append(line)
            last = line[7:]
        return "\n".join(told[-80:])

    def _run(self) -> None:
        try:
            self._record()
        finally:
            self._kube.client.close()  # this thread's connection

    def _record(self) -> None:
        version = ""
        while not self._closed:
            try:
                version = version or self._list()
                for event in self._events(version):
                    version = self._take(event)
            except _BROKEN:
                version = ""
                time.sleep(0.1)  # the API server is gone for a while; all is listed again

    def _list(self) -> str:
        found = self._kube.client.get(self._kube.path("controllerrollouts"))
        kind = {"apiVersion": "pecr.dev/v1alpha1", "kind": "ControllerRollout"}
        for body in found["items"]:
            self._add("ADDED", kind | body)
        return found["metadata"]["resourceVersion"]

    def _events(self, version: str) -> Iterator[Json]:
        query = {"watch": "true", "resourceVersion": version, "timeoutSeconds": "600"}
        connection = self._kube.client._open(timeout=620.0)
        with contextlib.closing(connection):
            path = self._kube.path("controllerrollouts")
            connection.request(
                "GET", f"{path}?{urlencode(query)}", headers=self._kube.client._headers
            )
            self._socket = connection.sock
            with connection.getresponse() as response:
                for line in response:
                    yield json.loads(line)

    def _take(self, event: Json) -> str:
        if event.get("type", "ERROR") == "ERROR":  # or no watch at all: a refusal
            raise ValueError(event)
        self._add(event["type"], event["object"])
        return event["object"]["metadata"]["resourceVersion"]

    def _add(self, kind: str, body: Json) -> None:
        body["metadata"].pop("managedFields", None)
        with self._changed:
            self._takes.append(Take(time.monotonic() - self._began, kind, body))
            self._changed.notify_all()
