"""`--prometheus`: live counts, judged as the operator judges them, from a real Prometheus."""

import pytest
import yaml

from guard.harness import DATA, Guard
from guard.live_prometheus import prometheus

GOOD = DATA / "rollouts" / "good.yaml"


@pytest.fixture(scope="module")
def sick(tmp_path_factory: pytest.TempPathFactory):
    with prometheus(tmp_path_factory.mktemp("sick"), canary_errors=0.2) as url:
        yield url


@pytest.fixture(scope="module")
def well(tmp_path_factory: pytest.TempPathFactory):
    with prometheus(tmp_path_factory.mktemp("well"), canary_errors=0.0) as url:
        yield url


@pytest.mark.cluster
class TestJudged:
    def test_a_sick_canary(self, guard: Guard, sick: str):
        files = ("--output-md", "r.md", "--output-json", "r.json")
        outcome = guard.raw("--prometheus", sick, "--rollout", GOOD, "--fail-on-fallback", *files)
        assert outcome.code == 2, outcome.err
        assert outcome.triggers == ["error_rate"]
        assert outcome.step == "disable_adaptive_parallelism"
        (evidence,) = [e for e in outcome.report["evidence"] if e["name"] == "error_rate"]
        assert evidence["verdict"] == "Breached"
        assert evidence["canary"]["value"] == pytest.approx(0.2, abs=0.01)
        assert evidence["canary"]["requests"] > 100
        assert evidence["baseline"]["value"] == 0
        assert evidence["since"].endswith("Z")
        assert outcome.report["thresholds"]["max_p95_ms"] == 1000
        assert "`error_rate`" in (guard.folder / "r.md").read_text()

    def test_a_healthy_canary(self, guard: Guard, well: str):
        live = ("--prometheus", well, "--rollout", GOOD, "--since", "20m")
        outcome = guard.raw(*live, "--require-evidence", "--fail-on-fallback")
        assert outcome.code == 0, outcome.out + outcome.err
        assert outcome.report["status"] == "healthy"
        assert {item["verdict"] for item in outcome.report["evidence"]} == {"Within"}
        assert outcome.report["requests"]["bvr"] > 100

    def test_no_series_is_neither(self, guard: Guard, well: str):
        rollout = yaml.safe_load(GOOD.read_text())
        rollout["spec"]["target"]["deployment"] = "another"
        (guard.folder / "r.yaml").write_text(yaml.safe_dump(rollout))
        live = ("--prometheus", well, "--rollout", "r.yaml", "--fail-on-fallback")
        outcome = guard.raw(*live)
        assert (outcome.code, outcome.report["status"]) == (0, "inconclusive")
        assert guard.raw(*live, "--require-evidence").code == 3

    def test_the_whole_fleet(self, guard: Guard, well: str):
        rollout = yaml.safe_load(GOOD.read_text())
        rollout["spec"]["canary"] = {"mode": "Fleet", "steps": [{"hold": "10m"}]}
        (guard.folder / "r.yaml").write_text(yaml.safe_dump(rollout))
        outcome = guard.raw("--prometheus", well, "--rollout", "r.yaml", "--require-evidence")
        assert outcome.code == 0, outcome.out + outcome.err

    def test_label_matchers_instead_of_names(self, guard: Guard, sick: str):
        rollout = yaml.safe_load(GOOD.read_text())
        rollout["spec"]["target"]["deployment"] = "another"
        pods = {"canary": "pecr-controller-canary-.*", "baseline": "pecr-controller-7d.*"}
        rollout["spec"]["analysis"] = {
            "selectors": {
                cohort: [{"label": "pod", "op": "=~", "value": value}]
                for cohort, value in pods.items()
            }
        }
        (guard.folder / "r.yaml").write_text(yaml.safe_dump(rollout))
        outcome = guard.raw("--prometheus", sick, "--rollout", "r.yaml", "--fail-on-fallback")
        assert (outcome.code, outcome.triggers) == (2, ["error_rate"])


class TestRefused:
    def test_a_prometheus_that_is_not_there(self, guard: Guard):
        live = ("--prometheus", "http://127.0.0.1:9", "--rollout", GOOD)
        assert "http://127.0.0.1:9: Unreachable" in guard.raw(*live).refused

    def test_an_address_that_is_none(self, guard: Guard):
        live = ("--prometheus", "prometheus:9090", "--rollout", GOOD)
        assert "is no http or https URL" in guard.raw(*live).refused

    def test_a_window_that_is_too_short(self, guard: Guard):
        live = ("--prometheus", "http://127.0.0.1:9", "--rollout", GOOD, "--since", "5m")
        assert "give at least 330s" in guard.raw(*live).refused

    def test_a_token_that_cannot_be_read(self, guard: Guard):
        live = ("--prometheus", "http://127.0.0.1:9", "--rollout", GOOD)
        options = ("--prometheus-token-file", "nowhere", "--prometheus-ca-file", "nowhere")
        assert "nowhere" in guard.raw(*live, *options).refused

    def test_both_files_and_prometheus(self, guard: Guard):
        options = ("--prometheus", "http://127.0.0.1:9", "--rollout", GOOD)
        assert "leave out --summary" in guard.run(*options).refused
