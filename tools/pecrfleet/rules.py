"""Which rules of a scenario hold for a container, and what they come to."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from pecrfleet.flags import Flags
from pecrfleet.jsontypes import Json
from pecrfleet.scenario import DEFAULT_EFFECT, Effect, Scenario, When


@dataclass(frozen=True)
class Subject:
    """What a rule can ask of a started container."""

    pod: str
    deployment: str
    labels: Mapping[str, str]
    env: Mapping[str, str]
    flags: Flags


def effect_of(scenario: Scenario, subject: Subject, age: float) -> dict[str, Any]:
    """Every field of the effect: the first matching rule's, the scenario's default, or ours."""
    layers = [rule.effect for rule in scenario.rules if holds(rule.when, subject, age)]
    layers.append(scenario.defaults)
    return {each.name: _first(layers, each.name) for each in fields(Effect)}


def holds(when: When, subject: Subject, age: float) -> bool:
    """Whether everything that the rule asks for is so."""
    flags = subject.flags
    wanted = (
        (when.engine, flags.engine),
        (when.adaptive_parallelism, flags.adaptive_parallelism),
        (when.batch_mode, flags.batch_mode),
        (when.policies, bool(flags.policies)),
    )
    return (
        all(want is None or want == found for want, found in wanted)
        and _matches(when.deployment, subject.deployment)
        and _matches(when.pod, subject.pod)
        and subject.pod.startswith(when.pod_prefix or "")
        and when.labels.items() <= subject.labels.items()
        and when.env.items() <= subject.env.items()
        and age >= (when.older_than or 0.0)
    )


def next_change(scenario: Scenario, effect: Mapping[str, Any], age: float) -> float | None:
    """The age at which something may change for a container without any event."""
    ages = [rule.when.older_than for rule in scenario.rules]
    ages += [effect["start_seconds"], effect["crash_after"]]
    return min((each for each in ages if each is not None and each > age), default=None)


def _first(layers: list[Effect], name: str) -> Json:
    for layer in layers:
        value = getattr(layer, name)
        if value is not None:
            return value
    return DEFAULT_EFFECT[name]


def _matches(pattern: str | None, text: str) -> bool:
    return pattern is None or re.fullmatch(pattern, text) is not None
