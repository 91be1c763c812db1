"""The text of `/metrics`, exactly as the real service writes it."""

from collections.abc import Iterable, Iterator, Mapping

from pecrfleet.service import RUN, Histogram, Service

CONTENT_TYPE = "text/plain; version=0.0.4"
_PREFIX = "pecr_controller_"
_Series = Iterable[tuple[str, str]]


def render(service: Service) -> str:
    """All families that have a series, in the order of their names."""
    lines = [line for family in _families(service) for line in family]
    return "\n".join(lines) + "\n"


def _families(service: Service) -> Iterator[list[str]]:
    reasons = {_labels(reason=k): v for k, v in service.stop_reasons.items()}
    yield _counter("budget_stop_reasons_total", "Controller context-loop stop reasons.", reasons)
    violations = {"": service.violations}
    yield _counter("budget_violations_total", "Controller budget violations observed.", violations)
    durations = {
        _labels(method=method, outcome=outcome, route=route): histogram
        for (method, outcome, route), histogram in service.durations.items()
    }
    yield _histogram(
        "http_request_duration_seconds",
        "Controller HTTP request duration in seconds.",
        durations,
    )
    requests = {
        _labels(method=method, route=route, status=status): count
        for (method, route, status), count in service.requests.items()
    }
    yield _counter("http_requests_total", "Controller HTTP request count.", requests)
    yield _family(
        "inflight_ops",
        "gauge",
        "Controller currently in-flight operator calls.",
        [(f"{_PREFIX}inflight_ops", _number(service.inflight))],
    )
    loops = {"": service.loop_iterations} if service.loop_iterations else {}
    yield _counter("loop_iterations_total", "Controller context loop iterations.", loops)
    yield _histogram(
        "operator_queue_wait_seconds",
        "Time an operator call spent queued before execution.",
        {"": service.queue_wait},
    )
    modes = {_labels(route=RUN, terminal_mode=k): v for k, v in service.terminal_modes.items()}
    yield _counter(
        "terminal_modes_total", "Controller terminal modes observed in responses.", modes
    )


def _counter(name: str, text: str, series: Mapping[str, int]) -> list[str]:
    full = _PREFIX + name
    pairs = ((_series(full, labels), str(series[labels])) for labels in sorted(series))
    return _family(name, "counter", text, pairs)


def _histogram(name: str, text: str, series: Mapping[str, Histogram]) -> list[str]:
    pairs = [
        pair
        for labels in sorted(series)
        for pair in _buckets(_PREFIX + name, labels, series[labels])
    ]
    return _family(name, "histogram", text, pairs)


def _buckets(full: str, labels: str, histogram: Histogram) -> Iterator[tuple[str, str]]:
    before = f"{labels}," if labels else ""
    cumulative = 0
    for bound, count in zip((*histogram.bounds, None), histogram.counts, strict=True):
        cumulative += count
        le = "+Inf" if bound is None else _number(bound)
        yield _series(f"{full}_bucket", f'{before}le="{le}"'), str(cumulative)
    yield _series(f"{full}_sum", labels), _number(histogram.total)
    yield _series(f"{full}_count", labels), str(cumulative)


def _family(name: str, kind: str, text: str, series: _Series) -> list[str]:
    full = _PREFIX + name
    lines = [f"{key} {value}" for key, value in series]
    return [f"# HELP {full} {text}", f"# TYPE {full} {kind}", *lines] if lines else []


def _series(name: str, labels: str) -> str:
    return f"{name}{{{labels}}}" if labels else name


def _labels(**labels: str) -> str:
    return ",".join(f'{name}="{value}"' for name, value in sorted(labels.items()))


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(value)
