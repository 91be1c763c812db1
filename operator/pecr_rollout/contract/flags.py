"""The controller's runtime flags: names, types, how the service reads them, how we write them.

Source of every rule: the contract (docs/contract.md) and the service's measured behaviour.
"""

import json
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

Environment = Mapping[str, str]
"""What a controller process starts with: variable name to value."""

FlagValue = bool | str | Mapping[str, Mapping[str, float]]
"""A flag's typed value: a switch, an engine, or the concurrency policies by operator."""

ENGINES: Final = ("baseline", "rlm")
OPERATORS: Final = (
    "search",
    "fetch_span",
    "fetch_rows",
    "aggregate",
    "compare",
    "lookup_evidence",
    "list_versions",
    "diff",
    "redact",
)
TRUE_WORDS: Final = frozenset({"1", "true", "TRUE", "yes", "YES"})
FALSE_WORDS: Final = frozenset({"0", "false", "FALSE", "no", "NO"})

SANDBOX_ACK: Final = "PECR_RLM_SANDBOX_ACK"
CONFIG_PATH: Final = "PECR_CONFIG_PATH"


class FlagError(ValueError):
    """A raw value that the service would die of, or would silently take for something else."""


def parse_switch(raw: str) -> bool:
    """Read a boolean as the service does, but refuse what it would silently replace by the default.

    Raises:
        FlagError: the text is none of the ten words that the service knows.
    """
    word = raw.strip()
    if word in TRUE_WORDS:
        return True
    if word in FALSE_WORDS:
        return False
    raise FlagError(f"{raw!r} is not a boolean that PECR reads; write true or false")


def parse_engine(raw: str) -> str:
    """Read the engine; an empty value means the default.

    Raises:
        FlagError: the text names no engine.
    """
    engine = raw.strip() or "baseline"
    if engine not in ENGINES:
        raise FlagError(f"{raw!r} is no engine; write one of {', '.join(ENGINES)}")
    return engine


def parse_policies(raw: str) -> Mapping[str, Mapping[str, float]]:
    """Read the concurrency policies: a JSON map of operator to max_in_flight and fairness_weight.

    Raises:
        FlagError: not JSON, not a map of maps, or with a number the service dies of.
    """
    if not raw.strip():
        return {}
    try:
        policies = json.loads(raw)
    except json.JSONDecodeError as error:
        raise FlagError(f"{raw!r} is not JSON: {error}") from error
    if not isinstance(policies, dict):
        raise FlagError(f"{raw!r} is not a JSON map of operator to policy")
    for operator, policy in policies.items():
        _check_policy(operator, policy)
    return policies


def _check_policy(operator: str, policy: object) -> None:
    if operator not in OPERATORS:
        raise FlagError(f"{operator!r} is no operator; one of {', '.join(OPERATORS)}")
    if not isinstance(policy, dict):
        raise FlagError(f"{operator}: {policy!r} is not a map")
    for field, value in policy.items():
        if field not in ("max_in_flight", "fairness_weight"):
            raise FlagError(f"{operator}: {field!r} is neither max_in_flight nor fairness_weight")
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise FlagError(f"{operator}.{field}: {value!r} is not a whole number of at least 1")


def render_switch(value: FlagValue) -> str:
    """Write a boolean in the lower case that the service surely reads."""
    return "true" if value else "false"


def render_policies(value: FlagValue) -> str:
    """Write policies as compact JSON with sorted keys, so that equal values are equal texts."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"))


class Flag(NamedTuple):
    """One environment variable that steers the controller.

    Attributes:
        variable: its documented name in the environment.
        field: its name in `spec.flagDelta`.
        values: what it takes, for people.
        default: what the service does where it is unset.
        parse: text to value, refusing what the service dies of or ignores.
        render: value to the one text that we write.
        aliases: other names that the service reads, in their order.
        aliases_win: whether an alias that is set beats the documented name.
    """

    variable: str
    field: str
    values: str
    default: FlagValue
    parse: Callable[[str], FlagValue]
    render: Callable[[FlagValue], str]
    aliases: tuple[str, ...]
    aliases_win: bool = False

    def effective(self, environment: Environment) -> FlagValue:
        """Give the value that a controller with this environment works with.

        A text that the service silently ignores counts as the default, as it does there.

        Raises:
            FlagError: the service would not start with it (engine, policies).
        """
        for name in self.order(environment):
            raw = environment.get(name)
            if raw is None:
                continue
            try:
                return self.parse(raw)
            except FlagError:
                if self.parse is not parse_switch:
                    raise
        return self.default

    def order(self, environment: Environment) -> tuple[str, ...]:
        """Name the variables in the order in which the service asks them."""
        names = (
            (*self.aliases, self.variable) if self.aliases_win else (self.variable, *self.aliases)
        )
        return tuple(name for name in names if name in environment)

    def shadowing_alias(self, environment: Environment) -> str | None:
        """Name the alias that would make a write to the documented name powerless, if any."""
        if not self.aliases_win:
            return None  # the documented name wins as soon as it parses, and we write what parses
        return next((name for name in self.aliases if name in environment), None)


def _switch_aliases(stem: str) -> tuple[str, ...]:
    return (f"PECR_CONTROLLER_{stem}", f"PECR_{stem}_ENABLED", f"PECR_{stem}")


ENGINE: Final = Flag(
    variable="PECR_CONTROLLER_ENGINE",
    field="engine",
    values="`baseline`, `rlm`",
    default="baseline",
    parse=parse_engine,
    render=str,
    aliases=(),
)
ADAPTIVE_PARALLELISM: Final = Flag(
    variable="PECR_CONTROLLER_ADAPTIVE_PARALLELISM_ENABLED",
    field="adaptiveParallelism",
    values="`true`, `false`",
    default=True,
    parse=parse_switch,
    render=render_switch,
    aliases=_switch_aliases("ADAPTIVE_PARALLELISM"),
)
BATCH_MODE: Final = Flag(
    variable="PECR_CONTROLLER_BATCH_MODE_ENABLED",
    field="batchMode",
    values="`true`, `false`",
    default=True,
    parse=parse_switch,
    render=render_switch,
    aliases=_switch_aliases("BATCH_MODE"),
)
CONCURRENCY_POLICIES: Final = Flag(
    variable="PECR_OPERATOR_CONCURRENCY_POLICIES",
    field="operatorConcurrencyPolicies",
    values="JSON map: operator → `{max_in_flight?, fairness_weight?}`",
    default={},
    parse=parse_policies,
    render=render_policies,
    aliases=(
        "PECR_CONTROLLER_OPERATOR_CONCURRENCY_POLICIES",
        "PECR_CONTROLLER_OPERATOR_CONCURRENCY_POLICY",
    ),
    aliases_win=True,
)

FLAGS: Final = (ENGINE, ADAPTIVE_PARALLELISM, BATCH_MODE, CONCURRENCY_POLICIES)
BY_VARIABLE: Final = {flag.variable: flag for flag in FLAGS}
BY_FIELD: Final = {flag.field: flag for flag in FLAGS}


def missing_precondition(environment: Environment) -> str | None:
    """Say what stops a controller with this environment at its start, or None.

    `rlm` needs its sandbox acknowledged in the same environment (ERR_RLM_REQUIRES_SANDBOX_ACK).
    """
    if ENGINE.effective(environment) != "rlm":
        return None
    try:
        acknowledged = parse_switch(environment.get(SANDBOX_ACK, "false"))
    except FlagError:
        acknowledged = False
    if acknowledged:
        return None
    return f"engine rlm needs {SANDBOX_ACK}=true in the same environment, or it does not start"
