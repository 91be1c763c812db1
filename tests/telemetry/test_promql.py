import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pecr_rollout.api.analysis import LabelMatcher
from pecr_rollout.telemetry import promql
from pecr_rollout.telemetry.counters import Family, Needed
from pecr_rollout.telemetry.server import PrometheusServer
from pecr_rollout.telemetry.subjects import Subject

SERVER = PrometheusServer(url="http://p")
NEEDED = Needed(frozenset({Family.LATENCY, Family.VIOLATIONS}), frozenset({1.0, 2.5, float("inf")}))
HOSTILE = [
    '"} or vector(1) #',
    "\\",
    '\\"',
    "a\nb",
    "\x00\x7f\u2028",
    "😀`'\"",
    "\ud800",
    "\ufffd",
    "(((((.*)*)*)*",
    "$1 {{ $labels }}",
]


def unquote(text):
    """Read a PromQL string as its lexer does; fails where it would end early."""
    body = re.fullmatch(r'"((?:[^"\\\n]|\\["\\nrt]|\\U[0-9a-f]{8})*)"', text)
    assert body, text
    named = {"n": "\n", "r": "\r", "t": "\t"}
    return re.sub(
        r"\\(U[0-9a-f]{8}|.)",
        lambda m: chr(int(m[1][1:], 16)) if len(m[1]) > 1 else named.get(m[1], m[1]),
        body[1],
    )


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_strings_stay_inside_their_quotes(text):
    assert unquote(promql.quote(text)) == text.replace("\ud800", "\ufffd")


@given(st.text(st.characters(blacklist_categories=("Cs",))))
def test_every_string_is_quoted_as_itself(text):
    assert unquote(promql.quote(text)) == text


@given(st.text(st.characters(blacklist_categories=("Cs",))), st.text())
def test_a_literal_fits_itself_alone(text, other):
    pattern = re.compile(promql.literal(text), re.DOTALL)
    assert pattern.fullmatch(text)
    assert (text == other) == bool(pattern.fullmatch(other))


@pytest.mark.parametrize("label", ["", "a-b", "1a", 'a="b",c', "a b", "ä", "a\n"])
def test_a_label_that_is_none_is_refused(label):
    with pytest.raises(ValueError, match="is no name of a label"):
        promql.matcher(label, "=", "x")


def test_an_operator_that_is_none_is_refused():
    with pytest.raises(ValueError, match="is no operator"):
        promql.matcher("a", "==", "x")


def test_only_posts_to_the_route_that_counts_are_asked_for():
    query = promql.raw(SERVER, [Subject("shop", ("rs-1",))], NEEDED)
    assert 'route=~"|/v1/run"' in query
    assert 'method=~"|POST"' in query


def test_a_bound_is_asked_for_as_both_versions_of_prometheus_write_it():
    assert promql.bound_texts(1.0) == {"1", "1.0"}
    assert promql.bound_texts(2.5) == {"2.5"}
    assert promql.bound_texts(float("inf")) == {"+Inf"}


def test_pods_are_matched_by_their_replica_sets():
    query = promql.raw(SERVER, [Subject("shop", ("rs.1",)), Subject("shop", (), ("dep",))], NEEDED)
    assert r'pod=~"(?:dep-[a-z0-9]+|rs\\.1)-[a-z0-9]+"' in query


def test_a_fleet_of_rollouts_is_asked_for_by_namespace_alone():
    subjects = [Subject(f"ns-{n}", (f"rs-{n}",)) for n in range(promql.MAX_NAMES + 1)]
    query = promql.raw(SERVER, subjects, NEEDED)
    assert "pod=~" not in query
    assert "ns-0|ns-1|" in query


def test_the_query_grows_by_the_namespace_only():
    def length(rollouts):
        subjects = [Subject(f"team-{n:04}", (f"rs-{n}",)) for n in range(rollouts)]
        return len(promql.raw(SERVER, subjects, NEEDED))

    assert length(500) < 20_000


def test_labels_and_matchers_of_the_server_are_used():
    server = PrometheusServer(
        url="http://p",
        namespace_label="kubernetes_namespace",
        pod_label="kubernetes_pod_name",
        matchers=(LabelMatcher(label="cluster", value="a"),),
    )
    query = promql.raw(server, [Subject("shop", ("rs-1",))], NEEDED)
    assert query.count('cluster="a"') == 2
    assert 'kubernetes_namespace=~"shop"' in query
    assert 'kubernetes_pod_name=~"(?:rs-1)-' in query
    assert " pod" not in query


def test_a_server_needs_labels_and_an_address():
    with pytest.raises(ValueError, match="is no name of a label"):
        PrometheusServer(url="http://p", pod_label='pod="')
    with pytest.raises(ValueError, match="is no http or https URL"):
        PrometheusServer(url="file:///etc/passwd")
