"""Which request of a run it is: the same request of two runs has the same name."""

import json
import re
from typing import Any

from benchmarks.faults.proxy import Exchange

Json = dict[str, Any]


def name(exchange: Exchange) -> str:
    """Name a request by what it is about and, if it writes a status, by what that records."""
    parts = exchange.path.split("/namespaces/", 1)[-1].split("/")[1:]
    plural, rest = parts[0], parts[1:]
    body = _body(exchange.content)
    verb = {"GET": "read", "POST": "create", "DELETE": "delete"}.get(exchange.method, "patch")
    if rest[1:] == ["status"]:
        return f"status {_stage(_status(body))}"
    return f"{verb} {plural} {_which(plural, rest, body)}".strip()


def recorded(exchange: Exchange) -> str | None:
    """Give the stage that a status write records; None for any other write."""
    if not exchange.path.endswith("/status"):
        return None
    return _stage(_status(_body(exchange.content)))


def _body(content: bytes) -> Any:  # noqa: ANN401  # a patch is an object or a list
    return json.loads(content) if content else {}


def _status(body: Any) -> Json:  # noqa: ANN401
    return next((op["value"] for op in body if op["path"] == "/status"), {})


def _stage(status: Json) -> str:
    step = (status.get("step") or {}).get("index", 0)
    taken = len((status.get("fallback") or {}).get("taken", []))
    run, phase, stage = (status.get(key) for key in ("run", "phase", "stage"))
    return f"run {run} {phase}/{stage} step {step} fallback {taken}"


def _which(plural: str, rest: list[str], body: Any) -> str:  # noqa: ANN401
    """Tell one object of a kind from another, without what differs between two runs."""
    if plural == "events":
        return str(body["reason"])
    metadata = body.get("metadata") or {} if isinstance(body, dict) else {}
    part = (metadata.get("labels") or {}).get("pecr.dev/part")
    name = rest[0] if rest else metadata.get("name", "")
    if part or plural == "controllerrevisions":
        return str(part or "snapshot")
    if plural == "controllerrollouts":
        return "finalizer"
    return re.sub(r"-[0-9a-f]{10}$", "-overlay", name)
