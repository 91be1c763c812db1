"""The pictures of docs/judge.md, from two simulated rollouts and the benchmark's results."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
import numpy as np
from benchmarks.judge.cases import BAD, GOOD, SIGNALS, TRAFFIC, WORSE, Case, forever
from benchmarks.judge.figures import Result, wilson
from benchmarks.judge.ours import draw
from benchmarks.judge.rivals import RULES
from benchmarks.judge.world import HISTORY, TICK, TICKS, Counted
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pecr_rollout.judge import (
    Counts,
    Evaluation,
    Kind,
    Question,
    Settings,
    SignalJudge,
    SignalVerdict,
)

mpl.use("svg")
mpl.rcParams.update({"svg.hashsalt": "judge", "font.size": 9, "axes.spines.top": False})
MINUTES = (np.arange(TICKS) + 1) * TICK / 60
COLOURS = ["#1b6ca8", "#c44e52", "#dd8452", "#937860", "#8172b3"]


def draw_all(results: Sequence[Result], folder: Path) -> None:
    """Draw all pictures into a folder; those without their cases are left out."""
    _save(_evidence(), folder / "judge-evidence.svg")
    good = [result for result in results if result.case.group == GOOD]
    bad = [result for result in results if result.case.group == BAD]
    if good:  # whole groups, or what there is while the benchmark is not complete
        _save(_false_fallbacks(good), folder / "judge-false-fallbacks.svg")
    if bad:
        _save(_detection(bad), folder / "judge-detection.svg")


def _save(figure: Figure, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, metadata={"Date": None}, bbox_inches="tight")


def _verdicts(counted: Counted) -> list[SignalVerdict]:
    """Judge the first run and give what is said at each tick."""
    history = zip(counted.fleet_bad[0, :HISTORY], counted.fleet_total[0, :HISTORY], strict=True)
    judge = SignalJudge(
        Question("error_rate", Kind.RELATIVE, 0.005),
        Settings(signals=SIGNALS),
        [Counts(float(x), float(n)) for x, n in history],
    )
    verdicts = []
    for tick in range(TICKS):
        canary = Counts(float(counted.canary_bad[0, tick]), float(counted.canary_total[0, tick]))
        fleet = Counts(
            float(counted.fleet_bad[0, HISTORY + tick]),
            float(counted.fleet_total[0, HISTORY + tick]),
        )
        judge.add(Evaluation((tick + 1) * TICK, canary, fleet))
        verdicts.append(judge.verdict())
    return verdicts


def _evidence() -> Figure:
    """Draw a good and a bad canary: rates above, evidence below."""
    figure = Figure(figsize=(9, 5))
    axes = figure.subplots(2, 2, sharex=True, sharey="row")
    for column, (title, extra) in enumerate((("A good canary", 0.0), ("3 times worse", 0.02))):
        case = Case("picture", title, (5.0, 45.0), 0.01, 0.005, badness=forever(extra))
        verdicts = _verdicts(draw(case, np.random.default_rng(3), 1)[0])
        axes[0][column].set_title(title)
        _rates(axes[0][column], verdicts)
        _odds(axes[1][column], verdicts)
        axes[1][column].set_xlabel("minutes since settled")
    axes[0][0].set_ylabel("bad in the last minute, %")
    axes[1][0].set_ylabel("odds against chance")
    axes[0][0].legend(frameon=False)
    axes[1][0].legend(frameon=False, loc="upper left")
    return figure


def _rates(axes: Axes, verdicts: Sequence[SignalVerdict]) -> None:
    canary = [100 * (verdict.canary_rate or 0) for verdict in verdicts]
    fleet = [100 * (verdict.baseline_rate or 0) for verdict in verdicts]
    axes.plot(MINUTES, canary, color=COLOURS[1], label="canary")
    axes.plot(MINUTES, fleet, color=COLOURS[0], label="fleet")
    limit = [rate + 0.5 for rate in fleet]
    axes.plot(MINUTES, limit, color="black", lw=0.8, ls=":", label="fleet + limit")


def _odds(axes: Axes, verdicts: Sequence[SignalVerdict]) -> None:
    breach = [max(1e-3, verdict.breach.reached) for verdict in verdicts]
    within = [max(1e-3, verdict.within.reached) for verdict in verdicts]
    axes.semilogy(MINUTES, breach, color=COLOURS[1], label="for a breach")
    axes.semilogy(MINUTES, within, color=COLOURS[0], label="for within")
    axes.axhline(verdicts[0].breach.needed, color=COLOURS[1], lw=0.8, ls=":")
    axes.axhline(verdicts[0].within.needed, color=COLOURS[0], lw=0.8, ls=":")
    axes.set_ylim(1e-3, 1e6)


def _false_fallbacks(good: Sequence[Result]) -> Figure:
    """Draw the worst case of each kind of noise, for each rule."""
    names = list(dict.fromkeys(result.case.name for result in good))
    figure = Figure(figsize=(10, 3.4))
    axes = figure.subplots()
    rules = ["ours", *RULES]
    for index, rule in enumerate(rules):
        worst = [
            max(r.tally(rule).fell / r.tally(rule).runs for r in good if r.case.name == name)
            for name in names
        ]
        places = np.arange(len(names)) + (index - 2) * 0.16
        axes.bar(places, [100 * rate for rate in worst], 0.15, color=COLOURS[index], label=rule)
    axes.set_yscale("symlog", linthresh=1)
    axes.axhline(0.5, color="black", lw=0.8, ls=":")
    axes.set_ylim(0, 150)
    axes.set_yticks([0, 0.5, 1, 10, 100], ["0", "0.5", "1", "10", "100"])
    axes.set_xticks(range(len(names)), [name.replace("bursts", "bursts\n") for name in names])
    axes.set_ylabel("good canaries taken back, %\n(worst of 9 cases)")
    axes.legend(frameon=False, ncols=5, loc="lower center", bbox_to_anchor=(0.5, 1))
    return figure


def _detection(bad: Sequence[Result]) -> Figure:
    """Draw how many bad canaries are found and wrongly promoted, by how bad they are."""
    figure = Figure(figsize=(9, 3))
    axes = figure.subplots(1, 3, sharey=True)
    for index, traffic in enumerate(TRAFFIC):
        here = [r for r in bad if r.case.traffic == traffic and r.case.base == 0.01]
        places = [WORSE.index(float(r.case.name.split()[0])) for r in here]
        for colour, label, hits in (
            (COLOURS[0], "fell", [r.tally("ours").fell for r in here]),
            (COLOURS[1], "promoted", [r.tally("ours").promoted for r in here]),
        ):
            runs = [r.tally("ours").runs for r in here]
            shares = [100 * count / of for count, of in zip(hits, runs, strict=True)]
            ends = [wilson(count, of) for count, of in zip(hits, runs, strict=True)]
            errors = np.abs(100 * np.array(ends).T - np.array(shares))
            axes[index].errorbar(
                places, shares, errors, color=colour, label=label, marker="o", ms=3
            )
        axes[index].set_xticks(range(len(WORSE)), [f"{factor:g}x" for factor in WORSE])
        axes[index].set_title(f"canary: {traffic[0]:g} a second")
    axes[0].set_ylabel("of bad canaries, %\n(base 1 %, limit half of it)")
    axes[0].legend(frameon=False, loc="center left")
    return figure
