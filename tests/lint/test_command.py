"""The command line: files, formats and exit statuses."""

import json

import pytest

from lint.harness import GOOD, config_map, deployment, dump, good, lint


def test_a_good_rollout():
    outcome = lint(GOOD)
    assert (outcome.code, outcome.err) == (0, "")
    assert "1 note" in outcome.out  # the ConfigMap is not among the files


def test_with_its_target_nothing_is_left_to_say():
    outcome = lint("-", stdin=dump(good(), config_map(), deployment()))
    assert (outcome.code, outcome.out.strip()) == (0, "nothing found")


def test_file_and_line_of_an_error(tmp_path):
    file = tmp_path / "bad.yaml"
    file.write_text(GOOD.read_text().replace("engine: rlm", "engine: RLM"))
    outcome = lint(file)
    assert outcome.code == 2
    assert f"{file}:10:5: error: spec.flagDelta.engine: \"RLM\" is not 'baseline' or" in outcome.out


def test_several_documents_and_files(tmp_path):
    (tmp_path / "a.yaml").write_text(dump(config_map(), good(flagDelta__engine="RLM")))
    (tmp_path / "b.yaml").write_text("---\n---\n" + dump(good(flagDelta__batchMode="no")))
    outcome = lint("a.yaml", "b.yaml", cwd=tmp_path)
    assert outcome.code == 2
    assert [line.partition(":")[0] for line in outcome.out.splitlines()[:2]] == ["a.yaml", "b.yaml"]


def test_json():
    outcome = lint("--format", "json", "-", stdin=dump(good(flagDelta__engine="RLM")))
    (finding,) = json.loads(outcome.out)["findings"]
    assert outcome.code == 2
    assert finding["file"] == "-"
    assert finding["severity"] == "error"
    assert finding["field"] == "spec.flagDelta.engine"
    assert finding["line"] > 1
    nothing = lint("--format", "json", "-", stdin=dump(good(), config_map()))
    assert json.loads(nothing.out) == {"findings": []}


def test_github():
    outcome = lint("--format", "github", "-", stdin=dump(good(flagDelta__engine="R%\n:")))
    assert outcome.code == 2
    (line,) = outcome.out.splitlines()
    assert line.startswith("::error file=-,line=")
    assert "%25" in line


def test_strict_fails_on_warnings():
    text = dump(good(slo__sustainedFor="1m"), config_map())
    assert lint("-", stdin=text).code == 0
    assert lint("--strict", "-", stdin=text).code == 2


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--bogus", "x"),
        ("--format", "xml", "-"),
        ("--rps", "0", "-"),
        ("--rps", "many", "-"),
        ("--replicas", "0", "-"),
        ("-", "-"),
        ("no-such-file.yaml",),
        (".",),
    ],
)
def test_wrong_command_lines_and_unreadable_files(arguments):
    outcome = lint(*arguments)
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err.count("\n") == 1
    assert outcome.err.startswith("pecr-rollout: ")


def test_a_file_that_is_no_text(tmp_path):
    (tmp_path / "x").write_bytes(b"\xff\xfe")
    assert "is not UTF-8" in lint(tmp_path / "x").err


class TestSmallestEffect:
    def test_said_for_each_signal(self):
        outcome = lint("--rps", "50", "-", stdin=dump(good(), config_map(), deployment()))
        assert outcome.code == 0
        for part in ("latency.p95", "terminalModes.SOURCE_UNAVAILABLE", "stopReasons.bridge_*"):
            assert f"spec.slo.{part}: " in outcome.out
        assert "4.55 requests a second" in outcome.out

    def test_too_little_traffic_is_a_warning(self):
        outcome = lint("--rps", "0.1", "--strict", "-", stdin=dump(good(), config_map()))
        assert outcome.code == 2
        assert "warning: spec.slo.errorRate" in outcome.out

    def test_replicas_where_no_file_has_them(self):
        steps = [{"cohort": 2, "hold": "10m"}]
        text = dump(good(canary__steps=steps), config_map())
        assert "give --replicas" in lint("--rps", "50", "-", stdin=text).out
        outcome = lint("--rps", "50", "--replicas", "8", "-", stdin=text)
        assert "with 10 requests a second" in outcome.out
