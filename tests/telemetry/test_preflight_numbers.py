"""What preflight makes of a Prometheus whose numbers are none."""

import pytest

from pecr_rollout.telemetry import promql
from pecr_rollout.telemetry.client import Sample
from pecr_rollout.telemetry.preflight import _number
from pecr_rollout.telemetry.server import PrometheusServer
from pecr_rollout.telemetry.subjects import Subject


class Says:
    """A Prometheus that answers everything with these values."""

    def __init__(self, *values):
        self.server = PrometheusServer(url="http://says")
        self.values = values

    async def instant(self, _query, at, read):
        return read([Sample({}, at, value) for value in self.values])


@pytest.mark.parametrize("odd", [float("nan"), float("inf"), float("-inf")])
async def test_what_is_no_number_adds_nothing(odd):
    """One pod that says NaN made the whole preflight a bug."""
    found = await _number(Says(3.0, odd), promql.traffic, Subject("shop", ("a",)), 0.0)
    assert found == 3.0
