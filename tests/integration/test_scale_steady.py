"""While nothing changes, a rollout asks nothing of the API server and hardly writes its status.

docs/performance.md has what hundreds of them cost.
"""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from integration.harness.phases import in_canary, signal
from integration.harness.process import Operator
from integration.harness.waiting import wait_until

pytestmark = pytest.mark.cluster

EVALUATIONS = 6


def counted(operator: Operator, metric: str) -> dict[tuple[str, str], float]:
    """Give a counter's values, by verb and resource where it has them."""
    families = text_string_to_metric_families(operator.get("/metrics")[1])
    samples = [sample for family in families for sample in family.samples]
    return {
        (sample.labels.get("verb", ""), sample.labels.get("resource", "")): sample.value
        for sample in samples
        if sample.name == f"pecr_rollout_{metric}"
    }


def test_evaluations_alone_ask_nothing(install):
    world = install()
    rollout = in_canary(world)
    rollout.await_(lambda status: signal(status).get("reason") == "Undecided")

    def evaluations() -> float:
        return sum(counted(world.operator, "evaluations_total").values())

    def requests() -> dict[tuple[str, str], float]:
        return counted(world.operator, "api_requests_total")

    def await_evaluations(more: int) -> None:
        wanted = evaluations() + more
        wait_until(lambda: evaluations() >= wanted, explain=lambda: "nothing is evaluated")

    await_evaluations(1)  # what led here is over
    before = requests()
    await_evaluations(EVALUATIONS)
    grown = {what: number - before.get(what, 0) for what, number in requests().items()}
    asked = {what: number for what, number in grown.items() if number}
    assert asked in ({}, {("patch", "controllerrollouts"): 1}), "figures, once a minute at most"
