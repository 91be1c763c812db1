"""Every text of the resource that the API server takes, in the queries that come of it."""

import re

import pytest
from pydantic import ValidationError

from hostile.around import HAND_MADE
from hostile.asked import asked, understood
from hostile.bodies import everywhere
from hostile.schema import named, schema
from hostile.texts import HOSTILE
from pecr_rollout.api.rollout import ControllerRollout, read
from pecr_rollout.contract.signals import BUDGET_VIOLATIONS
from pecr_rollout.runtime import bench
from pecr_rollout.telemetry import promql
from pecr_rollout.telemetry.server import PrometheusServer
from pecr_rollout.telemetry.subjects import Subject
from pecrfleet.kube import KubeError


@pytest.fixture(autouse=True)
def short_history(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its query is the same for two ticks, and they are read in no time."""
    monkeypatch.setattr(bench, "HISTORY_TICKS", 2)


def test_every_text_of_the_schema_is_tried():
    tried = {place.name for _, place in everywhere()}
    assert set(named(schema()["spec"], "spec")) <= tried
    assert {"metadata.name", "metadata.annotations.acknowledge"} <= tried


async def test_no_window_makes_a_query_of_all_rollouts_look_back_for_years():
    rollout = read(HAND_MADE["times of decades"])
    spans = [int(ms) for query in await asked(rollout) for ms in re.findall(r"\[(\d+)ms", query)]
    assert 0 < max(spans) <= 3_600_000


@pytest.mark.cluster
async def test_no_text_leaves_its_quotes(try_create, localcluster):
    """One test, since the same query need be taken apart once only."""
    known = {}

    async def shapes(rollout: ControllerRollout):
        for query in await asked(rollout):
            if query not in known:
                known[query] = understood(localcluster.prometheus_url, query)
            yield known[query]

    reached = set()
    for body, place in everywhere():
        plain = [one.shape async for one in shapes(read(body))]
        for text in HOSTILE:
            rollout = admitted(try_create, place.put(body, text))
            if rollout is None:
                continue
            found = [one async for one in shapes(rollout)]
            assert [one.shape for one in found] == plain, (place.name, text)
            if any(text in one.texts for one in found):
                reached.add(place.name)
    values = {f"spec.analysis.selectors.{who}.0.value" for who in ("canary", "baseline")}
    assert reached == values, "the only texts that reach a query, each as it is"


def admitted(try_create, body):
    """Give a rollout as it would be stored; None where it is refused, or stalls as unreadable.

    What the models do not read comes to no query, so that the API server need not be asked.
    """
    try:
        read(body)
        return read(try_create(body))
    except (KubeError, ValidationError):
        return None


@pytest.mark.cluster
@pytest.mark.parametrize("text", HOSTILE)
def test_a_name_that_nobody_admits_would_match_itself_alone(localcluster, text):
    """Names of objects are refused long before; the query does not count on that."""
    subject = Subject(text, replica_sets=(text,), deployments=(text,))
    query = f"{BUDGET_VIOLATIONS.metric}{{{', '.join(promql.who(SERVER, subject))}}}"
    space, pods = understood(localcluster.prometheus_url, query).texts[:2]
    assert re.fullmatch(space, text)
    assert re.fullmatch(pods, f"{text}-a1b2")
    for other in ("pecr", text + "x", "x" + text, ""):
        assert not re.fullmatch(space, other)
        assert not re.fullmatch(pods, f"{other}-a1b2-")


SERVER = PrometheusServer(url="http://p")
