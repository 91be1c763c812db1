"""The table and the plot, from the results of all sizes."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
from matplotlib.figure import Figure

Json = dict[str, Any]

mpl.use("svg")
mpl.rcParams.update({"svg.hashsalt": "scale", "font.size": 9, "axes.spines.top": False})

NONE: Final = "-"
ROWS: Final[Sequence[tuple[str, Callable[[Json], Any]]]] = (
    ("CPU per rollout and minute, ms", lambda r: r["steady"]["cpu_ms"]),
    ("… of it system", lambda r: r["steady"]["system_ms"]),
    ("… evaluations in that minute", lambda r: round(r["steady"]["evaluations"], 1)),
    ("API requests per rollout and minute", lambda r: _sum(r["steady"]["requests"])),
    ("… of them get and list", lambda r: _reads(r["steady"]["requests"])),
    ("… as the audit log counts (watches too)", lambda r: _sum(r["steady"]["audited"])),
    ("Prometheus queries per minute", lambda r: round(_sum(r["steady"]["queries"]), 1)),
    ("resident memory, MiB", lambda r: r["steady"]["memory_mib"]),
    ("… its slope, MiB an hour", lambda r: r["steady"]["memory_mib_per_hour"]),
    ("lateness of an evaluation, mean, s", lambda r: r["steady"]["lateness_s"]["mean"]),
    ("… 99th percentile, at most, s", lambda r: r["steady"]["lateness_s"]["p99_at_most"]),
    ("restart until all are judged, s", lambda r: r["start"]["seconds"]),
    ("a few breaches: scrape to patch, median, s", lambda r: _scrape(r["few"], "median")),
    ("up to 50 at once: scrape to patch, median, s", lambda r: _scrape(r["many"], "median")),
    ("… the last, s", lambda r: _scrape(r["many"], "last")),
)
BEGIN: Final = "<!-- measured: begin -->\n"
END: Final = "<!-- measured: end -->\n"


def load(results: Path) -> list[Json]:
    """Read the results of all sizes, the smallest first."""
    found = [json.loads(path.read_text()) for path in results.glob("*.json")]
    return sorted(found, key=lambda result: result["n"])


def table(results: Sequence[Json]) -> str:
    """Give the table as Markdown."""
    head = "| rollouts | " + " | ".join(f"{result['n']:,}" for result in results) + " |"
    lines = [head, "|---|" + "--:|" * len(results)]
    for title, value in ROWS:
        cells = " | ".join(str(_cell(value, result)) for result in results)
        lines.append(f"| {title} | {cells} |")
    return "\n".join(lines) + "\n"


def write(results: Path, docs: Path) -> None:
    """Renew the table in docs/performance.md, and its picture."""
    found = load(results)
    path = docs / "performance.md"
    text = path.read_text()
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    path.write_text(f"{before}{BEGIN}{table(found)}{END}{after}")
    _draw([result for result in found if "steady" in result], docs / "img" / "performance.svg")


def _cell(value: Callable[[Json], Any], result: Json) -> Any:  # noqa: ANN401 - a number or a dash
    try:
        return value(result)
    except KeyError:
        return NONE


def _sum(by: dict[str, float]) -> float:
    return round(sum(by.values()), 3)


def _reads(by: dict[str, float]) -> float:
    reads = (number for what, number in by.items() if what.split()[0] in {"get", "list"})
    return round(sum(reads), 3)


def _scrape(breach: dict[str, dict[str, float]], which: str) -> float:
    return breach["after_scrape_s"][which]


def _draw(results: Sequence[Json], path: Path) -> None:
    """Draw what grows with the number of rollouts, each beside its goal."""
    sizes = [result["n"] for result in results]
    figure = Figure(figsize=(9, 5.2), layout="constrained")
    panels: list[tuple[str, Callable[[Json], float], Callable[[int], float]]] = [
        ("CPU, ms per rollout and minute", lambda s: s["cpu_ms"], lambda _: 5),
        ("API requests per rollout and minute", lambda s: _sum(s["requests"]), lambda _: 1),
        ("Prometheus queries per minute", lambda s: _sum(s["queries"]), lambda _: 20),
        (
            "resident memory, MiB",
            lambda s: s["memory_mib"],
            lambda n: 110e6 / 2**20 + (n - 50) * 50 / 1024,
        ),
    ]
    for axes, (title, value, goal) in zip(figure.subplots(2, 2).flat, panels, strict=True):
        axes.plot(sizes, [value(result["steady"]) for result in results], "o-", color="#1b6ca8")
        axes.plot(sizes, [goal(size) for size in sizes], "--", color="#c44e52", label="goal")
        axes.set(title=title, xlabel="rollouts", ylim=(0, None))
        axes.legend(frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None})
