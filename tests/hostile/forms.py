"""What may stand in a report's forms, whatever its texts are."""

import json
import re

from markdown_it import MarkdownIt

from pecr_rollout.contract.flags import BY_VARIABLE
from pecr_rollout.report import DecisionReport, to_env, to_json, to_markdown

_MARKDOWN = MarkdownIt("commonmark", {"html": True}).enable("table")
_TEXT = {"text", "text_special", "code_inline", "softbreak"}
_OURS = {"<code>", "</code>"}


def check_forms(report: DecisionReport) -> None:
    """Assert that no text became an assignment, a heading, a cell, a link or HTML."""
    check_env(to_env(report))
    json.loads(to_json(report))
    bare = report._replace(rollout=report.rollout and report.rollout._replace(incident=None))
    assert blocks(to_markdown(bare))


def check_env(text: str) -> None:
    first, *lines = text.removesuffix("\n").split("\n")
    assert first.startswith("# recommended fallback step: ")
    for line in lines:
        name = line.partition("=")[0]
        assert line.startswith("# ") or name in BY_VARIABLE, line
    assert text.splitlines() == [first, *lines], "a line break of another kind"


def blocks(text: str) -> list[str]:
    """Give the kinds of the blocks of a Markdown text, whose lines hold nothing but words."""
    kinds = []
    for token in _MARKDOWN.parse(text):
        kinds.append(token.type)
        for part in token.children or ():
            ours = part.type == "html_inline" and part.content in _OURS
            assert part.type in _TEXT or ours, (part.type, part.content)
        assert token.type != "html_block", token.content
    assert not re.search(r"[^\n\x20-\uffff\U00010000-\U0010ffff]", text), "a control character"
    return kinds
