"""An asynchronous face of one Prometheus: typed answers, typed errors, bounded work."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from math import isfinite
from typing import Any, Final, NamedTuple, TypeVar

from prometheus_api_client import PrometheusConnect
from urllib3.util.retry import Retry

from pecr_rollout.telemetry.clock import ServerClock, Told
from pecr_rollout.telemetry.errors import PrometheusUnavailable, Trouble
from pecr_rollout.telemetry.server import PrometheusServer
from pecr_rollout.telemetry.session import Answer, Session

_WORKERS: Final = 2
_UNCERTAIN: Final = 1.0  # seconds; beyond, the time is asked for again
_GRACE: Final = 5.0  # seconds over both timeouts, for the work on an answer
_FOR_THE_MOMENT: Final = frozenset({Trouble.UNREACHABLE, Trouble.STATUS})
_AGAIN_AFTER: Final = 0.1  # seconds
_EPOCH: Final = datetime.fromtimestamp(0, UTC)

Result = TypeVar("Result")


class Sample(NamedTuple):
    """One series at one time."""

    labels: dict[str, str]
    at: float
    value: float


class Series(NamedTuple):
    """One series at several times."""

    labels: dict[str, str]
    points: list[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Asking:
    """What one query cost, for the operator's metrics.

    Attributes:
        server: its name.
        kind: instant or range.
        seconds: until it was read.
        size: bytes of the answer.
        trouble: why it failed; None where it did not.
        warnings: what Prometheus warned of.
    """

    server: str
    kind: str
    seconds: float
    size: int = 0
    trouble: Trouble | None = None
    warnings: tuple[str, ...] = ()


class Prometheus:
    """One Prometheus server.

    Queries run in a few threads of their own; what is read from an answer is read there too.
    """

    def __init__(
        self, server: PrometheusServer, told: Callable[[Asking], None] = lambda _: None
    ) -> None:
        """Prepare; nothing is sent.

        Args:
            server: how it is reached.
            told: called after every query, from the event loop.
        """
        self.server = server
        self.clock = ServerClock()
        self._told = told
        self._threads = ThreadPoolExecutor(_WORKERS, thread_name_prefix=f"prom-{server.name}")
        self._local = threading.local()
        self._dated = False  # whether the answers' dates are the server's time, and not a proxy's
        self._doubted = False  # whether the time has to be asked for again
        self._sessions: list[Session] = []

    async def instant(
        self, query: str, at: float, read: Callable[[Iterable[Sample]], Result]
    ) -> Result:
        """Ask for one time, and give what `read` makes of the samples.

        Raises:
            PrometheusUnavailable: there is no answer that can be used.
        """
        params = {"time": _text(at), **self._limit()}
        return await self._ask(
            "instant", lambda connect: read(_samples(connect.custom_query(query, params=params)))
        )

    async def range(
        self,
        query: str,
        start: float,
        end: float,
        step: float,
        read: Callable[[Iterable[Series]], Result],
    ) -> Result:
        """Ask for a range of times, and give what `read` makes of the series.

        Raises:
            PrometheusUnavailable: there is no answer that can be used.
        """
        # The library rounds both times to seconds; the parameters that come after are exact.
        params = {"start": _text(start), "end": _text(end), **self._limit()}
        return await self._ask(
            "range",
            lambda connect: read(
                _series(
                    connect.custom_query_range(query, _EPOCH, _EPOCH, _text(step), params=params)
                )
            ),
        )

    async def now(self) -> float:
        """Give the server's time; asked for at first, then known from the answers' dates.

        Raises:
            PrometheusUnavailable: there is no answer that can be used.
        """
        if self.clock.uncertainty > _UNCERTAIN or self._doubted:
            await self._ask("instant", self._ask_time)
        return self.clock.now()

    def close(self) -> None:
        """End the threads and the connections."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        for session in self._sessions:
            session.close()

    def _limit(self) -> dict[str, str]:
        """Let the server give up when we do."""
        return {"timeout": _text(self.server.timeout)}

    async def _ask(self, kind: str, work: Callable[[PrometheusConnect], Result]) -> Result:
        """Do some work, and once more where that may help: a preflight needs a dozen answers."""
        try:
            return await self._run(kind, work)
        except PrometheusUnavailable as error:
            if error.trouble not in _FOR_THE_MOMENT:
                raise
        await asyncio.sleep(_AGAIN_AFTER)
        return await self._run(kind, work)

    async def _run(self, kind: str, work: Callable[[PrometheusConnect], Result]) -> Result:
        """Do some work in a thread, and tell what it cost."""
        began = time.monotonic()
        # The session keeps each timeout; this one is for a server that feeds us byte by byte.
        limit = self.server.connect_timeout + self.server.timeout + _GRACE
        asking = Asking(self.server.name, kind, 0.0, trouble=Trouble.SLOW)
        try:
            async with asyncio.timeout(limit):
                result, answer = await asyncio.wrap_future(self._threads.submit(self._work, work))
            asking = replace(asking, size=answer.size, trouble=None, warnings=answer.warnings)
        except TimeoutError:
            raise PrometheusUnavailable(Trouble.SLOW, f"no answer within {limit:g} s") from None
        except PrometheusUnavailable as error:
            asking = replace(asking, trouble=error.trouble)
            raise
        finally:
            self._told(replace(asking, seconds=time.monotonic() - began))
        return result

    def _work(self, work: Callable[[PrometheusConnect], Result]) -> tuple[Result, Answer]:
        """In a thread: ask and read, and learn the server's time from the answer."""
        connect, session = self._connection()
        try:
            result = work(connect)
        except (ArithmeticError, LookupError, RecursionError, TypeError, ValueError) as error:
            detail = f"an answer that cannot be read: {error!r:.120}"
            raise PrometheusUnavailable(Trouble.NOT_PROMETHEUS, detail) from error
        answer = session.taken()
        self._observe(answer)
        return result, answer

    def _connection(self) -> tuple[PrometheusConnect, Session]:
        """Give this thread's connection."""
        if not hasattr(self._local, "connection"):
            session = Session(self.server)
            none = Retry(0, read=False)  # the library's own would block for six seconds
            connect = PrometheusConnect(
                self.server.url.rstrip("/"), session=session, retry=none, method="POST"
            )
            self._sessions.append(session)
            self._local.connection = connect, session
        connection: tuple[PrometheusConnect, Session] = self._local.connection
        return connection

    def _ask_time(self, connect: PrometheusConnect) -> None:
        """In a thread: ask for the server's time, and whether its answers' dates tell the same."""
        result = connect.custom_query("time()")
        answer = self._connection()[1].taken()
        at = float(result[1])
        if not isfinite(at):
            raise _malformed(result)
        self.clock.believe(Told(at, at, answer.sent, answer.received))
        self._dated, self._doubted = True, False
        self._dated = self._fits(answer)

    def _observe(self, answer: Answer) -> None:
        """Learn the time from an answer's date; one that does not fit is a reason to ask."""
        if self._dated and not self._fits(answer):
            self._dated, self._doubted = False, True

    def _fits(self, answer: Answer) -> bool:
        try:
            date = parsedate_to_datetime(answer.headers.get("Date", "")).timestamp()
        except ValueError:
            return False
        return self.clock.refine(Told(date, date + 1.0, answer.sent, answer.received))


def _samples(result: Iterable[Any]) -> Iterator[Sample]:
    for entry in result:
        try:
            at, value = entry["value"]
            yield Sample(_labels(entry["metric"]), float(at), float(value))
        except (KeyError, TypeError, ValueError) as error:
            raise _malformed(entry) from error


def _series(result: Iterable[Any]) -> Iterator[Series]:
    for entry in result:
        try:
            points = [(float(at), float(value)) for at, value in entry["values"]]
            yield Series(_labels(entry["metric"]), points)
        except (KeyError, TypeError, ValueError) as error:
            raise _malformed(entry) from error


def _labels(metric: dict[str, str]) -> dict[str, str]:
    if type(metric) is not dict or any(type(value) is not str for value in metric.values()):
        raise TypeError("labels are a mapping of strings")
    return metric


def _malformed(entry: object) -> PrometheusUnavailable:
    detail = f"a series that is none: {str(entry)[:120]}"
    return PrometheusUnavailable(Trouble.NOT_PROMETHEUS, detail)


def _text(seconds: float) -> str:
    return f"{seconds:.3f}"
