"""The series of each rollout, made of a few facts when they are asked for.

There are dozens for each: kept as objects, they would be most of the memory that a rollout takes.
"""

from collections.abc import Iterator
from typing import NamedTuple

from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from pecr_rollout.api.status import Phase, SignalStatus, Status
from pecr_rollout.runtime.queue import Key

PREFIX = "pecr_rollout_"
OF_ROLLOUT = ("namespace", "name")
VERDICTS = ("Within", "Breached", "Unknown")
FAMILIES = (
    ("phase", "1 for the phase that a rollout is in.", ("phase",)),
    ("step", "Step of the canary, from 1; 0 without one.", ()),
    ("signal_verdict", "1 for a signal's verdict.", ("signal", "verdict")),
    ("signal_rate", "A signal's rate, a share of requests.", ("signal", "cohort")),
    ("signal_limit", "A signal's limit, a share.", ("signal",)),
    (
        "incident_opened_timestamp_seconds",
        "When the open incident was opened; absent without one.",
        (),
    ),
)


class Signal(NamedTuple):
    """What is shown of a signal."""

    name: str
    verdict: str
    canary: float | None
    baseline: float | None
    limit: float


class Shown(NamedTuple):
    """What is shown of a rollout."""

    phase: Phase
    step: int
    signals: tuple[Signal, ...]
    opened_at: float | None


def shown(status: Status, opened_at: float | None) -> Shown:
    """Give what is shown of a status."""
    step = status.step.index if status.step else 0
    return Shown(status.phase, step, tuple(map(_signal, status.signals)), opened_at)


def _signal(of: SignalStatus) -> Signal:
    return Signal(of.name, of.verdict, of.canary.rate, of.baseline.rate, of.limit)


class Rollouts(Collector):
    """The series of all rollouts."""

    def __init__(self) -> None:
        """Begin with none."""
        self.shown: dict[Key, Shown] = {}

    def describe(self) -> list[Metric]:
        """Give the families' names; nothing is worked out for that."""
        return list(_families().values())

    def collect(self) -> Iterator[Metric]:
        """Give the series as they are now; it may be asked in another thread."""
        families = _families()
        for key, of in tuple(self.shown.items()):
            for name, labels, value in _samples(of):
                families[name].add_metric((*key, *labels), value)
        yield from families.values()


def _families() -> dict[str, GaugeMetricFamily]:
    return {
        name: GaugeMetricFamily(PREFIX + name, text, labels=(*OF_ROLLOUT, *more))
        for name, text, more in FAMILIES
    }


def _samples(of: Shown) -> Iterator[tuple[str, tuple[str, ...], float]]:
    for phase in Phase:
        yield "phase", (phase.value,), float(phase is of.phase)
    yield "step", (), of.step
    if of.opened_at is not None:
        yield "incident_opened_timestamp_seconds", (), of.opened_at
    for signal in of.signals:
        yield "signal_limit", (signal.name,), signal.limit
        for verdict in VERDICTS:
            yield "signal_verdict", (signal.name, verdict), float(verdict == signal.verdict)
        for cohort, rate in (("canary", signal.canary), ("baseline", signal.baseline)):
            if rate is not None:
                yield "signal_rate", (signal.name, cohort), rate
