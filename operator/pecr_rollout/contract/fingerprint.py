"""One short text that changes whenever the contract does."""

import hashlib
import json
from typing import Final

from pecr_rollout.contract import fallback, flags, guard, signals

DIGITS: Final = 12


def fingerprint(rules: str = "") -> str:
    """Hash the contract's data, with the rules that are written in words.

    Args:
        rules: the hand-written text of docs/contract.md; how it is wrapped does not matter.
    """
    text = json.dumps([_data(), " ".join(rules.split())], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:DIGITS]


def _data() -> dict[str, object]:
    return {
        "flags": [_flag(flag) for flag in (*flags.FLAGS, guard.RLM_DEFAULT)],
        "words": [sorted(flags.TRUE_WORDS), sorted(flags.FALSE_WORDS)],
        "engines": flags.ENGINES,
        "operators": flags.OPERATORS,
        "precondition": flags.SANDBOX_ACK,
        "signals": [signal._asdict() for signal in signals.SIGNALS],
        "route": signals.ROUTE,
        "latency": [signals.LATENCY_BOUNDS, signals.QUANTILES],
        "terminal modes": signals.TERMINAL_MODES,
        "triggers": [(rule.trigger, rule.meaning, rule.limit) for rule in signals.TRIGGER_RULES],
        "order": [(step.name, step.updates) for step in fallback.FALLBACK_ORDER],
        "guard order": [(step.name, step.updates) for step in guard.GUARD_ORDER],
        "guard triggers": guard.GUARD_TRIGGERS,
        "budgets": [budget._asdict() for budget in guard.BUDGETS],
    }


def _flag(flag: flags.Flag) -> list[object]:
    default = flag.render(flag.default)
    return [flag.variable, flag.field, flag.values, default, flag.aliases, flag.aliases_win]
