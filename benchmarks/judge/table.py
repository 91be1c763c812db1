"""The benchmark's table, in Markdown."""

from collections.abc import Iterable, Iterator

from benchmarks.judge.cases import Case, Target
from benchmarks.judge.figures import Result, Tally, met, value, wilson
from benchmarks.judge.rivals import RULES
from pecr_rollout.judge import Kind

HEAD = (
    "| case | base | limit | rps | fell | fell with `earlyTrip` | median min | promoted |"
    " undecided | " + " | ".join(RULES) + " | targets |"
)


def markdown(results: Iterable[Result]) -> Iterator[str]:
    """Give the table's lines, one section a group."""
    group = ""
    for result in results:
        if result.case.group != group:
            group = result.case.group
            yield from ("", f"## {group}", "", HEAD, "|---|" + "---:|" * (8 + len(RULES)) + "---|")
        yield row(result)


def row(result: Result) -> str:
    """Give one case's line."""
    case, ours, early = result.case, result.tally("ours"), result.tally("early")
    cells = [
        case.name,
        percent(case.base),
        percent(case.limit) + (" more" if case.kind is Kind.RELATIVE else ""),
        f"{case.traffic[0]:g}/{case.traffic[1]:g}",
        share(ours.fell, ours.runs),
        share(early.fell, early.runs) + _minutes(early),
        _minutes(ours).strip(),
        share(ours.promoted, ours.runs),
        percent(_undecided(ours)),
        *(_rival(result.tally(name)) for name in RULES),
        "; ".join(_target(result, target) for target in case.targets),
    ]
    return "| " + " | ".join(cells) + " |"


def _undecided(tally: Tally) -> float:
    return max(0, tally.runs - tally.fell - tally.promoted) / tally.runs


def _rival(tally: Tally) -> str:
    return f"{percent(tally.fell / tally.runs)}{_minutes(tally, interval=False)}, {percent(tally.promoted / tally.runs)} promoted"


def _minutes(tally: Tally, *, interval: bool = True) -> str:
    middle, ends = tally.median, tally.median_interval
    if middle is None or ends is None:
        return ""
    return f" {middle:g} min" + (f" ({ends[0]:g} to {ends[1]:g})" if interval else "")


def percent(rate: float) -> str:
    """Write a share."""
    return f"{100 * rate:.3g} %"


def share(hits: int, runs: int) -> str:
    """Write a share with its 95 % interval."""
    low, high = wilson(hits, runs)
    return f"{percent(hits / runs)} ({100 * low:.2g} to {100 * high:.3g})"


def _target(result: Result, target: Target) -> str:
    sign, bound = ("≤", target.most) if target.most is not None else ("≥", target.least)
    unit = f"{bound:g} min" if target.figure.startswith("minutes") else percent(bound or 0.0)
    mark = "met" if met(result, target) else "**MISSED**"
    return f"{target.figure} {sign} {unit}: {mark}"


def missed(results: Iterable[Result]) -> list[str]:
    """Name the targets that were not reached."""
    return [
        f"{_label(result.case)}: {target.figure} is {value(result, target.figure)}"
        for result in results
        for target in result.case.targets
        if not met(result, target)
    ]


def _label(case: Case) -> str:
    return f"{case.group}: {case.name}, base {percent(case.base)}, {case.traffic[0]:g} rps"
