"""Alerts fire when they should, and ask only for metrics that exist, as does the dashboard."""

import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from localcluster.binaries import Binaries
from pecr_packaging import dashboard
from pecr_packaging.render import CHART, ROOT
from pecr_rollout.api.status import Phase, RateStatus, SignalStatus, Status
from pecr_rollout.runtime.leading import Role
from pecr_rollout.runtime.metrics import Metrics
from pecr_rollout.runtime.queue import Key
from pecr_rollout.runtime.shown import PREFIX, VERDICTS

ALERTS = CHART / "files" / "alerts.yaml"
RULES = yaml.safe_load(ALERTS.read_text())["groups"][0]["rules"]
CASES = Path(__file__).with_name("alerts_test.yaml")
METRIC = re.compile(rf"\b{PREFIX}\w+")


@pytest.fixture(scope="module")
def promtool():
    return Binaries().path("promtool")


def run(promtool, *arguments, cwd):
    done = subprocess.run(
        [promtool, *arguments], cwd=cwd, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_alerts_are_well_formed(promtool, tmp_path):
    run(promtool, "check", "rules", "--lint=all", "--lint-fatal", str(ALERTS), cwd=tmp_path)


def test_the_alerts_fire(promtool, tmp_path):
    (tmp_path / "alerts.yaml").write_text(ALERTS.read_text())
    (tmp_path / "cases.yaml").write_text(CASES.read_text())
    run(promtool, "test", "rules", "cases.yaml", cwd=tmp_path)


def test_every_alert_is_tested():
    tested = {
        case["alertname"]
        for test in yaml.safe_load(CASES.read_text())["tests"]
        for case in test["alert_rule_test"]
        if case.get("exp_alerts")
    }
    assert tested == {rule["alert"] for rule in RULES}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_the_runbook_has_the_section(rule):
    anchor = rule["annotations"]["runbook_url"].removeprefix("RUNBOOK_URL#")
    headings = re.findall(r"^#+ (.*)$", (ROOT / "docs/runbook.md").read_text(), re.MULTILINE)
    anchors = {re.sub(r"[^\w -]", "", each.lower()).strip().replace(" ", "-") for each in headings}
    assert anchor in anchors


def exported() -> dict[str, set[str]]:
    """Give the names that the operator exports, with their labels."""
    found: dict[str, set[str]] = {}
    metrics = Metrics()
    Role(None).show(metrics.registry)
    collectors = vars(metrics).values()
    labels = {
        each._name: set(each._labelnames) for each in collectors if hasattr(each, "_labelnames")
    }
    signal = SignalStatus(name="error_rate", verdict="Within", canary=RateStatus(rate=0.1))
    metrics.show(Key("ns", "a"), Status(signals=[signal]), opened_at=1.0)
    for family in text_string_to_metric_families(metrics.text().decode()):
        own = labels.get(family.name, set()).union(*(sample.labels for sample in family.samples))
        names = {
            "counter": [f"{family.name}_total"],
            "histogram": [f"{family.name}_{part}" for part in ("bucket", "sum", "count")],
        }.get(family.type, [family.name])
        found |= {name: own | ({"le"} if name.endswith("_bucket") else set()) for name in names}
    return found


def queries() -> dict[str, str]:
    panels = {
        f"{panel.title}: {legend}": query
        for panel in dashboard.PANELS
        for query, legend in panel.queries
    }
    return panels | {rule["alert"]: rule["expr"] for rule in RULES}


@pytest.mark.parametrize(("name", "query"), list(queries().items()), ids=list(queries()))
def test_queries_ask_for_what_exists(name, query):
    known = exported()
    asked = METRIC.findall(query)
    assert asked
    assert set(asked) <= set(known)
    labels = set().union(*(known[metric] for metric in asked))
    named = set(re.findall(r"(\w+)=~?\"", query))
    grouped = {
        word.strip()
        for group in re.findall(r"(?:by|on|ignoring) \(([^)]*)\)", query)
        for word in group.split(",")
    }
    assert named | grouped <= labels
    assert set(re.findall(r'verdict="(\w+)"', query)) <= set(VERDICTS)
    phases = {p for found in re.findall(r'phase=~?"([\w|]+)"', query) for p in found.split("|")}
    assert phases <= {phase.value for phase in Phase}


def test_legends_name_labels_that_exist():
    known = exported()
    for panel in dashboard.PANELS:
        for query, legend in panel.queries:
            labels = set().union(*(known[metric] for metric in METRIC.findall(query)))
            assert set(re.findall(r"\{\{(\w+)\}\}", legend)) <= labels


def test_the_dashboard_is_whole():
    made = json.loads((CHART / "files" / "dashboard.json").read_text())
    assert made["uid"] == "pecr-rollouts"
    assert len({panel["id"] for panel in made["panels"]}) == len(dashboard.PANELS)
    for panel in made["panels"]:
        assert panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24
