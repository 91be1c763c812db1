"""The benchmark's table, in Markdown."""

from collections.abc import Iterable, Iterator, Sequence

from benchmarks.judge.cases import Case, Target, all_cases
from benchmarks.judge.figures import Result, Tally, met, value, wilson
from benchmarks.judge.rivals import RULES

from pecr_rollout.judge import Kind

HEAD = (
    "| case | base | limit | rps | fell | fell with `earlyTrip` | median min | promoted |"
    " undecided | " + " | ".join(RULES) + " | targets |"
)

INTRODUCTION = """\
Made by `make bench-judge`: {runs} simulated rollouts a case, judged for 30 minutes from the end of
settling with default settings, and seeded by the case's name; none of these runs was seen when the
rule's constants were chosen. In brackets: 95 % confidence intervals, Wilson's for shares and from
ranks for medians. The method: [judge.md](judge.md).

The rule runs on many rollouts at once in numpy; a part of each case's runs, and every run with a
tick without requests, is judged by the operator's own code as well, and any difference stops the
benchmark.

- *fell*: a fallback within 30 minutes; of a good canary that is a false one. *promoted*: `Within`
  was said before any fallback; of a bad canary that is a wrong promotion. *undecided*: neither.
- The other rules see the same counts. *Static threshold*: the canary's 1-minute rate over
  base + limit, once. *Cumulative count*: the same five times in all, as Flagger counts failed
  checks. *Sustained*: the 1-minute rate over the limit, or over the fleet's by it, at every check
  for 5 minutes. *Mann-Whitney*: as Kayenta, the 30-second rates of both cohorts, every 5 minutes
  from the tenth on, at 98 % confidence, and the means apart by the limit. Each promotes after ten
  minutes without a fallback.
- Traffic is Poisson; requests are bad independently, with the rate of the moment. rps:
  canary/fleet.
- Bursts: a gamma-distributed factor of CV 1 on the rate, drawn for each cohort and tick, or lasting
  3 minutes on average; the 2 hours before show the same. Shared incident: 5 times the rate for both
  from minute 5 to 15. Daily ramp: traffic and rate rise together. Slow start: 4 times the rate,
  fading with 1.5 minutes, judged after one minute of settling."""


def document(results: Sequence[Result]) -> str:
    """Give the whole page."""
    runs = min(result.tally("ours").runs for result in results)
    misses = missed(results)
    verdict = [f"- {line}" for line in misses] or ["All targets are met."]
    head = ["# How often the judge is wrong", "", INTRODUCTION.format(runs=runs), ""]
    if len(results) < len(all_cases()):
        head += [f"**Not complete: {len(results)} of {len(all_cases())} cases.**", ""]
    return "\n".join([*head, "## Targets missed", "", *verdict, *markdown(results), ""])


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
    fell, promoted = tally.fell / tally.runs, tally.promoted / tally.runs
    return f"{percent(fell)}{_minutes(tally, interval=False)}, {percent(promoted)} promoted"


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
    return f"{percent(hits / runs)} ({100 * low:.3g} to {100 * high:.3g})"


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
