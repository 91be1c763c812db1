"""Generates docs/reference.md, and the tables of docs/contract.md: `make docs`.

Whatever stands between `<!-- generated: NAME -->` and `<!-- end -->` is written here; the rest is
written by people. docs/runbook.md is never written: its fingerprint is a person's word.
"""

import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from pecr_rollout.cli.reference import reference
from pecr_rollout.contract import fallback, flags, guard, signals
from pecr_rollout.contract.fingerprint import fingerprint

FINGERPRINT_LINE: Final = "Contract fingerprint: `{}`"
BLOCK: Final = re.compile(r"(<!-- generated: ([a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def generate(text: str) -> str:
    """Give the document with every generated block renewed.

    Raises:
        KeyError: a block has a name that nothing generates.
    """

    def renew(match: re.Match[str]) -> str:
        body = FINGERPRINT_LINE.format(fingerprint(hand_written(text)))
        if match[2] != "fingerprint":
            body = BLOCKS[match[2]]()
        return f"{match[1]}{body}\n{match[3]}"

    return BLOCK.sub(renew, text)


def hand_written(text: str) -> str:
    """Give what people wrote of the document."""
    return BLOCK.sub("", text)


def main(folder: Path) -> None:
    """Renew the documents of a folder in place; what does not change is not touched."""
    contract = folder / "contract.md"
    _renew(contract, generate(contract.read_text(encoding="utf-8")))
    _renew(folder / "reference.md", reference())


def _renew(path: Path, text: str) -> None:
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")


def _flags() -> str:
    rows = ((_code(f.variable), f.values, _default(f), _code(f.field)) for f in flags.FLAGS)
    return _table(("flag", "values", "default", "field of `flagDelta`"), rows)


def _default(flag: flags.Flag) -> str:
    return _code(flag.render(flag.default)) if flag.default != {} else "empty"


def _aliases() -> str:
    rows = (
        (
            _code(flag.variable),
            ", ".join(map(_code, flag.aliases)),
            "an alias that is set" if flag.aliases_win else "the documented name, once it parses",
        )
        for flag in flags.FLAGS
        if flag.aliases
    )
    return _table(("flag", "aliases, in the service's order", "what wins"), rows)


def _signals() -> str:
    rows = (
        (
            _code(signal.metric),
            signal.level.value,
            signal.kind,
            ", ".join(map(_code, signal.labels)) or "none",
            "at once, at 0" if signal.born else "with its first event",
            "yes" if signal.judged else "no, shown for diagnosis",
        )
        for signal in signals.SIGNALS
    )
    return _table(("signal", "level", "type", "labels", "exported", "judged"), rows)


def _triggers() -> str:
    rows = (
        (
            _code(rule.trigger),
            rule.meaning,
            ", ".join(_code(signal.metric.removeprefix(signals.PREFIX)) for signal in rule.signals)
            or "a load test",
            rule.limit,
        )
        for rule in signals.TRIGGER_RULES
    )
    return _table(("trigger", "fires when it exceeds its limit", "read from", "limit"), rows)


def _order() -> str:
    return _steps(fallback.FALLBACK_ORDER)


def _guard_order() -> str:
    return _steps(guard.GUARD_ORDER)


def _steps(steps: Iterable[fallback.FallbackStep]) -> str:
    rows = (
        (str(number), _code(step.name), *(_code(f"{k}={v}") for k, v in step.updates.items()))
        for number, step in enumerate(steps, start=1)
    )
    return _table(("", "step", "writes"), rows)


def _budgets() -> str:
    rows = (
        (_code(budget.option), _code(budget.variable), f"{budget.default:g}")
        for budget in guard.BUDGETS
    )
    return _table(("option", "environment", "default"), rows)


def _words() -> str:
    lines = (
        f"- true: {', '.join(map(_code, sorted(flags.TRUE_WORDS)))}",
        f"- false: {', '.join(map(_code, sorted(flags.FALSE_WORDS)))}",
        f"- operators of the concurrency policies: {', '.join(map(_code, flags.OPERATORS))}",
        f"- terminal modes: {', '.join(map(_code, signals.TERMINAL_MODES))}",
        f"- bounds of the latency histogram in seconds: {', '.join(map(str, _bounds()))}",
    )
    return "\n".join(lines)


def _bounds() -> Iterable[str]:
    return (f"{bound:g}" for bound in signals.LATENCY_BOUNDS)


def _table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = (header, ("---",) * len(header), *rows)
    return "\n".join(f"| {' | '.join(cells)} |".replace("|  |", "| |") for cells in lines)


def _code(text: str) -> str:
    return f"`{text}`"


BLOCKS: Final[dict[str, Callable[[], str]]] = {
    "flags": _flags,
    "aliases": _aliases,
    "words": _words,
    "signals": _signals,
    "triggers": _triggers,
    "order": _order,
    "guard-order": _guard_order,
    "budgets": _budgets,
}

if __name__ == "__main__":
    main(Path(*sys.argv[1:2] or ["docs"]))
