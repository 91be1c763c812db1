"""The report's three forms."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pecr_rollout.report import (
    CurrentState,
    DecisionReport,
    Evidence,
    Figure,
    Owner,
    Recommendation,
    RolloutContext,
    Signals,
    Status,
    Thresholds,
    Trigger,
    Unit,
    Verdict,
    to_env,
    to_json,
    to_markdown,
)

OWNER = Owner("retrieval-oncall", "#retrieval-oncall")
CONTEXT = RolloutContext(
    namespace="pecr",
    name="rlm-engine",
    uid="0a1b2c3d-0000-0000-0000-000000000000",
    run="0a1b2c3d-1",
    phase="Fallback",
    step="1 of 2 (10%)",
    when="2026-11-24T02:19:33Z",
    owner=OWNER,
    incident="0a1b2c3d-1-1",
    acknowledge_command="kubectl -n pecr annotate cro rlm-engine pecr.dev/acknowledge=0a1b2c3d-1-1",
    done=("wrote PECR_CONTROLLER_ADAPTIVE_PARALLELISM_ENABLED=false to the cohort",),
)
REPORT = DecisionReport(
    status=Status.FALLBACK_REQUIRED,
    engine="rlm",
    current_state=CurrentState(adaptive_parallelism_enabled=True, batch_mode_enabled=True),
    signals=Signals(p95_ms=163.933, p99_ms=177.218, bvr=0.0682, ser=0.0),
    thresholds=Thresholds(1200.0, 1500.0, 0.005, 0.005, 0.05),
    triggers=(Trigger("budget_violation_rate", "6.82 % is over 0.5 %"),),
    recommended_fallback=Recommendation(
        "disable_adaptive_parallelism",
        {"PECR_CONTROLLER_ADAPTIVE_PARALLELISM_ENABLED": "false"},
        "the first step of the fallback order that still applies",
    ),
    requests=Signals(bvr=44),
    evidence=(
        Evidence(
            name="budget_violation_rate",
            canary=Figure(0.0682, 3, 44),
            baseline=Figure(0.001, 1, 1000),
            limit=0.005,
            unit=Unit.SHARE,
            verdict=Verdict.BREACHED,
            since="2026-11-24T02:14:33Z",
            sentence="6.82 % is over 0.5 %",
        ),
    ),
)


class TestJson:
    def test_keys_of_the_contract_come_first_and_in_order(self):
        data = json.loads(to_json(REPORT))
        assert list(data)[:7] == [
            "status",
            "engine",
            "current_state",
            "signals",
            "thresholds",
            "triggers",
            "recommended_fallback",
        ]
        assert data["triggers"] == [
            {"id": "budget_violation_rate", "message": "6.82 % is over 0.5 %"}
        ]
        assert data["recommended_fallback"]["env_updates"] == {
            "PECR_CONTROLLER_ADAPTIVE_PARALLELISM_ENABLED": "false"
        }
        assert data["requests"]["bvr"] == 44
        assert "rollout" not in data

    def test_the_operators_part_stands_beside(self):
        data = json.loads(to_json(REPORT._replace(rollout=CONTEXT)))
        assert data["rollout"]["incident"] == "0a1b2c3d-1-1"
        assert data["rollout"]["owner"] == {
            "name": "retrieval-oncall",
            "contact": "#retrieval-oncall",
        }
        assert data["evidence"][0]["baseline"] == {"value": 0.001, "events": 1, "requests": 1000}

    def test_never_writes_what_json_cannot_say(self):
        with pytest.raises(ValueError, match="nan"):
            to_json(REPORT._replace(signals=Signals(p95_ms=float("nan"))))

    def test_is_deterministic(self):
        assert to_json(REPORT) == to_json(REPORT._replace())


class TestEnv:
    def test_comment_then_assignments(self):
        assert to_env(REPORT).splitlines() == [
            "# recommended fallback step: disable_adaptive_parallelism",
            "PECR_CONTROLLER_ADAPTIVE_PARALLELISM_ENABLED=false",
        ]

    def test_a_line_break_cannot_forge_an_assignment(self):
        step = Recommendation("withdraw\nX=1", {"A": "1\nB=1", "C\nD": "1"}, "")
        assert to_env(REPORT._replace(recommended_fallback=step)).splitlines() == [
            "# recommended fallback step: withdraw X=1",
            "# A is left out: it has a line break",
            "# C D is left out: it has a line break",
        ]


class TestMarkdown:
    def test_tells_a_person_what_to_know(self):
        text = to_markdown(REPORT._replace(rollout=CONTEXT))
        for part in (
            "# Canary decision: fallback required",
            "`fallback_required`",
            "`rlm`",
            "`budget_violation_rate` | 6.82 % | 3 of 44 | 0.1 % (1 of 1000) | 0.5 % | Breached",
            "`disable_adaptive_parallelism`",
            "PECR_CONTROLLER_ADAPTIVE_PARALLELISM_ENABLED=false",
            "pecr.dev/acknowledge=0a1b2c3d-1-1",
            "retrieval-oncall, \\#retrieval-oncall",
        ):
            assert part in text

    @given(st.text())
    def test_no_text_of_a_user_breaks_the_table_or_becomes_html(self, evil):
        owner = Owner(evil, evil)
        context = CONTEXT._replace(owner=owner, name=evil, phase=evil, incident=evil or None)
        item = REPORT.evidence[0]._replace(name=evil, sentence=evil)
        report = REPORT._replace(rollout=context, evidence=(item,), engine=evil)
        plain = to_markdown(REPORT._replace(rollout=CONTEXT))
        text = to_markdown(report)
        assert len(text.split("\n")) == len(plain.split("\n"))
        for line, model in zip(text.split("\n"), plain.split("\n"), strict=True):
            if model.startswith("|"):
                assert line.count("|") == model.count("|")
        assert "<script" not in to_markdown(report._replace(engine="`<script>|"))

    def test_a_command_cannot_close_its_fence(self):
        context = CONTEXT._replace(acknowledge_command="x\n```\n<b>")
        assert "````sh\nx ``` <b>\n````" in to_markdown(REPORT._replace(rollout=context))
