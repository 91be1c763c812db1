"""The fleet's metrics against two real scrapes of the service."""

import re
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from pecrfleet.counting import Apportioner
from pecrfleet.exposition import render
from pecrfleet.latency import PROFILES, latency_shares
from pecrfleet.scenario import DEFAULT_EFFECT, Traffic
from pecrfleet.service import Service
from pecrfleet.traffic import Flow

SCRAPES = Path(__file__).parents[1] / "data" / "pecr"


def _families(text):
    return {
        family.name: (
            family.type,
            family.documentation,
            {(sample.name, tuple(sorted(sample.labels.items()))) for sample in family.samples},
        )
        for family in text_string_to_metric_families(text)
    }


def _without_values(text):
    return [re.sub(r"^(pecr_\S+) \S+$", r"\1", line) for line in text.splitlines()]


def _loaded():
    service = Service()
    effect = DEFAULT_EFFECT | {
        "violation_rate": 3 / 44,
        "terminal_modes": {"SUPPORTED": 24, "INSUFFICIENT_EVIDENCE": 20},
        "stop_reasons": {
            "bridge_invalid_request": 1 / 44,
            "budget_max_operator_calls": 3 / 44,
            "plan_complete": 27 / 44,
            "recovered_after_diff": 4 / 44,
        },
        "latency": ((0.04, 14), (0.09, 25), (0.2, 2), (0.4, 1), (0.9, 2)),
        "loop_iterations": 1 / 44,
    }
    service.capabilities(1)
    service.run(44, effect)
    return service


def test_a_fresh_service_is_byte_for_byte_the_real_one():
    assert render(Service()) == (SCRAPES / "scrape-at-start.prom").read_text()


def test_under_load_every_line_is_there_in_order():
    real = (SCRAPES / "scrape-under-load.prom").read_text()
    assert _without_values(render(_loaded())) == _without_values(real)
    assert _families(render(_loaded())) == _families(real)


def test_under_load_the_counts_are_the_real_ones():
    def counts(text):
        lines = [each for each in text.splitlines() if not each.startswith("#")]
        pairs = (each.rsplit(" ", 1) for each in lines)
        return {name: float(value) for name, value in pairs if "_sum" not in name}

    real = (SCRAPES / "scrape-under-load.prom").read_text()
    assert counts(render(_loaded())) == counts(real)


def test_a_server_error_has_no_terminal_mode():
    service = Service()
    service.run(10, DEFAULT_EFFECT | {"error_rate": 1.0, "violation_rate": 1.0})
    text = render(service)
    assert 'http_requests_total{method="POST",route="/v1/run",status="502"} 10' in text
    assert 'outcome="error",route="/v1/run",le="0.005"} 10' in text
    assert "terminal_modes_total" not in text
    assert "pecr_controller_budget_violations_total 0" in text


def test_a_source_that_is_gone_answers_200():
    service = Service()
    service.run(7, DEFAULT_EFFECT | {"terminal_modes": {"SOURCE_UNAVAILABLE": 1}})
    assert 'status="200"} 7' in render(service)
    assert 'terminal_mode="SOURCE_UNAVAILABLE"} 7' in render(service)


def test_one_request_can_add_two_violations():
    service = Service()
    service.run(5, DEFAULT_EFFECT | {"violation_rate": 2.0})
    assert service.violations == 10


def test_small_steps_lose_nothing():
    service = Service()
    for _ in range(1000):
        service.run(0.05, DEFAULT_EFFECT | {"violation_rate": 0.47})
    assert service.requests["POST", "/v1/run", "200"] == 50
    assert service.violations == 23
    assert service.terminal_modes == {"SUPPORTED": 45, "INSUFFICIENT_EVIDENCE": 5}


def test_splits_add_up_whatever_the_shares_do():
    numbers = Apportioner()
    total = 0
    for step in range(500):
        shares = {"a": 0.7, "b": 0.2 + step % 7 / 10, "c": 0.001}
        parts = numbers.split("x", step % 5, shares)
        assert all(count >= 0 for count in parts.values())
        assert sum(parts.values()) == step % 5
        total += parts.get("c", 0)
    assert total <= 3
    assert sum(numbers.split("x", 9, {"d": 1, "e": 2}).values()) == 9


def test_noise_is_repeatable_and_about_right():
    def drawn(seed):
        numbers = Apportioner(noise=True, seed=seed)
        return [numbers.amount("x", 3.0) for _ in range(400)]

    assert drawn("a") == drawn("a") != drawn("b")
    assert 2.7 < sum(drawn("a")) / 400 < 3.3
    parts = Apportioner(noise=True, seed="c").split("x", 1000, {"a": 0.9, "b": 0.1})
    assert sum(parts.values()) == 1000
    assert 60 < parts["b"] < 140


@pytest.mark.parametrize("name", PROFILES)
def test_profiles_are_whole(name):
    assert sum(latency_shares(name).values()) == pytest.approx(1)


def test_latencies():
    assert latency_shares("1.1s") == {1.1: 1.0}
    assert latency_shares("50ms") == {0.05: 1.0}
    assert latency_shares([[0.5, 0.3], [1, 0.7]]) == {0.5: 0.3, 1.0: 0.7}
    with pytest.raises(ValueError, match="neither one of fast"):
        latency_shares("soon")


def test_even_traffic_is_shared_by_the_ready():
    flow = Flow(Traffic(rps=100))
    assert flow.advance(10) == 0
    flow.change_ready(2, 10)
    assert flow.advance(11) == 50
    flow.change_ready(2, 11)
    assert flow.advance(12) == 75
    flow.change_traffic(Traffic(rps=10, split="perPod"), 12)
    assert flow.advance(13) == 85
    flow.change_ready(-4, 13)
    assert flow.advance(99) == 85
