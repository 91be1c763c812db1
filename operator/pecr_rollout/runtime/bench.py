"""The judges of all rollouts that share a Prometheus, fed tick by tick with one set of queries."""

import asyncio
import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial

from pecr_rollout.api.status import FiguresStatus
from pecr_rollout.judge import Counts, Gist, Judgement, Reason, SignalJudge, SignalVerdict, State
from pecr_rollout.runtime.case import Case
from pecr_rollout.runtime.figures import figures_status
from pecr_rollout.runtime.queue import Key
from pecr_rollout.telemetry.client import Prometheus
from pecr_rollout.telemetry.collector import Collected, Collector, Due
from pecr_rollout.telemetry.diagnostics import Watched, figures
from pecr_rollout.telemetry.errors import PrometheusUnavailable
from pecr_rollout.telemetry.subjects import Subject

HISTORY_TICKS = 240
"""Evaluations of the fleet's history that its noise is learnt from: 2 h at 30 s."""
FIGURES_WINDOW = 3600.0
"""Seconds that figures for people look back at most: one query serves all rollouts."""
WELCOMED_AT_ONCE = 50
"""Rollouts whose histories are read together: two hours of each are large in memory."""
WELCOMED_EVERY = 0.5
"""Seconds between two looks for rollouts that are new."""
PAUSE_AFTER = 50
"""Rollouts that are judged before others get their turn: some milliseconds."""
PAUSE_WITH_NEWS = 10
"""The same once one of them has news: each of the requests that follow needs several turns."""
WRITES_APART = 0.02
"""Seconds between two rollouts that rested: the steps of one in breach find a way between them."""
FIGURES_TICKS = 2
"""Evaluations between two readings of the figures for people: a minute at 30 s."""


Judges = Mapping[str, SignalJudge]
"""A case's judges, by question."""


@dataclass
class _Seat:
    """A case with its judges.

    Attributes:
        last: the tick of the last evaluation.
        gists: what was said last, in short; empty before anything was looked at.
        unavailable: why Prometheus gave no answer then.
        quiet_until: until when nobody has to look while the gists stay.
        tried: when its judges were last to be appointed; again after a tick's time.
    """

    case: Case
    judges: Judges = field(default_factory=dict)
    last: float | None = None
    gists: tuple[Gist | PrometheusUnavailable, ...] = ()
    unavailable: PrometheusUnavailable | None = None
    quiet_until: float = 0.0
    tried: float = 0.0
    figures_at: float = 0.0
    figures: FiguresStatus | None = None

    @property
    def judgement(self) -> Judgement | None:
        """Give what is said now, in full; None before anything was looked at."""
        if not self.gists:
            return None
        judges = self.judges or _judges(self.case, {})  # before their appointment none has a word
        verdicts = tuple(judge.verdict() for judge in judges.values())
        if self.unavailable is not None:
            verdicts = tuple(_unavailable(v, self.unavailable) for v in verdicts)
        return Judgement(verdicts)

    @property
    def suspect(self) -> bool:
        """Tell whether a limit was broken at the last evaluation: the next one may be a breach."""
        return any(isinstance(gist, Gist) and gist.since is not None for gist in self.gists)

    def waits(self, now: float) -> bool:
        """Tell whether its judges can be appointed now, and have something to hear."""
        tick = self.case.settings.tick
        return not self.judges and now - max(self.case.since, self.tried) >= tick

    def take(self, collected: Collected) -> bool:
        """Take evaluations, and tell whether more than figures changed."""
        for name, evaluations in collected.evaluations.items():
            for evaluation in evaluations:
                self.judges[name].add(evaluation)
                self.last = max(self.last or 0.0, evaluation.at)
        before, self.unavailable = self.gists, collected.unavailable
        gists = tuple(judge.gist() for judge in self.judges.values())
        self.gists = gists if self.unavailable is None else (self.unavailable, *gists)
        return self.gists != before


