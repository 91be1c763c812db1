"""How the service reads its environment at start; kept apart from the operator's own contract.

The operator is tested against this, so nothing is shared with it.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

_TRUE = frozenset({"1", "true", "TRUE", "yes", "YES"})
_FALSE = frozenset({"0", "false", "FALSE", "no", "NO"})
_SANDBOX_ACK = "PECR_RLM_SANDBOX_ACK"
_ENGINE = "PECR_CONTROLLER_ENGINE"
# The documented name is last: the aliases win over it where they are set.
_POLICIES = (
    "PECR_CONTROLLER_OPERATOR_CONCURRENCY_POLICIES",
    "PECR_CONTROLLER_OPERATOR_CONCURRENCY_POLICY",
    "PECR_OPERATOR_CONCURRENCY_POLICIES",
)
_POLICY_NUMBERS = ("max_in_flight", "fairness_weight")


class StartupError(Exception):
    """The service refuses to start."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(f"STARTUP_ERROR {code}: {text}")
        self.code = code


@dataclass(frozen=True)
class Flags:
    """What the service runs with."""

    engine: str
    adaptive_parallelism: bool
    batch_mode: bool
    policies: Mapping[str, Any]

    def to_json(self) -> dict[str, Any]:
        """With the names that scenarios use."""
        content = asdict(self)
        content["adaptiveParallelism"] = content.pop("adaptive_parallelism")
        content["batchMode"] = content.pop("batch_mode")
        return content


def read_flags(environment: Mapping[str, str]) -> Flags:
    """Read the environment as the service does, or raise StartupError."""
    engine = environment.get(_ENGINE, "").strip() or "baseline"
    if engine not in {"baseline", "rlm"}:
        raise StartupError(
            "ERR_INVALID_CONFIG", f"{_ENGINE} must be baseline or rlm, not {engine!r}"
        )
    if engine == "rlm" and _boolean(environment.get(_SANDBOX_ACK)) is not True:
        raise StartupError("ERR_RLM_REQUIRES_SANDBOX_ACK", f"engine rlm needs {_SANDBOX_ACK}=true")
    return Flags(
        engine=engine,
        adaptive_parallelism=_switch(environment, "ADAPTIVE_PARALLELISM"),
        batch_mode=_switch(environment, "BATCH_MODE"),
        policies=_policies(environment),
    )


def _boolean(text: str | None) -> bool | None:
    value = (text or "").strip()
    return True if value in _TRUE else False if value in _FALSE else None


def _switch(environment: Mapping[str, str], name: str) -> bool:
    names = (
        f"PECR_CONTROLLER_{name}_ENABLED",
        f"PECR_CONTROLLER_{name}",
        f"PECR_{name}_ENABLED",
        f"PECR_{name}",
    )
    values = (_boolean(environment.get(each)) for each in names)
    # What does not parse is silently the default, which is on.
    return next((value for value in values if value is not None), True)


def _policies(environment: Mapping[str, str]) -> Mapping[str, Any]:
    name = next((each for each in _POLICIES if environment.get(each, "").strip()), None)
    if name is None:
        return {}
    try:
        policies: Any = json.loads(environment[name])
    except ValueError as error:
        raise StartupError("ERR_INVALID_CONFIG", f"{name} is not JSON: {error}") from error
    if not isinstance(policies, dict):
        raise StartupError("ERR_INVALID_CONFIG", f"{name} must be a JSON map")
    for operator, policy in policies.items():
        _check_policy(name, operator, policy)
    return policies


def _check_policy(name: str, operator: str, policy: object) -> None:
    if not operator.strip():
        raise StartupError("ERR_INVALID_CONFIG", f"{name} has an empty operator name")
    if not isinstance(policy, dict):
        raise StartupError("ERR_INVALID_CONFIG", f"{name}.{operator} must be a map")
    for field in _POLICY_NUMBERS:
        value = policy.get(field)
        whole = isinstance(value, int) and not isinstance(value, bool) and value > 0
        if value is not None and not whole:
            raise StartupError(
                "ERR_INVALID_CONFIG", f"{name}.{operator}.{field} must be a positive whole number"
            )
