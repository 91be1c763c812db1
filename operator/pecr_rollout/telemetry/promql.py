"""The queries, as text. Values stand in them only quoted and escaped: nothing can be injected."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final

from pecr_rollout.api.analysis import LabelMatcher
from pecr_rollout.contract.signals import (
    BUDGET_VIOLATIONS,
    INFLIGHT_OPS,
    QUEUE_WAIT,
    REQUEST_DURATION,
    REQUESTS,
    ROUTE,
    STOP_REASONS,
)
from pecr_rollout.telemetry.counters import COHORT, MARK, SEEN, SOURCES, Family, Needed
from pecr_rollout.telemetry.server import PrometheusServer
from pecr_rollout.telemetry.subjects import Subject

MAX_NAMES: Final = 100
"""Up to so many ReplicaSets pods are matched by name; beyond, a namespace's pods are all read and
sorted out here, which costs Prometheus less than a regular expression of that size."""

AGE_STEP: Final = 15.0
"""Seconds to which the age of a pod's series is read."""
FEWEST_SCRAPES: Final = 4
"""Fewer scrapes of a pod say nothing about their interval."""

REPLICA_SET: Final = "pecr_replica_set"
"""The label that our queries add to figures: pods are named after their ReplicaSet."""

_LABEL_NAME: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_REPLACEMENT: Final = 0xFFFD  # for half of a surrogate pair, which is no character
_SPECIAL: Final = re.compile(r"([\\.+*?()|\[\]{}^$])")
_ESCAPES: Final = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_OWN_LABELS: Final = ("le", "status", "terminal_mode", "reason")


def quote(value: str) -> str:
    """Write a string as PromQL does."""
    return '"' + "".join(_ESCAPES.get(c) or _plain(c) for c in value) + '"'


def _plain(character: str) -> str:
    """Write a character by its number unless it is plain; Prometheus refuses some as they are."""
    if character.isascii() and character.isprintable():
        return character
    number = ord(character)
    return f"\\U{_REPLACEMENT if 0xD800 <= number <= 0xDFFF else number:08x}"


def literal(value: str) -> str:
    """Write a string as a regular expression that fits it alone."""
    return _SPECIAL.sub(r"\\\1", value)


def matcher(label: str, op: str, value: str) -> str:
    """Write one label matcher.

    Raises:
        ValueError: the label or the operator is none.
    """
    if not _LABEL_NAME.fullmatch(label):
        raise ValueError(f"{label!r} is no name of a label")
    if op not in {"=", "!=", "=~", "!~"}:
        raise ValueError(f"{op!r} is no operator of a label matcher")
    return f"{label}{op}{quote(value)}"


def one_of(label: str, values: Iterable[str]) -> str:
    """Write a matcher that fits exactly these values; Prometheus looks such a set up by index."""
    return matcher(label, "=~", "|".join(literal(value) for value in sorted(set(values))))


def raw(server: PrometheusServer, subjects: Sequence[Subject], needed: Needed) -> str:
    """Ask for the raw counters of the pods of these subjects, and the times of their samples.

    Of two series of one pod's counter (scraped by two jobs) the larger counts: they are one.
    """
    chosen = [*_own(server.matchers), *_pods(server, subjects)]
    return _counters(chosen, needed, (server.namespace_label, server.pod_label))


def raw_by_matchers(
    server: PrometheusServer, cohorts: Sequence[tuple[str, Subject]], needed: Needed
) -> str:
    """Ask the same of subjects that are told by matchers; each series says of which cohort."""
    by = (server.namespace_label, server.pod_label, "instance")
    parts = []
    for cohort, subject in cohorts:
        counters = _counters(who(server, subject), needed, by)
        parts.append(f'label_replace({counters}, "{COHORT}", {quote(cohort)}, "", "")')
    return " or ".join(parts)


def _own(matchers: Iterable[LabelMatcher]) -> list[str]:
    return [matcher(entry.label, entry.op, entry.value) for entry in matchers]


def _pods(server: PrometheusServer, subjects: Sequence[Subject]) -> list[str]:
    spaces = one_of(server.namespace_label, (subject.namespace for subject in subjects))
    replica_sets = {literal(name) for subject in subjects for name in subject.replica_sets}
    deployments = {
        literal(name) + "-[a-z0-9]+" for subject in subjects for name in subject.deployments
    }
    names = sorted(replica_sets | deployments)
    if not names or len(names) > MAX_NAMES:
        return [spaces]
    return [spaces, matcher(server.pod_label, "=~", f"(?:{'|'.join(names)})-[a-z0-9]+")]


def _counters(chosen: Sequence[str], needed: Needed, by: Sequence[str]) -> str:
    kept = ", ".join(("__name__", *by, *_OWN_LABELS))
    selector = ", ".join([*_what(needed), *chosen])
    seen = ", ".join(chosen)
    return (
        f"sum by ({kept}) (max by ({kept}, outcome) ({{{selector}}}))"
        f" or label_replace(max by ({', '.join(by)})"
        f" (timestamp({BUDGET_VIOLATIONS.metric}{{{seen}}})),"
        f' "{MARK}", "{SEEN}", "", "")'
    )


