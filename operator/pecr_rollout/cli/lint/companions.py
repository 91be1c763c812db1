"""What the target's ConfigMap and Deployment say, where they are among the files."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pecr_rollout.api.enums import CanaryMode
from pecr_rollout.api.rollout import ControllerRollout
from pecr_rollout.cli.lint.advice import Advice
from pecr_rollout.cli.lint.documents import Document
from pecr_rollout.cli.lint.finding import Finding, Severity
from pecr_rollout.contract.flags import BY_VARIABLE, ENGINE, SANDBOX_ACK, FlagError
from pecr_rollout.contract.flags import missing_precondition as missing

TARGET = ("spec", "target")
DELTA = ("spec", "flagDelta")


@dataclass(frozen=True)
class Companions:
    """The documents that stand beside the rollouts."""

    documents: Sequence[Document]

    def find(self, kind: str, namespace: str, name: str) -> Document | None:
        """Give the document of an object, or None where no file has it."""
        for document in self.documents:
            held = document.get("metadata", "namespace")
            same = document.kind == kind and document.get("metadata", "name") == name
            if same and held in (namespace, None):
                return document
        return None

    def replicas(self, rollout: ControllerRollout) -> int | None:
        """Give the target's replicas, where a file has them."""
        target, namespace = rollout.spec.target.deployment, rollout.metadata.namespace
        deployment = self.find("Deployment", namespace, target)
        replicas = deployment.get("spec", "replicas") if deployment else None
        return replicas if isinstance(replicas, int) and replicas > 0 else None


def check_companions(
    document: Document, rollout: ControllerRollout, companions: Companions
) -> Iterator[Finding]:
    """Check a rollout against its target's objects."""
    target, namespace = rollout.spec.target, rollout.metadata.namespace
    config = companions.find("ConfigMap", namespace, target.config_map)
    deployment = companions.find("Deployment", namespace, target.deployment)
    advice = list(_environment(rollout, config))
    if deployment is not None:
        advice += _deployment(rollout, deployment)
    yield from (item.at(document) for item in advice)


def _environment(rollout: ControllerRollout, config: Document | None) -> Iterator[Advice]:
    delta = rollout.spec.flag_delta.environment()
    name = rollout.spec.target.config_map
    if config is None:
        if delta.get(ENGINE.variable) == "rlm":
            message = f"needs {SANDBOX_ACK}=true in ConfigMap {name}, which no file given here has"
            yield Advice((*DELTA, "engine"), Severity.NOTE, "precondition", message)
        return
    if config.get("immutable"):
        message = f"ConfigMap {name} is immutable; promotion could not write it"
        yield Advice((*TARGET, "configMap"), Severity.ERROR, "immutable", message)
    data = _map(config.get("data"))
    current = {key: value for key, value in data.items() if isinstance(value, str)}
    yield from _precondition({**current, **delta})
    yield from _shadowed(delta, current)
    if all(_same(current, variable, value) for variable, value in delta.items()):
        message = f"changes nothing: ConfigMap {name} already holds all of it"
        yield Advice(DELTA, Severity.ERROR, "no-change", message)


def _precondition(environment: Mapping[str, str]) -> Iterator[Advice]:
    try:
        if (problem := missing(environment)) is not None:
            yield Advice((*DELTA, "engine"), Severity.ERROR, "precondition", problem)
    except FlagError as error:
        message = f"the ConfigMap's {ENGINE.variable}: {error}"
        yield Advice((*TARGET, "configMap"), Severity.ERROR, "precondition", message)


def _shadowed(delta: Mapping[str, str], current: Mapping[str, str]) -> Iterator[Advice]:
    for variable in delta:
        flag = BY_VARIABLE[variable]
        if (alias := flag.shadowing_alias(current)) is not None:
            message = f"the ConfigMap's {alias} beats {variable}; remove it first"
            yield Advice((*DELTA, flag.field), Severity.ERROR, "alias", message)


def _same(current: Mapping[str, str], variable: str, value: str) -> bool:
    flag = BY_VARIABLE[variable]
    try:
        return flag.effective(current) == flag.parse(value)
    except FlagError:
        return False


def _deployment(rollout: ControllerRollout, deployment: Document) -> Iterator[Advice]:
    field = (*TARGET, "deployment")
    name = rollout.spec.target.deployment
    if deployment.get("spec", "paused"):
        yield Advice(field, Severity.ERROR, "paused", f"Deployment {name} is paused")
    if deployment.get("spec", "strategy", "type") == "Recreate":
        message = f"Deployment {name} has strategy Recreate: every roll-out would be an outage"
        yield Advice(field, Severity.ERROR, "recreate", message)
    yield from _cohorts(rollout, deployment)
    containers = deployment.get("spec", "template", "spec", "containers")
    if isinstance(containers, list):
        yield from _container(rollout, [item for item in containers if isinstance(item, dict)])


def _cohorts(rollout: ControllerRollout, deployment: Document) -> Iterator[Advice]:
    replicas = deployment.get("spec", "replicas")
    replicas = 1 if replicas is None else replicas
    if rollout.spec.canary.mode is not CanaryMode.MANAGED or not isinstance(replicas, int):
        return
    for index, step in enumerate(rollout.spec.canary.steps):
        if isinstance(step.cohort, int) and step.cohort > replicas:
            message = f"{step.cohort} pods are more than the target's {replicas} replicas"
            field = ("spec", "canary", "steps", index, "cohort")
            yield Advice(field, Severity.ERROR, "replicas", message)


def _container(
    rollout: ControllerRollout, containers: Sequence[Mapping[str, Any]]
) -> Iterator[Advice]:
    wanted = rollout.spec.target.container
    names = [item.get("name") for item in containers]
    found = [item for item in containers if wanted is None or item.get("name") == wanted]
    if len(found) != 1:
        field = (*TARGET, "container")
        listed = ", ".join(map(str, names))
        message = (
            f"{wanted} is not among the containers" if wanted else "name one of the containers"
        )
        yield Advice(field, Severity.ERROR, "container", f"{message}: {listed}")
        return
    yield from _sources(rollout, found[0])
    yield from _own_values(rollout, found[0])


def _sources(rollout: ControllerRollout, container: Mapping[str, Any]) -> Iterator[Advice]:
    field = (*TARGET, "configMap")
    name = rollout.spec.target.config_map
    sources = _maps(container.get("envFrom"))
    mine = [item for item in sources if _map(item.get("configMapRef")).get("name") == name]
    if not mine:
        message = f"{name} is not in the container's envFrom; its flags would reach nobody"
        yield Advice(field, Severity.ERROR, "env-from", message)
    elif mine[0].get("prefix"):
        message = f"{name} stands behind the prefix {mine[0]['prefix']}; its keys are no flags"
        yield Advice(field, Severity.ERROR, "prefix", message)


def _own_values(rollout: ControllerRollout, container: Mapping[str, Any]) -> Iterator[Advice]:
    own = [item.get("name") for item in _maps(container.get("env"))]
    for variable in rollout.spec.flag_delta.environment():
        if variable in own:
            message = f"the container's own env sets {variable}, which beats every ConfigMap"
            field = (*DELTA, BY_VARIABLE[variable].field)
            yield Advice(field, Severity.ERROR, "env", message)


def _maps(value: object) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _map(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
