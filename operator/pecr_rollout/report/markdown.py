"""The report for the person who takes over. Nothing that a user wrote becomes markup."""

import re
from collections.abc import Iterable

from pecr_rollout.report.model import (
    DecisionReport,
    Evidence,
    Figure,
    Recommendation,
    RolloutContext,
    Status,
    Trigger,
    Unit,
)

TITLES = {
    Status.HEALTHY: "Canary decision: healthy",
    Status.FALLBACK_REQUIRED: "Canary decision: fallback required",
    Status.INCONCLUSIVE: "Canary decision: inconclusive",
}
NOTHING = "-"
_SPECIAL = {character: "\\" + character for character in "\\`*_{}[]#!~$"}
_SPECIAL |= {"&": "&amp;", "<": "&lt;", ">": "&gt;", "|": "&#124;"}
_ESCAPES = str.maketrans(_SPECIAL)
_INSIDE_A_WORD = re.compile(r"(?<=[^\W_])\\_(?=[^\W_])")  # never markup there


def to_markdown(report: DecisionReport) -> str:
    """Write the report as GitHub Markdown."""
    blocks = [
        f"# {TITLES[report.status]}",
        _table(("", ""), _facts(report)),
        "## Signals",
        _table(_HEADER, (_signal_row(item) for item in report.evidence)),
        "## Triggers",
        _triggers(report.triggers),
        "## Recommended step",
        _recommendation(report.recommended_fallback),
    ]
    if report.rollout is not None:
        blocks += _handover(report.rollout)
    return "\n\n".join(blocks) + "\n"


def escape(text: str) -> str:
    """Make a text harmless anywhere in Markdown: no markup, no HTML, no line break."""
    return _INSIDE_A_WORD.sub("_", _plain(text).translate(_ESCAPES))


def code(text: str) -> str:
    """Show a text verbatim inside a line, in a table cell too."""
    plain = _plain(text)
    if plain.strip() and not set("`|\\") & set(plain):
        return f"`{plain}`"
    return f"<code>{escape(text)}</code>"


def shown(value: float | None, unit: Unit) -> str:
    """Write a figure for people: `163.933 ms`, `6.81818 %`."""
    if value is None:
        return NOTHING
    if unit is Unit.MILLISECONDS:
        return f"{value:.10g} ms"
    return f"{value * 100:.6g} %"


_HEADER = ("signal", "canary", "requests", "baseline", "limit", "verdict", "meaning")


def _facts(report: DecisionReport) -> Iterable[tuple[str, str]]:
    state = report.current_state
    yield "Status", code(report.status)
    yield "Engine", code(report.engine)
    yield "Adaptive parallelism", _on(state.adaptive_parallelism_enabled)
    yield "Batch mode", _on(state.batch_mode_enabled)
    yield "rlm by default", _on(state.rlm_default_enabled)
    yield "Automatic fallback", _on(state.auto_fallback_enabled)
    yield "Baseline shadow", f"{state.baseline_shadow_percent:.6g} %"
    if report.rollout is not None:
        yield from _rollout_facts(report.rollout)


def _rollout_facts(rollout: RolloutContext) -> Iterable[tuple[str, str]]:
    yield "Rollout", f"{code(f'{rollout.namespace}/{rollout.name}')} (uid {code(rollout.uid)})"
    yield "Run, phase, step", ", ".join(map(escape, (rollout.run, rollout.phase, rollout.step)))
    yield "Incident", code(rollout.incident) if rollout.incident else "none"
    yield "Decided", escape(rollout.when)
    yield "Rollback owner", f"{escape(rollout.owner.name)}, {escape(rollout.owner.contact)}"


def _signal_row(item: Evidence) -> tuple[str, ...]:
    since = f" since {escape(item.since)}" if item.since else ""
    return (
        code(item.name),
        shown(item.canary.value, item.unit),
        _counts(item.canary),
        NOTHING if item.baseline is None else _baseline(item.baseline, item.unit),
        shown(item.limit, item.unit),
        f"{item.verdict}{since}",
        escape(item.sentence),
    )


def _baseline(figure: Figure, unit: Unit) -> str:
    return f"{shown(figure.value, unit)} ({_counts(figure)})"


def _counts(figure: Figure) -> str:
    requests = NOTHING if figure.requests is None else f"{figure.requests:.10g}"
    return requests if figure.events is None else f"{figure.events:.10g} of {requests}"


def _triggers(triggers: tuple[Trigger, ...]) -> str:
    if not triggers:
        return "None."
    return "\n".join(f"- {code(item.id)}: {escape(item.message)}" for item in triggers)


def _recommendation(step: Recommendation) -> str:
    lines = [f"{code(step.step)}: {escape(step.reason)}"]
    if step.env_updates:
        updates = "\n".join(f"{key}={_plain(value)}" for key, value in step.env_updates.items())
        lines.append(_fenced(updates))
    return "\n\n".join(lines)


def _handover(rollout: RolloutContext) -> list[str]:
    done = "\n".join(f"1. {escape(sentence)}" for sentence in rollout.done)
    blocks = ["## What was done", done or "Nothing was written."]
    if rollout.acknowledge_command:
        blocks += [
            "## What closes the incident",
            _fenced(_plain(rollout.acknowledge_command), "sh"),
            "A fresh canary run follows, from the first step, with no evidence carried over.",
        ]
    return blocks


def _table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [header, ("---",) * len(header), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def _fenced(text: str, language: str = "") -> str:
    fence = "`" * max(3, _longest_run(text, "`") + 1)
    return f"{fence}{language}\n{text}\n{fence}"


def _plain(text: str) -> str:
    """Fold every line break and control character into a space."""
    return "".join(c if c.isprintable() else " " for c in text)


def _longest_run(text: str, character: str) -> int:
    longest = run = 0
    for c in text:
        run = run + 1 if c == character else 0
        longest = max(longest, run)
    return longest


def _on(value: object) -> str:
    return "on" if value else "off"