class Bench:
    """Keeps a judge for every question of every rollout, and evaluates those due together."""

    def __init__(
        self,
        prometheus: Prometheus,
        wake: Callable[[Key, float], None],
        told: Callable[[int, float], None] = lambda _count, _late: None,
    ) -> None:
        """Begin with no case.

        Args:
            prometheus: where counts are read.
            wake: called for a rollout after an evaluation that changes more than figures, or that
                ends its rest; with the seconds that this may take.
            told: called after each tick with the number of evaluations and their lateness in
                seconds.
        """
        self._told = told
        self.prometheus = prometheus
        self.collector = Collector(prometheus)
        self._wake = wake
        self._seats: dict[Key, _Seat] = {}
        self._opened = asyncio.Event()

    def now(self) -> float:
        """Give the Prometheus server's time; ours while it was never heard of."""
        try:
            return self.prometheus.clock.now()
        except LookupError:
            return time.time()

    async def time(self) -> float:
        """Give the Prometheus server's time, asked for where it is not known; ours without it."""
        if math.isinf(self.prometheus.clock.uncertainty):
            with suppress(PrometheusUnavailable):
                return await self.prometheus.now()
        return self.now()

    def __len__(self) -> int:
        """Count the rollouts that are being judged."""
        return len(self._seats)

    @property
    def judged(self) -> int:
        """Count those of which something was said since they sat down."""
        return sum(1 for seat in tuple(self._seats.values()) if seat.gists)

    def hear(self, key: Key, case: Case) -> _Seat:
        """Give the seat of a rollout's case; another case begins without evidence."""
        seat = self._seats.get(key)
        if seat is None or seat.case != case:
            seat = self._seats[key] = _Seat(case)
            self.collector.forget(str(key))
            self._opened.set()
        return seat

    def rest(self, key: Key, until: float) -> None:
        """Let a rollout sleep through evaluations that change nothing but figures, until a time."""
        seat = self._seats.get(key)
        if seat is not None:
            seat.quiet_until = until

    def dismiss(self, key: Key) -> None:
        """Forget a rollout that is not judged any more."""
        if self._seats.pop(key, None) is not None:
            self.collector.forget(str(key))

    async def run(self) -> None:
        """Evaluate every case at each of its ticks, for ever; a new one first as soon as it can."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._tick_by_tick(), name="ticks")
            group.create_task(self._welcome(), name="newcomers")

    async def _tick_by_tick(self) -> None:
        while True:
            if not self._seats:
                self._opened.clear()
                await self._opened.wait()
            await self._next_tick()

    async def _next_tick(self) -> None:
        try:
            now = await self.prometheus.now()
        except PrometheusUnavailable as error:
            self._say_unavailable(list(self._seats), error)
            await asyncio.sleep(min(self._ticks(), default=0.0))
            return
        if not (ticks := self._ticks()):
            return  # the last one left while the time was asked for
        when = {tick: self.collector.next_tick(tick, now) for tick in ticks}
        first = min(when.values())
        self._opened.clear()
        if await self._interrupted(first - now):
            return
        seats = [(k, s) for k, s in self._seats.items() if when.get(s.case.settings.tick) == first]
        await self.evaluate([key for key, seat in seats if seat.judges], first)

    def _ticks(self) -> set[float]:
        return {seat.case.settings.tick for seat in self._seats.values()}

    async def _welcome(self) -> None:
        """Evaluate those without judges, some at a time, beside the ticks: they make nobody late.

        Two hours of history are large, and after a restart all are new. Those whose windows began
        last come first: they are soonest done, and a change breaks most likely when it is young.
        """
        while True:
            if not await self._welcome_some():
                await asyncio.sleep(WELCOMED_EVERY)

    async def _welcome_some(self) -> bool:
        if all(seat.judges for seat in self._seats.values()):
            return False
        try:
            until = await self.collector.horizon()
        except PrometheusUnavailable:
            return False  # the ticks say so
        new = [key for key, seat in self._seats.items() if seat.waits(until)]
        new.sort(key=lambda key: self._seats[key].case.since, reverse=True)
        await self.evaluate(new[:WELCOMED_AT_ONCE], until)
        return bool(new)

    async def _interrupted(self, delay: float) -> bool:
        """Wait for a tick; a case that is opened meanwhile may have an earlier one."""
        try:
            async with asyncio.timeout(max(0.0, delay)):
                await self._opened.wait()
        except TimeoutError:
            return False
        return True

    async def evaluate(self, keys: Sequence[Key], until: float) -> None:
        """Bring some rollouts up to a time, with as few queries as one of them would need."""
        seats = {key: self._seats[key] for key in keys if key in self._seats}
        appointed, unknown = await self._appoint(_new(seats), until)
        for key, error in unknown.items():
            del seats[key]
            self._say_unavailable([key], error)
        due = [s.case.due(k, until, s.last) for k, s in seats.items() if s.case.since < until]
        collected = await self.collector.collect(due) if due else {}
        fresh = {key: seat for key, seat in seats.items() if seat.figures is None}
        await self._read_figures(fresh, until)
        rested = await self._judge(seats, appointed, collected, until)
        if due:
            self._told(len(due), self.now() - until)
        await self._read_figures({k: s for k, s in seats.items() if k not in fresh}, until)
        self._wake_rested(rested)

    async def _judge(
        self,
        seats: Mapping[Key, _Seat],
        appointed: Mapping[Key, Judges],
        collected: Mapping[str, Collected],
        until: float,
    ) -> dict[Key, _Seat]:
        """Let all judge, and wake who has news at once; give those whose rest is over."""
        rested: dict[Key, _Seat] = {}
        pause_after = PAUSE_AFTER
        suspects_first = sorted(seats.items(), key=lambda item: not item[1].suspect)
        for number, (key, seat) in enumerate(suspects_first):
            if number % pause_after == 0:
                await asyncio.sleep(0)  # a breach need not wait until the last is judged
            if self._seats.get(key) is not seat or str(key) not in collected:
                continue
            # Only now: who has judges is evaluated at ticks, and has to have heard of those before.
            seat.judges = appointed.get(key, seat.judges)
            if seat.take(collected[str(key)]):
                pause_after = PAUSE_WITH_NEWS
                self._wake(key, 0.0)
            elif seat.quiet_until <= until:
                rested[key] = seat
        return rested

    def _wake_rested(self, rested: Mapping[Key, _Seat]) -> None:
        """Wake those with nothing but new figures, one after the other."""
        for number, (key, seat) in enumerate(rested.items()):
            self._wake(key, number * min(WRITES_APART, seat.case.settings.tick / 2 / len(rested)))

    async def _read_figures(self, seats: Mapping[Key, _Seat], until: float) -> None:
        """Read what people look at, once in a while; only a first verdict waits for it."""
        watched = [
            Watched(str(key), s.case.canary, s.case.baseline)
            for key, s in seats.items()
            if until - s.figures_at >= FIGURES_TICKS * s.case.settings.tick
        ]
        if not watched:
            return
        longest = max(s.case.settings.sustained_for for s in seats.values())
        window = min(longest, FIGURES_WINDOW)
        try:
            found = await figures(self.prometheus, watched, until, window)
        except PrometheusUnavailable:
            return
        for key, seat in seats.items():
            if str(key) in found:
                seat.figures, seat.figures_at = figures_status(found[str(key)]), until

    async def _appoint(
        self, seats: Mapping[Key, _Seat], now: float
    ) -> tuple[dict[Key, Judges], dict[Key, PrometheusUnavailable]]:
        """Give new cases their judges, who know the fleet's history; tell whose is not known."""
        judges: dict[Key, Judges] = {}
        unknown: dict[Key, PrometheusUnavailable] = {}
        for span in {s.case.settings.tick * HISTORY_TICKS for s in seats.values()}:
            some = {k: s for k, s in seats.items() if s.case.settings.tick * HISTORY_TICKS == span}
            by_name = {str(key): seat for key, seat in some.items()}
            histories = await self.collector.histories(
                [s.case.history_due(k) for k, s in some.items()],
                partial(_fleet, by_name),
                span,
            )
            for key, seat in some.items():
                seat.tried = now
                history = histories[str(key)]
                if history.unavailable is not None:
                    unknown[key] = history.unavailable
                else:
                    judges[key] = _judges(seat.case, history.counts)
        return judges, unknown

    def _say_unavailable(self, keys: Sequence[Key], error: PrometheusUnavailable) -> None:
        for key in keys:
            seat = self._seats.get(key)
            if seat is not None:
                seat.take(Collected(unavailable=error))
                self._wake(key, 0.0)


def _new(seats: Mapping[Key, _Seat]) -> dict[Key, _Seat]:
    """Give the seats without judges."""
    return {key: seat for key, seat in seats.items() if not seat.judges}


def _judges(case: Case, history: Mapping[str, tuple[Counts, ...]]) -> dict[str, SignalJudge]:
    """Give every question its judge, who knows the fleet's history."""
    return {
        one.question.name: SignalJudge(
            one.question, case.settings, history.get(one.question.name, ())
        )
        for one in case.asked
    }


def _fleet(seats: Mapping[str, _Seat], due: Due) -> Subject:
    return seats[due.key].case.fleet


def _unavailable(verdict: SignalVerdict, error: PrometheusUnavailable) -> SignalVerdict:
    """Say that nothing is known now; since when a breach holds is kept."""
    sentence = f"Prometheus gives no answer that can be used: {error}"
    reason = Reason.PROMETHEUS_UNAVAILABLE
    return replace(verdict, state=State.UNKNOWN, reason=reason, sentence=sentence)
