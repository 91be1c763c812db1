"""Scenarios: what a namespace's traffic is like, and what the flags of a pod do to it."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, Literal, Self

from pecrfleet.jsontypes import Json
from pecrfleet.latency import latency_shares

Shares = Mapping[str, float]
Latency = str | tuple[tuple[float, float], ...]
_FOLDER = Path(__file__).parent / "scenarios"


class ScenarioError(ValueError):
    """A scenario that cannot be read; the text names the field and what is wrong."""


@dataclass(frozen=True)
class Traffic:
    """How many requests a namespace gets."""

    rps: float = 50.0
    split: Literal["even", "perPod"] = "even"
    capabilities_rps: float = 0.1


@dataclass(frozen=True)
class When:
    """Which containers a rule is about: all that is given must hold."""

    engine: str | None = None
    adaptive_parallelism: bool | None = None
    batch_mode: bool | None = None
    policies: bool | None = None
    deployment: str | None = None
    pod: str | None = None
    pod_prefix: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    older_than: float | None = None


@dataclass(frozen=True)
class Effect:
    """What a rule sets; None leaves it to the next rule."""

    violation_rate: float | None = None
    latency: Latency | None = None
    terminal_modes: Shares | None = None
    error_rate: float | None = None
    error_status: int | None = None
    error_latency: Latency | None = None
    stop_reasons: Shares | None = None
    queue_wait: Latency | None = None
    inflight_ops: float | None = None
    loop_iterations: float | None = None
    start_seconds: float | None = None
    ready: bool | None = None
    crash_after: float | None = None


@dataclass(frozen=True)
class Rule:
    """When, then."""

    when: When = When()
    effect: Effect = Effect()
    name: str = ""


@dataclass(frozen=True)
class Scenario:
    """Everything about one namespace."""

    traffic: Traffic = Traffic()
    gateway: Literal["up", "down", "downForNew"] = "up"
    terminate: Literal["quick", "grace"] = "quick"
    noise: bool = False
    seed: int = 0
    defaults: Effect = Effect()
    rules: tuple[Rule, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The JSON that `PUT /scenarios/<namespace>` takes."""
        content: dict[str, Any] = _to_json(self)
        return content

    @classmethod
    def from_json(cls, content: object) -> Self:
        """Read that JSON; ScenarioError says what is wrong with it."""
        given = _fields(cls, content, "scenario")
        rules = given.pop("rules", [])
        if not isinstance(rules, list):
            raise ScenarioError("rules: must be a list")
        parts: dict[str, Any] = {
            "rules": tuple(_rule(r, f"rules[{i}]") for i, r in enumerate(rules))
        }
        if "traffic" in given:
            parts["traffic"] = Traffic(**_fields(Traffic, given.pop("traffic"), "traffic"))
        if "defaults" in given:
            parts["defaults"] = _effect(given.pop("defaults"), "defaults")
        scenario = cls(**given, **parts)
        _check(scenario)
        return scenario


DEFAULT_EFFECT: dict[str, Any] = {
    "violation_rate": 0.0,
    "latency": "fast",
    "terminal_modes": {"SUPPORTED": 0.9, "INSUFFICIENT_EVIDENCE": 0.1},
    "error_rate": 0.0,
    "error_status": 502,
    "error_latency": ((0.002, 1.0),),
    "stop_reasons": {"plan_complete": 1.0},
    "queue_wait": (),
    "inflight_ops": 0.0,
    "loop_iterations": 0.0,
    "start_seconds": 0.0,
    "ready": True,
    "crash_after": None,
}


def named_scenario(name: str, *, rps: float | None = None) -> Scenario:
    """One of the scenarios that come with the fleet, with another rate if that is given."""
    path = _FOLDER / f"{name}.json"
    if not path.is_file():
        known = ", ".join(sorted(each.stem for each in _FOLDER.glob("*.json")))
        raise ScenarioError(f"there is no scenario {name!r}; there are {known}")
    content = json.loads(path.read_text())
    content.pop("description", None)
    if rps is not None:
        content["traffic"] = content.get("traffic", {}) | {"rps": rps}
    return Scenario.from_json(content)


def _rule(content: object, at: str) -> Rule:
    given = _fields(Rule, content, at)
    when = When(**_fields(When, given.get("when", {}), f"{at}.when"))
    effect = _effect(given.get("effect", {}), f"{at}.effect")
    return Rule(when, effect, given.get("name", ""))


def _effect(content: object, at: str) -> Effect:
    given = _fields(Effect, content, at)
    for name in ("latency", "error_latency", "queue_wait"):
        if isinstance(given.get(name), list):
            given[name] = tuple((float(upper), float(share)) for upper, share in given[name])
    return Effect(**given)


def _fields(model: type, content: object, at: str) -> dict[str, Any]:
    if not isinstance(content, Mapping):
        raise ScenarioError(f"{at}: must be a map, not {content!r}")
    known = {_camel(each.name): each.name for each in fields(model)}
    for name in content:
        if name not in known:
            raise ScenarioError(f"{at}.{name}: no such field; there are {', '.join(known)}")
    return {known[name]: value for name, value in content.items()}


def _check(scenario: Scenario) -> None:
    allowed = {
        "traffic.split": (scenario.traffic.split, {"even", "perPod"}),
        "gateway": (scenario.gateway, {"up", "down", "downForNew"}),
        "terminate": (scenario.terminate, {"quick", "grace"}),
    }
    for name, (value, values) in allowed.items():
        if value not in values:
            raise ScenarioError(f"{name}: {value!r} is none of {', '.join(sorted(values))}")
    for effect in (scenario.defaults, *(rule.effect for rule in scenario.rules)):
        _check_effect(effect)
    for rule in scenario.rules:
        for pattern in (rule.when.deployment, rule.when.pod):
            try:
                re.compile(pattern or "")
            except re.error as error:
                raise ScenarioError(f"rule {rule.name!r}: {pattern!r}: {error}") from error


def _check_effect(effect: Effect) -> None:
    for given in (effect.latency, effect.error_latency, effect.queue_wait):
        if given is not None:
            try:
                latency_shares(given)
            except ValueError as error:
                raise ScenarioError(str(error)) from error
    for name in ("violation_rate", "error_rate", "start_seconds", "crash_after"):
        value = getattr(effect, name)
        if value is not None and not (isinstance(value, int | float) and value >= 0):
            raise ScenarioError(f"{_camel(name)}: {value!r} is no number from 0 up")


def _to_json(value: object) -> Json:
    if is_dataclass(value):
        pairs = ((each.name, getattr(value, each.name)) for each in fields(value))
        return {_camel(k): _to_json(v) for k, v in pairs if v is not None and v not in ({}, "")}
    if isinstance(value, tuple):
        return [_to_json(each) for each in value]
    return dict(value) if isinstance(value, Mapping) else value


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)
