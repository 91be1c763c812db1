"""The commands of the documents, word for word."""

import re
from typing import NamedTuple

from pecr_packaging.render import ROOT

DOCUMENTS = (
    *(ROOT / f"{name}.md" for name in ("README", "CONTRIBUTING", "SECURITY")),
    *sorted((ROOT / "docs").glob("*.md")),
)
_INDENTED = re.compile(r"^(?: {4}| {7})(\S.*)$", re.MULTILINE)
_FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_PROGRAM = re.compile(
    r"(?:[A-Z_]+=\S+ )*(?:\.venv/bin/)?"
    r"(kubectl|helm|make|python3?|pip|pytest|pre-commit|pecr-rollout|curl|eval|export"
    r"|cosign|git|docker|kind|flux|argocd|kustomize|promtool|k6)\b(?!:)"
)
_REMARK = re.compile(r"\s{2,}.*$|\s+#\s.*$")


class Command(NamedTuple):
    """A command, and where it stands."""

    document: str
    text: str


def documented() -> list[Command]:
    """Give every command in the order of its document; continued lines are joined."""
    return [
        Command(document.name, command)
        for document in DOCUMENTS
        for command in commands_of(document.read_text(encoding="utf-8"))
    ]


def commands_of(text: str) -> list[str]:
    """Give the commands of one document: indented lines that begin with a program's name."""
    joined = re.sub(r"\\\n\s*", "", _FENCED.sub("", text))
    lines = (_REMARK.sub("", line) for line in _INDENTED.findall(joined))
    return [line for line in lines if _PROGRAM.match(line)]


def tutorial() -> list[str]:
    """Give the commands of the tutorial."""
    return commands_of((ROOT / "docs/tutorial.md").read_text(encoding="utf-8"))
