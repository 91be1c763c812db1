"""The series of each rollout, made of a few facts when they are asked for.

There are dozens for each: kept as objects, they would be most of the memory that a rollout takes.
They are written as text here, since the library needs 15 us for each: at two scrapes a minute that
was a seventh of all that a rollout costs.
"""

from collections.abc import Iterator
from typing import NamedTuple

from pecr_rollout.api.status import Phase, SignalStatus, Status
from pecr_rollout.runtime.queue import Key

PREFIX = "pecr_rollout_"
VERDICTS = ("Within", "Breached", "Unknown")
FAMILIES = (
    ("phase", "1 for the phase that a rollout is in."),
    ("step", "Step of the canary, from 1; 0 without one."),
    ("signal_verdict", "1 for a signal's verdict."),
    ("signal_rate", "A signal's rate, a share of requests."),
    ("signal_limit", "A signal's limit, a share."),
    ("incident_opened_timestamp_seconds", "When the open incident was opened; absent without one."),
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


class Rollouts:
    """The series of all rollouts."""

    def __init__(self) -> None:
        """Begin with none."""
        self.shown: dict[Key, Shown] = {}

    def text(self) -> str:
        """Give the series as they are now, as Prometheus reads them; fit for another thread."""
        lines = {name: [_head(name, text)] for name, text in FAMILIES}
        for key, of in tuple(self.shown.items()):
            who = f'namespace="{key.namespace}",name="{key.name}"'
            for name, labels, value in _samples(of):
                lines[name].append(f"{PREFIX}{name}{{{who}{labels}}} {value}\n")
        return "".join(line for family in lines.values() for line in family)


def _head(name: str, text: str) -> str:
    return f"# HELP {PREFIX}{name} {text}\n# TYPE {PREFIX}{name} gauge\n"


def _samples(of: Shown) -> Iterator[tuple[str, str, float]]:
    for phase in Phase:
        yield "phase", f',phase="{phase.value}"', float(phase is of.phase)
    yield "step", "", of.step
    if of.opened_at is not None:
        yield "incident_opened_timestamp_seconds", "", of.opened_at
    for signal in of.signals:
        name = f',signal="{_escaped(signal.name)}"'
        yield "signal_limit", name, signal.limit
        for verdict in VERDICTS:
            here = float(verdict == signal.verdict)
            yield "signal_verdict", f'{name},verdict="{verdict}"', here
        for cohort, rate in (("canary", signal.canary), ("baseline", signal.baseline)):
            if rate is not None:
                yield "signal_rate", f'{name},cohort="{cohort}"', rate


def _escaped(text: str) -> str:
    """Write what users may name as a label's value; names of Kubernetes need no escape."""
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
