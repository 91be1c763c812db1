"""One rollout's place on the grid: its pods' last counters, and what was evaluated from them."""

from collections.abc import Mapping
from typing import Final, NamedTuple

from pecr_rollout.judge.evidence import Evaluation, Reason
from pecr_rollout.telemetry.counters import Needed, Pod, Reading
from pecr_rollout.telemetry.deltas import Cohort
from pecr_rollout.telemetry.evaluate import evaluate
from pecr_rollout.telemetry.grid import Grid
from pecr_rollout.telemetry.measures import needed_by
from pecr_rollout.telemetry.questions import Asked
from pecr_rollout.telemetry.subjects import Subject

LONGEST: Final = 86_400.0
"""Seconds of a window that are read again after a restart: a guard may have stood for weeks."""

Readings = Mapping[Pod, Reading]


class Scope(NamedTuple):
    """What a rollout's counters depend on; another scope starts anew.

    Attributes:
        asked: the questions.
        canary: the cohort.
        baseline: the rest of the fleet; None where there is none.
        interval: seconds between two ticks.
        since: the start of the window; counters are first read at the tick at or after it.
    """

    asked: tuple[Asked, ...]
    canary: Subject
    baseline: Subject | None
    interval: float
    since: float

    @property
    def needed(self) -> Needed:
        """Give what has to be read."""
        return needed_by(entry.measure for entry in self.asked)

    @property
    def subjects(self) -> dict[str, Subject]:
        """Give both subjects by the names of their cohorts."""
        fleet = {} if self.baseline is None else {"baseline": self.baseline}
        return {"canary": self.canary, **fleet}


class Track:
    """One rollout's place on the grid."""

    __slots__ = (
        "_base",
        "_baseline",
        "_canary",
        "_given",
        "_made",
        "grid",
        "next_tick",
        "scope",
    )

    def __init__(self, scope: Scope, phase: float = 0.0, *, until: float = 0.0) -> None:
        """Begin where the window begins.

        Args:
            scope: what is counted.
            phase: of the grid.
            until: what is to be read at once; no more than a day before it is.
        """
        self.scope = scope
        self.grid = Grid(scope.interval, phase)
        self.next_tick = self._base = self.grid.first(max(scope.since, until - LONGEST))
        self._canary = Cohort()
        self._baseline = Cohort()
        self._made: list[tuple[Evaluation, ...]] = []
        self._given: float | None = None

    @property
    def pods(self) -> int:
        """Give the number of pods that are remembered."""
        return self._canary.size + self._baseline.size

    def take(self, canary: Readings, baseline: Readings, stale_after: float) -> None:
        """Take the next tick.

        Args:
            canary: the counters of the cohort's pods, the needed ones only.
            baseline: those of the rest of the fleet.
            stale_after: how many evaluations old a newest sample may be.
        """
        at = self.grid.tick(self.next_tick)
        if self.pods or canary or baseline:
            made = self._evaluated(at, canary, baseline, at - stale_after * self.scope.interval)
        else:  # a fleet may be younger than the history that is asked for
            made = (Evaluation(at, gap=Reason.NO_SERIES),) * len(self.scope.asked)
        if self.next_tick > self._base:
            self._made.append(made)
        self.next_tick += 1

    def _evaluated(
        self, at: float, canary: Readings, baseline: Readings, oldest: float
    ) -> tuple[Evaluation, ...]:
        continuous = self._canary.present or self._baseline.present
        growth = self._canary.grow(canary, oldest, continuous=continuous)
        fleet = None
        if self.scope.baseline is not None:
            fleet = self._baseline.grow(baseline, oldest, continuous=continuous)
        return tuple(evaluate(entry, at, growth, fleet) for entry in self.scope.asked)

    def follows(self, last: float | None) -> bool:
        """Tell whether everything after an evaluation is still here, or to come."""
        return self._given is None or (last is not None and last >= self._given)

    def made(self, last: float | None) -> dict[str, tuple[Evaluation, ...]]:
        """Give the evaluations after one that the caller has, by question, and keep none."""
        made = [some for some in self._made if last is None or some[0].at > last]
        if self._made:
            self._given = self._made[-1][0].at
        self._made.clear()
        names = (entry.question.name for entry in self.scope.asked)
        return dict(zip(names, zip(*made, strict=True), strict=False))
