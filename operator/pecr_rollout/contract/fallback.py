"""The fixed fallback order. One step, a fresh window, the next step only if the breach persists."""

from collections.abc import Iterable
from typing import Final, NamedTuple

from pecr_rollout.contract.flags import (
    ADAPTIVE_PARALLELISM,
    BATCH_MODE,
    ENGINE,
    Environment,
    Flag,
    FlagError,
    FlagValue,
)


class FallbackStep(NamedTuple):
    """One step towards the safest mode: a flag to its safe value."""

    name: str
    flag: Flag
    safe: FlagValue

    @property
    def updates(self) -> dict[str, str]:
        """Give the environment that this step writes."""
        return {self.flag.variable: self.flag.render(self.safe)}

    def applies(self, environment: Environment) -> bool:
        """Tell whether the flag is not yet at its safe value."""
        try:
            return self.flag.effective(environment) != self.safe
        except FlagError:
            return True  # a value that the service dies of is surely not the safe one


DISABLE_ADAPTIVE_PARALLELISM: Final = FallbackStep(
    "disable_adaptive_parallelism", ADAPTIVE_PARALLELISM, False
)
DISABLE_BATCH_MODE: Final = FallbackStep("disable_batch_mode", BATCH_MODE, False)
SWITCH_ENGINE_TO_BASELINE: Final = FallbackStep("switch_engine_to_baseline", ENGINE, "baseline")

FALLBACK_ORDER: Final = (
    DISABLE_ADAPTIVE_PARALLELISM,
    DISABLE_BATCH_MODE,
    SWITCH_ENGINE_TO_BASELINE,
)
BY_NAME: Final = {step.name: step for step in FALLBACK_ORDER}

WITHDRAW: Final = "withdraw"
"""Not a step of the order: what was there before is put back (a crash, or `onExhausted`)."""
NONE: Final = "none"
ALREADY_SAFEST: Final = "already_at_safest_mode"


def next_step(environment: Environment, taken: Iterable[str] = ()) -> FallbackStep | None:
    """Give the first step of the order, after those taken, whose flag is not yet safe.

    Args:
        environment: what the cohort in breach runs with now.
        taken: names of the steps that this incident has already answered with.

    Returns:
        The step, or None at the safest mode.
    """
    done = set(taken)
    last = max((i for i, step in enumerate(FALLBACK_ORDER) if step.name in done), default=-1)
    return next((step for step in FALLBACK_ORDER[last + 1 :] if step.applies(environment)), None)


def safest_updates(environment: Environment, taken: Iterable[str] = ()) -> dict[str, str]:
    """Give all that is still to be written to reach the safest mode at once."""
    updates: dict[str, str] = {}
    steps = list(taken)
    while step := next_step({**environment, **updates}, steps):
        updates |= step.updates
        steps.append(step.name)
    return updates
