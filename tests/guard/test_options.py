"""Every option through the real command line."""

import pytest

from guard.harness import Guard, gates, summary


@pytest.mark.parametrize("word", ["1", "true", "yes", "on", "TRUE", "Yes", "oN"])
def test_words_for_true(guard: Guard, word: str):
    outcome = guard.run("--rlm-default-enabled", word)
    assert outcome.report["current_state"]["rlm_default_enabled"] is True


@pytest.mark.parametrize("word", ["0", "false", "no", "off", "FALSE", "No", "oFF"])
def test_words_for_false(guard: Guard, word: str):
    state = guard.run("--adaptive-enabled", word).report["current_state"]
    assert state["adaptive_parallelism_enabled"] is False


def test_defaults_of_the_state(guard: Guard):
    assert guard.run().report["current_state"] == {
        "adaptive_parallelism_enabled": True,
        "batch_mode_enabled": True,
        "rlm_default_enabled": False,
        "auto_fallback_enabled": True,
        "baseline_shadow_percent": 0,
    }


def test_the_state_as_given(guard: Guard):
    options = {
        "--adaptive-enabled": "no",
        "--batch-enabled": "no",
        "--rlm-default-enabled": "yes",
        "--auto-fallback-enabled": "off",
        "--baseline-shadow-percent": "12.5",
        "--engine": "baseline",
    }
    report = guard.run(*[part for pair in options.items() for part in pair]).report
    assert report["engine"] == "baseline"
    assert report["current_state"] == {
        "adaptive_parallelism_enabled": False,
        "batch_mode_enabled": False,
        "rlm_default_enabled": True,
        "auto_fallback_enabled": False,
        "baseline_shadow_percent": 12.5,
    }


@pytest.mark.parametrize(
    ("engine", "shown"), [("RLM", "rlm"), (" baseline ", "baseline"), ("", "baseline")]
)
def test_engines(guard: Guard, engine: str, shown: str):
    assert guard.run("--engine", engine).report["engine"] == shown


@pytest.mark.parametrize(
    ("option", "variable", "key"),
    [
        ("--max-p95-ms", "PECR_CANARY_P95_BUDGET_MS", "max_p95_ms"),
        ("--max-p99-ms", "PECR_CANARY_P99_BUDGET_MS", "max_p99_ms"),
        (
            "--max-source-unavailable-rate",
            "PECR_CANARY_SOURCE_UNAVAILABLE_MAX_RATE",
            "max_source_unavailable_rate",
        ),
    ],
)
def test_budgets(guard: Guard, option: str, variable: str, key: str):
    from_environment = guard.run(env={variable: "0.25"})
    assert from_environment.report["thresholds"][key] == 0.25
    given = guard.run(option, "0.5", env={variable: "0.25"})
    assert given.report["thresholds"][key] == 0.5
    assert variable in guard.run(env={variable: "soon"}).refused
    assert variable in guard.run(env={variable: "nan"}).refused
    assert guard.run(option, "1", env={variable: "soon"}).code == 0  # not asked, not read


def test_a_zero_budget_is_one(guard: Guard):
    assert guard.run("--max-p95-ms", "0").triggers == ["latency_p95"]


class TestGithub:
    def test_annotations_follow_the_report(self, guard: Guard):
        outcome = guard.run("--github-annotations")
        assert outcome.out.splitlines()[-1].startswith("::notice title=Canary guard%3A healthy::")
        guard.write(summary(p95=1300), gates())
        last = guard.run("--github-annotations").out.splitlines()[-1]
        assert last.startswith("::error title=Canary guard%3A fallback required::")
        assert "1300 ms" in last
        assert "disable_adaptive_parallelism" in last

    def test_inconclusive_is_a_warning(self, guard: Guard):
        guard.write(summary(count=1), gates())
        outcome = guard.run("--github-annotations", "--require-evidence")
        assert outcome.out.splitlines()[-1].startswith("::warning ")

    def test_on_by_itself_in_github_actions(self, guard: Guard):
        assert "::notice" not in guard.run().out
        assert "::notice" in guard.run(env={"GITHUB_ACTIONS": "true"}).out

    def test_a_refusal_is_annotated_and_cannot_forge_a_command(self, guard: Guard):
        outcome = guard.raw(
            "--summary", "a%0A\n::error::x", "--metrics-gates", "b", "--github-annotations"
        )
        assert outcome.code == 1
        assert len(outcome.out.splitlines()) == 1
        assert outcome.out.startswith("::error title=Canary guard%3A no decision::a%250A ::error")


def test_help(guard: Guard):
    outcome = guard.raw("--help")
    assert outcome.code == 0
    assert "--fail-on-fallback" in outcome.out
    assert "exit status" in outcome.out
