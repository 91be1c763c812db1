"""The campaign's figures, in Markdown."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.faults.campaign import Result

BLOCK = re.compile(r"(<!-- generated: campaign -->\n).*?(<!-- end -->)", re.DOTALL)
ENDED = ("killed_before", "killed_after", "stopped")


def write(path: Path, results: Sequence[Result]) -> None:
    """Renew the figures in a page."""
    text = "\n".join([*_figures(results), "", *_cases(results), "", *_faults(results), ""])
    path.write_text(BLOCK.sub(lambda found: f"{found[1]}{text}{found[2]}", path.read_text()))


def _figures(results: Sequence[Result]) -> Iterator[str]:
    done = _sum(result.faults for result in results)
    ended = sum(done[name] for name in ENDED)
    failed = [result for result in results if result.failure]
    yield f"- {len(results)} whole runs, {sum(r.asked for r in results)} requests to the API server"
    yield f"- {done.total()} faults, {ended} of them ended the operator at a write"
    yield f"- {_points(results)}"
    yield f"- not as undisturbed: {len(failed)}"


def _points(results: Sequence[Result]) -> str:
    """Say at how many different writes operators were ended, each the first time it was made."""
    ended = [r for r in results if r.faults.keys() & set(ENDED)]
    hit = {(r.case, r.mode, point) for r in ended for point in r.hit}
    return f"{len(hit)} different writes at which an operator was ended, each at its first try"


def _cases(results: Sequence[Result]) -> Iterator[str]:
    by_case: dict[str, list[Result]] = defaultdict(list)
    for result in results:
        by_case[result.case.partition(",")[0]].append(result)
    yield "| what is done | runs | faults | operators ended | Events lost | not as undisturbed |"
    yield "|---|---:|---:|---:|---:|---:|"
    for case, some in by_case.items():
        faults = _sum(r.faults for r in some).total()
        ended, lost = _sum(r.exits for r in some).total(), _sum(r.lost for r in some).total()
        failed = sum(bool(r.failure) for r in some)
        yield f"| {case} | {len(some)} | {faults} | {ended} | {lost} | {failed} |"


def _faults(results: Sequence[Result]) -> Iterator[str]:
    yield "| fault | times |"
    yield "|---|---:|"
    for name, count in sorted(_sum(result.faults for result in results).items()):
        yield f"| {name.replace('_', ' ')} | {count} |"


def _sum(counts: Iterator[dict[str, int]]) -> Counter[str]:
    return sum(map(Counter, counts), Counter[str]())
