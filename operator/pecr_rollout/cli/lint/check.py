"""All checks over all files."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pecr_rollout.api.rollout import KIND, ControllerRollout
from pecr_rollout.cli.lint.advice import advise
from pecr_rollout.cli.lint.companions import Companions, check_companions
from pecr_rollout.cli.lint.documents import Document, read_documents, shown
from pecr_rollout.cli.lint.effect import Traffic, check_effect
from pecr_rollout.cli.lint.finding import Finding, Place, Severity
from pecr_rollout.cli.lint.schema import read_rollout

Read = tuple[Document, ControllerRollout]


@dataclass(frozen=True)
class Known:
    """What the command line says of the fleet; None where it does not.

    Attributes:
        rps: requests per second to /v1/run.
        replicas: pods of the target; the Deployment's own number where a file has it.
        base_rate: share of bad requests that is usual.
    """

    rps: float | None = None
    replicas: int | None = None
    base_rate: float = 0.005


def lint(texts: Iterable[tuple[str, str]], known: Known) -> list[Finding]:
    """Check every rollout in the given texts, and give what is found by file and line."""
    found: list[Finding] = []
    documents: list[Document] = []
    for name, text in texts:
        read = list(read_documents(name, text))
        broken = [item for item in read if isinstance(item, Finding)]
        here = [part for item in read if isinstance(item, Document) for part in item.parts]
        documents += here
        found += broken
        if not broken and not any(document.kind == KIND for document in here):
            found.append(_nothing(name))
    rollouts: list[Read] = []
    for document in documents:
        if document.kind == KIND:
            rollout = read_rollout(document)
            if isinstance(rollout, list):
                found += rollout
            else:
                rollouts.append((document, rollout))
    for document, rollout in rollouts:
        found += _checked(document, rollout, Companions(documents), known)
    found += _shared_targets(rollouts)
    return sorted(found, key=lambda item: (item.place, item.severity, item.message))


def _checked(
    document: Document, rollout: ControllerRollout, companions: Companions, known: Known
) -> Iterator[Finding]:
    yield from advise(document, rollout)
    yield from check_companions(document, rollout, companions)
    if known.rps is None:
        return
    replicas = known.replicas or companions.replicas(rollout)
    traffic = Traffic(known.rps, replicas, known.base_rate)
    for advice in check_effect(rollout, traffic):
        yield advice.at(document)


def _shared_targets(rollouts: Iterable[Read]) -> Iterator[Finding]:
    """Two rollouts never change one target at a time: the second waits."""
    holders: dict[tuple[str, str], Place] = {}
    field = ("spec", "target", "deployment")
    for document, rollout in rollouts:
        target = rollout.metadata.namespace, rollout.spec.target.deployment
        place = document.place(field)
        first = holders.setdefault(target, place)
        if first is not place:
            message = f"the rollout at {first.file}:{first.line} has the same target; one waits"
            yield Finding(place, Severity.WARNING, "shared-target", shown(field), message)


def _nothing(name: str) -> Finding:
    return Finding(Place(name, 1, 1), Severity.NOTE, "empty", "", f"no {KIND} in this file")
