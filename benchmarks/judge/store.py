"""Results on disk, so that a long run can be stopped, resumed and drawn again."""

import json
from collections import Counter
from pathlib import Path

from benchmarks.judge.cases import all_cases
from benchmarks.judge.figures import Result, Tally


def save(results: list[Result], path: Path) -> None:
    """Write all tallies."""
    cases = {
        result.case.key: {
            rule: [tally.runs, tally.promoted, sorted(tally.falls.items())]
            for rule, tally in result.tallies.items()
        }
        for result in results
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(cases, indent=0))


def load(path: Path) -> dict[str, Result]:
    """Read the tallies of the cases that still exist, by their key; no file is no result."""
    if not path.exists():
        return {}
    stored = json.loads(path.read_text())
    return {
        case.key: Result(
            case,
            {
                rule: Tally(runs, promoted, Counter(dict(map(tuple, falls))))
                for rule, (runs, promoted, falls) in stored[case.key].items()
            },
        )
        for case in all_cases()
        if case.key in stored
    }
