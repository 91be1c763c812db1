"""The contract's trigger: a rate over its limit at every check throughout `sustainedFor`."""

from dataclasses import dataclass
from enum import Enum, auto

from pecr_rollout.judge.borders import holds_shared
from pecr_rollout.judge.evidence import (
    Counts,
    Fixed,
    Kind,
    Question,
    Reason,
    Recorded,
    Settings,
    add_up,
)

EVENTS = 3  # bad requests that a rate at the limit should show in a window


class Finding(Enum):
    """What the trigger's window shows."""

    KEPT = auto()  # the limit is kept
    BROKEN = auto()  # the limit is broken
    SHARED = auto()  # an absolute limit is broken, and the canary is hardly worse than the fleet
    UNKNOWN = auto()  # not to be told


@dataclass(frozen=True, slots=True)
class Tick:
    """A known evaluation: finite, clipped counts with requests in them."""

    at: float
    canary: Counts
    baseline: Counts | None


@dataclass(frozen=True, slots=True)
class Window:
    """What the trigger looked at."""

    ticks: int
    canary: Counts
    baseline: Counts | None


EMPTY = Window(0, Counts(0.0, 0.0), None)


class Trigger:
    """The window, what it shows, and since when."""

    __slots__ = (
        "_given",
        "_last_known",
        "_longest",
        "_question",
        "_relative",
        "_settings",
        "_shortest",
        "_ticks",
        "finding",
        "reason",
        "since",
        "window",
    )

    def __init__(self, question: Question, settings: Settings) -> None:
        self._question = question
        self._settings = settings
        self._relative = question.kind is Kind.RELATIVE
        self._given = _given(question)
        self._shortest, self._longest = settings.window_ticks, settings.sustained_ticks
        self._ticks: list[Tick] = []  # a deque of ten takes three times as much
        self._last_known: float | None = None
        self.window = EMPTY
        self.finding = Finding.UNKNOWN
        self.reason: Reason | None = Reason.NO_SERIES
        self.since: float | None = None

    def miss(self, at: float, reason: Reason) -> None:
        """Take a tick without evidence: it neither extends nor breaks the row, many in a row do."""
        self.finding, self.reason = Finding.UNKNOWN, reason
        self._forget_if_too_long(at, known=False)

    def add(self, tick: Tick, border: float) -> None:
        """Take a known tick.

        Args:
            tick: the counts.
            border: the highest rate that the limit allows the canary now; steers the window.
        """
        self._ticks.append(tick)
        del self._ticks[: -self._longest]
        self.window = self._shortest_window(tick.at, border)
        surely = self._surely()
        self.reason = self._why_unknown(surely)
        self.finding = Finding.UNKNOWN if self.reason else self._compare(surely)
        self._forget_if_too_long(tick.at, known=self.finding is not Finding.UNKNOWN)
        if self.finding is Finding.UNKNOWN:
            return
        self._last_known = tick.at
        if self.finding is not Finding.BROKEN:
            self.since = None
        elif self.since is None:
            self.since = tick.at

    def _shortest_window(self, now: float, border: float) -> Window:
        """Grow the window from a fifth of `sustained_for` until it holds enough requests.

        A longer one would make a spike look sustained.
        """
        settings = self._settings
        enough = max(settings.min_requests, EVENTS / border if border > 0 else 0.0)
        length, requests = 0, 0.0
        held: list[Tick] = []
        for tick in reversed(self._ticks):
            age = round((now - tick.at) / settings.tick) + 1
            if age > self._longest or (age > self._shortest and requests >= enough):
                break
            length = age
            requests += tick.canary.total
            held.append(tick)
        fleet = [tick.baseline for tick in held if tick.baseline is not None]
        canary = add_up([tick.canary for tick in held])
        return Window(length, canary, add_up(fleet) if fleet else None)

    def _why_unknown(self, surely: float) -> Reason | None:
        if len(self._ticks) < self._shortest:
            return Reason.SETTLING
        if self.window.canary.total < self._settings.min_requests:
            return Reason.TOO_FEW_REQUESTS
        return Reason.COARSE if surely <= self._question.limit < self._perhaps() else None

    def _surely(self) -> float:
        """Give how far the canary surely is over its baseline, or its sure rate alone."""
        canary = self.window.canary
        return canary.bad / canary.total - (self._baseline(sure=False) if self._relative else 0.0)

    def _perhaps(self) -> float:
        """Give the same if all that is unsure speaks against the canary."""
        canary = self.window.canary
        rate = (canary.bad + canary.unsure) / canary.total
        return rate - (self._baseline(sure=True) if self._relative else 0.0)

    def _baseline(self, *, sure: bool) -> float:
        fleet = self._given or self.window.baseline
        if fleet is None or fleet.total <= 0:
            return 0.0
        return (fleet.bad + (0.0 if sure else fleet.unsure)) / fleet.total

    def _compare(self, surely: float) -> Finding:
        if surely <= self._question.limit:
            return Finding.KEPT
        if not holds_shared(self._question, self._settings):
            return Finding.BROKEN
        canary = self.window.canary
        worse = canary.bad / canary.total - self._baseline(sure=False)
        return Finding.BROKEN if worse > self._question.limit / 2 else Finding.SHARED

    def _forget_if_too_long(self, at: float, *, known: bool) -> None:
        if self.since is None or self._last_known is None:
            return
        unknown = round((at - self._last_known) / self._settings.tick) - known
        if unknown > self._settings.tolerated_unknowns:
            self.since = None


def _given(question: Question) -> Counts | None:
    """Give the baseline's counts where they are known beforehand; a rate is that of one request."""
    match question.reference:
        case Fixed(rate):
            return Counts(rate, 1.0)
        case Recorded(counts):
            return counts
        case _:
            return None
