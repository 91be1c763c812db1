"""What the fleet answers over HTTP: every pod's metrics, and the controls of tests and demo."""

import asyncio
import json
import re
from collections.abc import Callable
from typing import Any

from pecrfleet.exposition import CONTENT_TYPE, render
from pecrfleet.httpd import Request, Response
from pecrfleet.kubelet import Kubelet
from pecrfleet.pods import Pod, State
from pecrfleet.scenario import Scenario, ScenarioError

FAULTS = ("hang", "frozen", "error", "nan", "html", "empty")
_HANG_SECONDS = 120.0
_SAMPLE = re.compile(r"^(pecr_\S+) \S+$", re.MULTILINE)
_HTML = "<!doctype html><html><body><h1>Sign in</h1></body></html>\n"


class RefusedError(Exception):
    """An answer that is not 200."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.response = Response.of_json({"error": text}, status)


class Api:
    """Routes requests to the kubelet and its pods."""

    def __init__(self, kubelet: Kubelet) -> None:
        self._kubelet = kubelet
        self._faults: dict[tuple[str, ...], str] = {}
        self._frozen: dict[tuple[str, ...], str] = {}
        self.synced = False

    async def __call__(self, request: Request) -> Response:
        """Answer one request."""
        try:
            return await self._route(request)
        except RefusedError as refusal:
            return refusal.response
        except ScenarioError as error:
            return RefusedError(400, str(error)).response

    async def _route(self, request: Request) -> Response:
        match request.method, request.parts:
            case "GET", ("pods", namespace, name, "metrics"):
                answer = await self._metrics(namespace, name)
            case "GET", ("healthz",):
                answer = Response(200 if self.synced else 503, "ok\n")
            case "GET", ("pods",):
                answer = self._pods(request.query.get("namespace"))
            case "GET", ("pods", namespace, name):
                answer = Response.of_json(self._pod(namespace, name).to_json())
            case "POST", ("pods", namespace, name, "restart" | "reset" as action):
                answer = self._act(self._pod(namespace, name), action)
            case _, ("scenarios", namespace):
                answer = self._scenario(request, namespace)
            case _, ("faults", *scope):
                answer = self._fault(request, tuple(scope))
            case _:
                path = "/".join(request.parts)
                raise RefusedError(404, f"there is no {request.method} /{path}")
        return answer

    def _pods(self, namespace: str | None) -> Response:
        pods = sorted(self._kubelet.pods.values(), key=lambda pod: pod.key)
        return Response.of_json(
            [pod.to_json() for pod in pods if namespace in (None, pod.namespace)]
        )

    def _pod(self, namespace: str, name: str) -> Pod:
        pod = self._kubelet.pods.get((namespace, name))
        if pod is None:
            raise RefusedError(404, f"the fleet knows no pod {namespace}/{name}")
        return pod

    def _act(self, pod: Pod, action: str) -> Response:
        if pod.state is not State.RUNNING:
            raise RefusedError(409, f"pod {pod.name} is {pod.state.value}, not running")
        if action == "restart":
            self._kubelet.crash(pod, "restarted by a test", exit_code=137, backoff=False)
        else:
            self._kubelet.zero(pod)
        return Response.of_json(pod.to_json())

    def _scenario(self, request: Request, namespace: str) -> Response:
        if request.method == "PUT":
            self._kubelet.set_scenario(namespace, Scenario.from_json(_json(request)))
        elif request.method == "DELETE":
            self._kubelet.set_scenario(namespace, None)
        return Response.of_json(self._kubelet.scenario(namespace).to_json())

    # Metrics, and what can be wrong with them.

    async def _metrics(self, namespace: str, name: str) -> Response:
        pod = self._pod(namespace, name)
        up = pod.state is State.RUNNING or (pod.state is State.TERMINATING and pod.flags)
        if not up:
            raise RefusedError(503, f"pod {name} is {pod.state.value}")
        fault = self._faults.get((namespace, name)) or self._faults.get((namespace,))
        if fault == "hang":
            await asyncio.sleep(_HANG_SECONDS)
        self._kubelet.advance(pod)
        text = render(pod.service)
        if fault == "frozen":
            text = self._frozen.setdefault((namespace, name, pod.uid), text)
        return _FAULTY[fault](text) if fault in _FAULTY else Response(200, text, CONTENT_TYPE)

    def _fault(self, request: Request, scope: tuple[str, ...]) -> Response:
        if len(scope) not in (1, 2):
            raise RefusedError(
                404, "a fault is about /faults/<namespace> or /faults/<namespace>/<pod>"
            )
        if request.method == "PUT":
            mode = _json(request).get("mode")
            if mode not in FAULTS:
                raise RefusedError(400, f"mode: {mode!r} is none of {', '.join(FAULTS)}")
            self._faults[scope] = mode
        elif request.method == "DELETE":
            self._faults.pop(scope, None)
        others = {pod: text for pod, text in self._frozen.items() if pod[: len(scope)] != scope}
        self._frozen = others
        return Response.of_json({"mode": self._faults.get(scope)})


_FAULTY: dict[str | None, Callable[[str], Response]] = {
    "error": lambda _: Response(500, "the scenario says error\n"),
    "html": lambda _: Response(200, _HTML, "text/html"),
    "empty": lambda _: Response(200, "", CONTENT_TYPE),
    "nan": lambda text: Response(200, _SAMPLE.sub(r"\1 NaN", text), CONTENT_TYPE),
}


def _json(request: Request) -> dict[str, Any]:
    try:
        content = json.loads(request.body)
    except ValueError as error:
        raise RefusedError(400, f"the body is not JSON: {error}") from error
    if not isinstance(content, dict):
        raise RefusedError(400, "the body must be a JSON map")
    return content
