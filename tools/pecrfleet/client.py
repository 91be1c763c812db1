"""The fleet's control API, from Python."""

import http.client
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from pecrfleet.jsontypes import Json
from pecrfleet.scenario import Scenario

_POLL_SECONDS = 0.05


class FleetError(Exception):
    """The fleet refused, or could not be asked."""


@dataclass(frozen=True)
class PodView:
    """What the fleet says of a pod."""

    namespace: str
    name: str
    uid: str
    deployment: str
    state: str
    ready: bool
    restarts: int
    message: str
    env: Mapping[str, str]
    flags: Mapping[str, Any] | None

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> "PodView":
        """What `GET /pods` answers, without what this client does not know."""
        return cls(**{each.name: content[each.name] for each in fields(cls)})


class FleetClient:
    """Typed calls; safe to share between threads."""

    def __init__(self, url: str, timeout: float = 10.0) -> None:
        self.url = url
        self._address = urlsplit(url).netloc
        self._timeout = timeout

    def set_scenario(self, namespace: str, scenario: Scenario | Mapping[str, Any]) -> None:
        """Give a namespace its scenario; it acts from now on."""
        content = scenario.to_json() if isinstance(scenario, Scenario) else dict(scenario)
        self._json("PUT", ("scenarios", namespace), content)

    def scenario(self, namespace: str) -> Scenario:
        """The scenario that a namespace has."""
        return Scenario.from_json(self._json("GET", ("scenarios", namespace)))

    def clear_scenario(self, namespace: str) -> None:
        """Back to the default scenario."""
        self._json("DELETE", ("scenarios", namespace))

    def pods(self, namespace: str | None = None) -> list[PodView]:
        """The pods of PECR's, in one namespace or everywhere."""
        query = {"namespace": namespace} if namespace else {}
        return [PodView.from_json(each) for each in self._json("GET", ("pods",), query=query)]

    def pod(self, namespace: str, name: str) -> PodView:
        """One pod."""
        return PodView.from_json(self._json("GET", ("pods", namespace, name)))

    def wait(
        self,
        namespace: str,
        condition: Callable[[list[PodView]], bool],
        timeout: float = 30.0,
    ) -> list[PodView]:
        """Wait until a namespace's pods are as wanted; FleetError says how they are instead."""
        deadline = time.monotonic() + timeout
        while not condition(pods := self.pods(namespace)):
            if time.monotonic() > deadline:
                states = [(each.name, each.state, each.ready, each.message) for each in pods]
                raise FleetError(f"the pods of {namespace} are not as wanted: {states}")
            time.sleep(_POLL_SECONDS)
        return pods

    def restart_container(self, namespace: str, pod: str) -> None:
        """The container dies and starts again at once, reading its environment anew."""
        self._json("POST", ("pods", namespace, pod, "restart"))

    def reset_counters(self, namespace: str, pod: str) -> None:
        """All counters back to zero, and nothing else."""
        self._json("POST", ("pods", namespace, pod, "reset"))

    def set_fault(self, namespace: str, mode: str, pod: str | None = None) -> None:
        """Break the metrics: hang, frozen, error, nan, html or empty."""
        self._json("PUT", ("faults", namespace, *([pod] if pod else [])), {"mode": mode})

    def clear_fault(self, namespace: str, pod: str | None = None) -> None:
        """Mend what `set_fault` broke."""
        self._json("DELETE", ("faults", namespace, *([pod] if pod else [])))

    def metrics(self, namespace: str, pod: str) -> str:
        """A pod's `/metrics`, as Prometheus gets them."""
        status, text = self._send("GET", ("pods", namespace, pod, "metrics"))
        if status != http.client.OK:
            raise FleetError(f"/metrics of {namespace}/{pod} answered {status}: {text.strip()}")
        return text

    def healthy(self) -> bool:
        """Whether the fleet is up and has seen the pods."""
        try:
            return self._send("GET", ("healthz",))[0] == http.client.OK
        except FleetError:
            return False

    def _json(
        self,
        method: str,
        parts: tuple[str, ...],
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> Json:
        status, text = self._send(method, parts, body, query)
        content: Json = json.loads(text)
        if status >= http.client.BAD_REQUEST:
            raise FleetError(content["error"])
        return content

    def _send(
        self,
        method: str,
        parts: tuple[str, ...],
        body: Mapping[str, Any] | None = None,
        query: Mapping[str, str] | None = None,
    ) -> tuple[int, str]:
        path = "/" + "/".join(quote(part, safe="") for part in parts)
        connection = http.client.HTTPConnection(self._address, timeout=self._timeout)
        try:
            connection.request(
                method,
                f"{path}?{urlencode(query)}" if query else path,
                body=json.dumps(body) if body is not None else None,
                headers={"Connection": "close"},
            )
            response = connection.getresponse()
            return response.status, response.read().decode()
        except (OSError, http.client.HTTPException) as error:
            raise FleetError(f"the fleet at {self.url} does not answer: {error}") from error
        finally:
            connection.close()
