"""The report for machines: JSON and ENV. Same report in, same text out."""

import json

from pecr_rollout.report.model import DecisionReport


def to_json(report: DecisionReport) -> str:
    """Write the report as JSON: the contract's keys first, ours beside them.

    Raises:
        ValueError: a figure is NaN or infinite, which JSON cannot say.
    """
    data = {key: _plain(value) for key, value in report._asdict().items()}
    if report.rollout is None:
        del data["rollout"]
    return json.dumps(data, indent=2, allow_nan=False) + "\n"


def to_env(report: DecisionReport) -> str:
    """Write the recommended step as an environment file: a comment naming it, then KEY=VALUE."""
    step = report.recommended_fallback
    lines = [f"# recommended fallback step: {_one_line(step.step)}"]
    lines += [_assignment(key, value) for key, value in step.env_updates.items()]
    return "\n".join(lines) + "\n"


def _plain(value: object) -> object:
    """Turn named tuples into maps, which JSON would write as lists."""
    if not isinstance(value, tuple):
        return value
    if hasattr(value, "_asdict"):
        return {key: _plain(item) for key, item in value._asdict().items()}
    return [_plain(item) for item in value]


def _assignment(key: str, value: str) -> str:
    """Give one line; what has a line break would forge another, so it only is named."""
    line = f"{key}={value}"
    if _one_line(line) != line:
        return f"# {_one_line(key)} is left out: it has a line break"
    return line


def _one_line(text: str) -> str:
    return " ".join(text.splitlines()) if text else text
