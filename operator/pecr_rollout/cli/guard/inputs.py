"""The guard's input files, read into figures: a k6 summary and a gates file."""
# pathlib would take a tenth of the guard's cold start.
# ruff: noqa: PTH123

import json
from math import isfinite
from typing import NamedTuple

from pecr_rollout.cli.problem import Refused
from pecr_rollout.report import Signals

TREND_HINT = "run k6 with --summary-trend-stats 'p(95),p(99)'"


class Measured(NamedTuple):
    """What the files say.

    Attributes:
        signals: the figures.
        requests: how many requests stand behind each, None where the file does not say.
        max_bvr: the gates file's own limit of the budget violation rate.
        max_ser: the gates file's own limit of the staleness error rate.
    """

    signals: Signals
    requests: Signals
    max_bvr: float
    max_ser: float


def read_files(summary: str, gates: str) -> Measured:
    """Read both files of a load test.

    Raises:
        Refused: a file or a figure in it cannot be read or trusted.
    """
    p95, p99, requests = _latency(_Node.of_file(summary))
    node = _Node.of_file(gates)
    rates, thresholds = node.map("rates"), node.map("thresholds")
    finalized = node.count("finalize_total_delta")
    return Measured(
        signals=Signals(p95, p99, rates.number("bvr"), rates.number("ser")),
        requests=Signals(requests, requests, finalized, finalized),
        max_bvr=thresholds.number("bvr"),
        max_ser=thresholds.number("ser"),
    )


def _latency(summary: "_Node") -> tuple[float, float, float | None]:
    metrics = summary.map("metrics")
    duration = metrics.map("http_req_duration").values_of("p(95)")
    made = (
        metrics.map("http_reqs").values_of("count").count("count")
        if "http_reqs" in metrics
        else None
    )
    return duration.number("p(95)", TREND_HINT), duration.number("p(99)", TREND_HINT), made


def number(value: object, name: str) -> float:
    """Take a figure: a number, finite and not negative.

    Raises:
        Refused: it is none.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Refused(f"{name} is {_found(value)}, not a number")
    try:
        figure = float(value)
    except OverflowError:
        raise Refused(f"{name} is a number too large to be true") from None
    if not isfinite(figure) or figure < 0:
        raise Refused(f"{name} is {figure}; it must be finite and not negative")
    return figure


class _Node:
    """A JSON map that knows where it stands, so that a refusal can name the field."""

    def __init__(self, where: str, data: dict[str, object]) -> None:
        self.where = where
        self.data = data

    @classmethod
    def of_file(cls, path: str) -> "_Node":
        return cls._checked(f"{path}:", _load(path))

    @classmethod
    def _checked(cls, where: str, data: object) -> "_Node":
        if not isinstance(data, dict):
            raise Refused(f"{where} {_found(data)} where a JSON map is expected")
        return cls(where, data)

    def __contains__(self, key: str) -> bool:
        return self.data.get(key) is not None

    def map(self, key: str) -> "_Node":
        if key not in self.data:
            raise Refused(f"{self._name(key)} is missing; it must be a JSON map")
        return self._checked(self._name(key), self.data[key])

    def values_of(self, key: str) -> "_Node":
        """Give the map that holds the key: this one, or its `values` in k6's newer layout."""
        return self.map("values") if key not in self.data and "values" in self.data else self

    def number(self, key: str, hint: str = "") -> float:
        if key not in self.data:
            cure = f"; {hint}" if hint else "; it must be a number"
            raise Refused(f"{self._name(key)} is missing{cure}")
        return number(self.data[key], self._name(key))

    def count(self, key: str) -> float | None:
        return number(self.data[key], self._name(key)) if key in self else None

    def _name(self, key: str) -> str:
        part = f'["{key}"]' if "(" in key else key
        joint = "" if part is not key else " " if self.where.endswith(":") else "."
        return f"{self.where}{joint}{part}"


def _load(path: str) -> object:
    try:
        with open(path, encoding="utf-8-sig") as file:
            text = file.read()
    except OSError as error:
        raise Refused(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise Refused(f"{path}: is not UTF-8 text") from error
    if not text.strip():
        raise Refused(f"{path}: is empty; a JSON map is expected")
    return _parse(path, text)


def _parse(path: str, text: str) -> object:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise Refused(f"{path}: is not JSON: {error}") from error
    except (ValueError, RecursionError) as error:  # endless digits, endless brackets
        raise Refused(f"{path}: is not JSON that can be trusted: {error}") from error


def _found(value: object) -> str:
    kinds = {dict: "a map", list: "a list", str: "a text", bool: "a boolean", type(None): "null"}
    return kinds.get(type(value), "a number")