def _what(needed: Needed) -> list[str]:
    """Match the needed metrics; a label that a metric does not have matches as empty."""
    metrics = (SOURCES[family].metric for family in needed.families)
    chosen = [one_of("__name__", metrics), one_of("route", (ROUTE, ""))]
    chosen.append(one_of("method", ("POST", "")))
    if Family.LATENCY in needed.families:
        bounds = {text for bound in needed.bounds for text in bound_texts(bound)}
        chosen.append(one_of("le", (*bounds, "")))
    return chosen


def figures(server: PrometheusServer, subjects: Sequence[Subject], window: float) -> str:
    """Ask for what people look at, by ReplicaSet, over the last seconds."""
    chosen = [*_own(server.matchers), *_pods(server, subjects)]
    pod = (server.namespace_label, server.pod_label)

    def by_replica_set(per_pod: str, *labels: str) -> str:
        named = f'label_replace({per_pod}, "{REPLICA_SET}", "$1", "{pod[1]}", "(.+)-[^-]+")'
        return f"sum by ({', '.join((pod[0], REPLICA_SET, *labels))}) ({named})"

    return " or ".join(_figures(chosen, pod, window, by_replica_set))


def figures_by_matchers(
    server: PrometheusServer, cohorts: Sequence[tuple[str, Subject]], window: float
) -> str:
    """Ask the same of subjects that are told by matchers."""
    pod = (server.namespace_label, server.pod_label, "instance")
    parts = []
    for cohort, subject in cohorts:
        chosen = who(server, subject)

        def together(per_pod: str, *labels: str) -> str:
            return f"sum by ({', '.join(labels)}) ({per_pod})"

        marked = " or ".join(_figures(chosen, pod, window, together))
        parts.append(f'label_replace({marked}, "{COHORT}", {quote(cohort)}, "", "")')
    return " or ".join(parts)


def traffic(server: PrometheusServer, subject: Subject, window: float) -> str:
    """Ask for the requests to POST /v1/run over the last seconds."""
    chosen = ", ".join([*_run_only(), *who(server, subject)])
    pod = f"{server.namespace_label}, {server.pod_label}, instance"
    return f"sum(max by ({pod}, status) (increase({REQUESTS.metric}{{{chosen}}}[{_span(window)}])))"


def known_for(server: PrometheusServer, subject: Subject, window: float) -> str:
    """Ask for how many of the last seconds the pods have samples."""
    return f"max({_age(server, subject, window)})"


def scraped_every(server: PrometheusServer, subject: Subject, window: float) -> str:
    """Ask for the seconds between two scrapes, at best; nothing on fewer than four of a pod."""
    samples = f"count_over_time({_alive(server, subject)}[{_span(window)}])"
    return f"min({_age(server, subject, window)} / ({samples} >= {FEWEST_SCRAPES}))"


def _age(server: PrometheusServer, subject: Subject, window: float) -> str:
    """Give each series' age, which is a pod's where it is younger than the window."""
    oldest = (
        f"min_over_time(timestamp({_alive(server, subject)})[{_span(window)}:{_span(AGE_STEP)}])"
    )
    return f"clamp_max(time() - {oldest}, {window:g})"


def _alive(server: PrometheusServer, subject: Subject) -> str:
    return f"{BUDGET_VIOLATIONS.metric}{{{', '.join(who(server, subject))}}}"


def anything() -> str:
    """Ask for some series of any controller, to see how its labels are called here."""
    return f"topk(5, {BUDGET_VIOLATIONS.metric})"


OfSubject = Callable[[PrometheusServer, Subject, float], str]
"""A query about one subject over some seconds."""
_Grouped = Callable[..., str]


def _figures(
    chosen: Sequence[str], pod: Sequence[str], window: float, grouped: _Grouped
) -> Iterator[str]:
    span = _span(window)
    run = ", ".join([*_run_only(), *chosen])
    all_ = ", ".join(chosen)
    latency = f"increase({REQUEST_DURATION.metric}_bucket{{{run}}}[{span}])"
    queue = f"increase({QUEUE_WAIT.metric}_bucket{{{all_}}}[{span}])"
    stops = f"increase({STOP_REASONS.metric}{{{all_}}}[{span}])"
    inflight = f"{INFLIGHT_OPS.metric}{{{all_}}}"
    for mark, value, labels, more in (
        ("latency", latency, ("le",), ("outcome",)),
        ("queue", queue, ("le",), ()),
        ("stops", stops, ("reason",), ()),
        ("inflight", inflight, (), ()),
    ):
        once = f"max by ({', '.join((*pod, *labels, *more))}) ({value})"
        yield f'label_replace({grouped(once, *labels)}, "{MARK}", "{mark}", "", "")'


def _run_only() -> list[str]:
    return [matcher("route", "=", ROUTE), matcher("method", "=", "POST")]


def who(server: PrometheusServer, subject: Subject) -> list[str]:
    """Give the matchers of one subject's pods."""
    pods = _own(subject.matchers) or _pods(server, [subject])
    return [*_own(server.matchers), *pods]


def _span(seconds: float) -> str:
    return f"{max(1, round(seconds * 1000))}ms"


def bound_texts(bound: float) -> set[str]:
    """Give how a bucket bound may be written: Prometheus 2 keeps 1, Prometheus 3 writes 1.0."""
    if bound == float("inf"):
        return {"+Inf"}
    texts = {repr(float(bound))}
    return texts | {str(int(bound))} if bound == int(bound) else texts
