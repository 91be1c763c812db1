"""Contract and runbook change together, and the tables say what the data says."""

import re
import subprocess
from pathlib import Path

import pytest

from pecr_rollout.cli.docs import FINGERPRINT_LINE, generate, hand_written, main
from pecr_rollout.cli.reference import reference
from pecr_rollout.contract import fallback, fingerprint, guard, signals

ROOT = Path(__file__).resolve().parents[2]
CONTRACT = ROOT / "docs" / "contract.md"
RUNBOOK = ROOT / "docs" / "runbook.md"
MARK = r"Contract fingerprint: `[0-9a-f]+`"


def test_the_tables_are_generated_from_the_data():
    assert generate(CONTRACT.read_text()) == CONTRACT.read_text(), "run `make docs`"


def test_the_runbook_was_read_against_this_contract():
    mark = FINGERPRINT_LINE.format(fingerprint.fingerprint(hand_written(CONTRACT.read_text())))
    assert mark in CONTRACT.read_text(), "run `make docs`"
    assert re.findall(MARK, RUNBOOK.read_text()) == [mark], (
        "the contract has changed: read docs/runbook.md against it, correct what no longer holds,"
        f" then write this line there by hand: {mark}"
    )


def test_every_commit_that_changed_the_contract_changed_the_runbook():
    """Through the history that is here, the index and the working tree excepted."""
    for commit in _git("log", "--format=%H", "-G", MARK, "--", "docs/contract.md").split():
        changed = _git("show", "--format=", "--name-only", "-m", "--first-parent", commit).split()
        assert "docs/runbook.md" in changed, f"commit {commit} changes the contract alone"


def test_making_the_documents_twice_changes_nothing(tmp_path: Path):
    (tmp_path / "contract.md").write_text(CONTRACT.read_text())
    main(tmp_path)
    before = {path.name: (path.read_text(), path.stat().st_mtime_ns) for path in tmp_path.iterdir()}
    main(tmp_path)
    after = {path.name: (path.read_text(), path.stat().st_mtime_ns) for path in tmp_path.iterdir()}
    assert set(after) == {"contract.md", "reference.md"}
    assert after == before


def test_the_reference_is_generated_from_the_models():
    assert reference() == (ROOT / "docs" / "reference.md").read_text(), "run `make docs`"


def test_the_reference_has_every_field_with_its_meaning():
    rows = [line for line in reference().splitlines() if line.startswith("| `")]
    fields = [row.split("`")[1] for row in rows]
    assert "spec.slo.latency.p95" in fields
    assert "spec.canary.steps[].hold" in fields
    assert "spec.slo.terminalModes.*.maxIncrease" in fields
    assert len(fields) == len(set(fields))
    assert [row for row in rows if row.split("|")[-2].strip() == ""] == []


def test_a_block_that_nothing_generates_is_an_error():
    with pytest.raises(KeyError):
        generate("<!-- generated: poems -->\n<!-- end -->")


class TestFingerprint:
    def test_changes_with_the_data(self, monkeypatch):
        before = fingerprint.fingerprint()
        monkeypatch.setattr(fallback, "FALLBACK_ORDER", fallback.FALLBACK_ORDER[::-1])
        assert fingerprint.fingerprint() != before

    def test_changes_with_the_words_but_not_with_their_wrapping(self):
        assert fingerprint.fingerprint("a b") == fingerprint.fingerprint("a\n b ")
        assert fingerprint.fingerprint("a b") != fingerprint.fingerprint("a c")

    def test_is_not_changed_by_what_is_generated(self):
        text = "x <!-- generated: fingerprint -->\n{}<!-- end --> y"
        assert hand_written(text.format("")) == hand_written(text.format("z\n"))


class TestRunbook:
    @pytest.mark.parametrize("trigger", signals.Trigger)
    def test_every_trigger_has_a_heading(self, trigger):
        headings = [line for line in RUNBOOK.read_text().splitlines() if line.startswith("###")]
        assert any(f"`{trigger}`" in line for line in headings)

    @pytest.mark.parametrize(
        "step",
        [
            *(step.name for step in guard.GUARD_ORDER),
            fallback.WITHDRAW,
            fallback.ALREADY_SAFEST,
            fallback.NONE,
        ],
    )
    def test_every_step_has_a_row_with_what_it_writes(self, step):
        (row,) = re.findall(rf"^\| `{step}` \|.*$", RUNBOOK.read_text(), re.MULTILINE)
        for known in guard.GUARD_ORDER:
            if known.name == step:
                assert all(f"{key}={value}" in row for key, value in known.updates.items())


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        pytest.skip("git is not here")
    if done.returncode != 0:
        pytest.skip(f"no history here: {done.stderr.strip()}")
    return done.stdout
