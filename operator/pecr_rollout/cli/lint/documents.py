"""YAML documents with the place of every field."""

import re
import sys
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml

from pecr_rollout.cli.lint.finding import Finding, Place, Severity
from pecr_rollout.cli.problem import Refused

STDIN: Final = "-"
MOST_NODES: Final = 100_000
"""Aliases of aliases can stand for more fields than any memory holds."""

Field = tuple[str | int, ...]
"""A field's path in its document."""


@dataclass(frozen=True)
class Document:
    """One YAML document.

    Attributes:
        file: name of its file.
        data: its content.
        places: where each field stands, by its path.
    """

    file: str
    data: Any
    places: dict[Field, Place]

    def place(self, field: Field) -> Place:
        """Give the field's place, or that of the nearest field around it."""
        while field not in self.places:
            field = field[:-1]
        return self.places[field]

    @property
    def kind(self) -> str:
        """Give the kind of the resource, empty where there is none."""
        kind = self.data.get("kind") if isinstance(self.data, dict) else None
        return kind if isinstance(kind, str) else ""

    @property
    def parts(self) -> list["Document"]:
        """Give the documents that it lists; a document that is no list is its only part."""
        items = self.data.get("items") if self.kind.endswith("List") else None
        if not isinstance(items, list):
            return [self]
        return [self._part(number, item) for number, item in enumerate(items)]

    def _part(self, number: int, item: object) -> "Document":
        around = ("items", number)
        inside = {field[2:]: at for field, at in self.places.items() if field[:2] == around}
        return Document(self.file, item, inside)

    def get(self, *field: str | int) -> Any:  # noqa: ANN401 - YAML holds anything
        """Give the value of a field, or None where it is not there."""
        value = self.data
        for key in field:
            try:
                value = value[key]
            except (KeyError, IndexError, TypeError):
                return None
        return value


class _BrokenError(Exception):
    """The document cannot be read from here on."""

    def __init__(self, message: str, mark: yaml.Mark | None) -> None:
        super().__init__(message)
        self.mark = mark


class _Loader(yaml.SafeLoader):
    """YAML as the API server's clients read it: no timestamps, floats without a point."""


_Loader.yaml_implicit_resolvers = {
    first: [pair for pair in pairs if pair[0] != "tag:yaml.org,2002:timestamp"]
    for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?[0-9]+[eE][-+]?[0-9]+$"), list("-+0123456789")
)


def read_text(name: str) -> str:
    """Read a file, or standard input for `-`.

    Raises:
        Refused: it cannot be read.
    """
    try:
        raw = sys.stdin.buffer.read() if name == STDIN else Path(name).read_bytes()
        return raw.decode("utf-8-sig")
    except OSError as error:
        raise Refused(f"{name}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise Refused(f"{name}: is not UTF-8 text") from error


def read_documents(name: str, text: str) -> Iterator[Document | Finding]:
    """Give the documents of a text in order; what cannot be read is a finding, and the end."""
    try:
        loader = _Loader(text)
        while loader.check_node():
            yield from _document(name, loader)
    except yaml.MarkedYAMLError as error:
        yield _syntax(name, f"{error.problem or error.context}", error.problem_mark)
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        place = Place(name, line, 1)
        yield Finding(place, Severity.ERROR, "yaml", "", f"not a YAML text: {error.reason}")
    except _BrokenError as error:
        yield _syntax(name, str(error), error.mark)
    except RecursionError:
        yield _syntax(name, "nested too deeply to be a manifest", None)


def _document(name: str, loader: _Loader) -> Iterator[Document | Finding]:
    if (node := loader.get_node()) is None:
        return
    walk = _Walk(name)
    walk.visit(node, (), ())
    data = loader.construct_document(node)
    yield from walk.findings
    if data is not None:
        yield Document(name, data, walk.places)


class _Walk:
    """Notes the place of every field, and the keys that stand twice."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.places: dict[Field, Place] = {}
        self.findings: list[Finding] = []

    def visit(self, node: yaml.Node, field: Field, around: tuple[int, ...]) -> None:
        if id(node) in around:
            raise _BrokenError("an alias that holds itself", node.start_mark)
        if len(self.places) > MOST_NODES:
            raise _BrokenError("aliases that stand for too many fields", node.start_mark)
        self.places.setdefault(field, _place(self.name, node.start_mark))
        around = (*around, id(node))
        if isinstance(node, yaml.MappingNode):
            self._mapping(node, field, around)
        elif isinstance(node, yaml.SequenceNode):
            for index, item in enumerate(node.value):
                self.visit(item, (*field, index), around)

    def _mapping(self, node: yaml.MappingNode, field: Field, around: tuple[int, ...]) -> None:
        seen: set[Hashable] = set()
        for key, value in node.value:
            name = key.value if isinstance(key, yaml.ScalarNode) else "?"
            if name == "<<":
                self.visit(value, (*field, name), around)
                continue
            if name in seen:
                self.findings.append(self._twice(key, (*field, name)))
            seen.add(name)
            self.places[*field, name] = _place(self.name, key.start_mark)
            self.visit(value, (*field, name), around)

    def _twice(self, key: yaml.Node, field: Field) -> Finding:
        message = "the key stands twice; only one value would count: keep one"
        place = _place(self.name, key.start_mark)
        return Finding(place, Severity.ERROR, "duplicate-key", shown(field), message)


def shown(field: Field) -> str:
    """Write a field's path for people: `spec.canary.steps[0].hold`."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in field)
    return text.removeprefix(".")


def _place(name: str, mark: yaml.Mark) -> Place:
    return Place(name, mark.line + 1, mark.column + 1)


def _syntax(name: str, problem: str, mark: yaml.Mark | None) -> Finding:
    place = Place(name, 1, 1) if mark is None else _place(name, mark)
    return Finding(place, Severity.ERROR, "yaml", "", f"not a YAML document: {problem}")
