"""The schema's refusals, in words that say what to write instead."""

import json
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any, Final

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from pecr_rollout.api.rollout import API_VERSION, KIND, ControllerRollout, Metadata
from pecr_rollout.api.types import (
    DNS_LABEL_PATTERN,
    DNS_NAME_PATTERN,
    DURATION_PATTERN,
    NOT_BLANK_PATTERN,
)
from pecr_rollout.cli.lint.documents import Document, Field, shown
from pecr_rollout.cli.lint.finding import Finding, Severity

DURATION_HINT: Final = "is no duration; write for example 30s, 10m, 1h30m or 1200ms"
NAME_HINT: Final = "is no object name; use lower case letters, digits, - and ."
LABEL_HINT: Final = "is no name of a container or a Prometheus; use lower case letters, digits, -"


def read_rollout(document: Document) -> ControllerRollout | list[Finding]:
    """Read a rollout as the API server would, or say what it would refuse."""
    findings = list(_heading(document))
    data = {key: document.get(key) for key in ("metadata", "spec") if document.get(key) is not None}
    try:
        rollout = ControllerRollout.model_validate_json(
            json.dumps(data), strict=True, by_alias=True, by_name=False
        )
    except ValidationError as error:
        return findings + list(_refusals(document, error))
    except (TypeError, ValueError) as error:
        place = document.place(())
        findings.append(Finding(place, Severity.ERROR, "yaml", "", f"not a manifest: {error}"))
        return findings
    return findings or rollout


def _heading(document: Document) -> Iterator[Finding]:
    for key, right in (("apiVersion", API_VERSION), ("kind", KIND)):
        found = document.get(key)
        if found != right:
            message = f"{_quoted(found)} where {right} is expected"
            yield _finding(document, (key,), "schema", message)


def _refusals(document: Document, error: ValidationError) -> Iterator[Finding]:
    told: set[Field] = set()
    for detail in error.errors(include_url=False):
        field = _field(document, detail)
        if field in told:
            continue  # one refusal for each branch of a union
        told.add(field)
        yield _finding(document, field, "schema", _message(field, detail))


def _field(document: Document, detail: ErrorDetails) -> Field:
    """Give the field without the names of union branches, which stand nowhere in the document."""
    known: Field = ()
    for part in detail["loc"]:
        if (*known, part) not in document.places:
            missing = detail["type"] == "missing" and part == detail["loc"][-1]
            return (*known, part) if missing else known
        known = (*known, part)
    return known


def _message(field: Field, detail: ErrorDetails) -> str:
    found = _quoted(detail["input"])
    if field[-1:] == ("cohort",) and detail["type"] != "value_error":
        return f"{found} is no cohort: write a number of pods (2) or a share (10%)"
    match detail["type"]:
        case "missing":
            message = f"is missing; {_meaning(field)}"
        case "extra_forbidden":
            message = f"there is no such field{_meant(field)}"
        case "string_pattern_mismatch":
            message = f"{found} {_pattern_hint(detail)}"
        case "value_error":
            message = detail["msg"].removeprefix("Value error, ")
        case "literal_error" | "enum":
            message = f"{found} is not {detail['ctx']['expected']}"
        case _:
            message = f"{found}: it {detail['msg'].removeprefix('Input ')}"
    return message


def _pattern_hint(detail: ErrorDetails) -> str:
    pattern = detail.get("ctx", {}).get("pattern", "")
    hints = {
        DURATION_PATTERN: DURATION_HINT,
        DNS_NAME_PATTERN: NAME_HINT,
        DNS_LABEL_PATTERN: LABEL_HINT,
        NOT_BLANK_PATTERN: "is blank",
    }
    return hints.get(pattern, f"does not match {pattern}")


def _meaning(field: Field) -> str:
    """Give the field's own description as what is to be written."""
    model = _model(field[:-1])
    if model is not None:
        for info in model.model_fields.values():
            if info.alias == field[-1] and info.description:
                return info.description.split("\n")[0]
    return "it is required"


def _meant(field: Field) -> str:
    model = _model(field[:-1])
    if model is None:
        return ""
    names = [info.alias or name for name, info in model.model_fields.items()]
    close = get_close_matches(str(field[-1]), names, n=1)
    return f"; did you mean {close[0]}?" if close else f"; there are {', '.join(names)}"


def _model(field: Field) -> type[BaseModel] | None:
    """Give the model that stands at a path, as far as it can be told from the annotations."""
    model: type[BaseModel] | None = ControllerRollout
    for part in field:
        if model is None or isinstance(part, int):
            continue
        infos = {info.alias or name: info for name, info in model.model_fields.items()}
        if str(part) in infos:  # otherwise it is the key of a map of such models
            model = _inner(infos[str(part)].annotation)
    return model if model is not Metadata else None


def _inner(annotation: Any) -> type[BaseModel] | None:  # noqa: ANN401 - annotations are anything
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    inner = (_inner(argument) for argument in getattr(annotation, "__args__", ()))
    return next((model for model in inner if model is not None), None)


def _quoted(value: object) -> str:
    if isinstance(value, dict | list):
        return "a map" if isinstance(value, dict) else "a list"
    return "nothing" if value is None else json.dumps(value, ensure_ascii=False)


def _finding(document: Document, field: Field, rule: str, message: str) -> Finding:
    return Finding(document.place(field), Severity.ERROR, rule, shown(field), message)
