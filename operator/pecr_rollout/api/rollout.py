"""The whole resource: metadata that matters, spec, status, and its ids."""

from typing import Annotated, Any, Final

from pydantic import ConfigDict, Field

from pecr_rollout.api.spec import Spec
from pecr_rollout.api.status import Phase, Status
from pecr_rollout.api.types import Model, Rule, rule, rules

GROUP: Final = "pecr.dev"
VERSION: Final = "v1alpha1"
PLURAL: Final = "controllerrollouts"
KIND: Final = "ControllerRollout"
API_VERSION: Final = f"{GROUP}/{VERSION}"

ACKNOWLEDGE: Final = f"{GROUP}/acknowledge"
ACKNOWLEDGED_BY: Final = f"{GROUP}/acknowledged-by"
PROMOTE: Final = f"{GROUP}/promote"
ABORT: Final = f"{GROUP}/abort"
FINALIZER: Final = f"{GROUP}/restore"
COHORT_LABEL: Final = f"{GROUP}/cohort"
ENVIRONMENT_HASH: Final = f"{GROUP}/environment-hash"

LONGEST_NAME: Final = 63
"""Characters in a rollout's name: it fits a label's value, and names derived from it fit, too."""

_UNFINISHED: Final = ", ".join(f"'{p}'" for p in (Phase.CANARY, Phase.PROMOTING, Phase.FALLBACK))


def _immutable(field: str, same: str) -> Rule:
    """Give the transition rule of a field that may not change in the middle of a run."""
    return rule(
        f"!has(oldSelf.status) || !(oldSelf.status.phase in [{_UNFINISHED}]) || {same}",
        f"{field} cannot be changed in the middle of a run: wait until it is over, abort it,"
        " or create another rollout",
        field=f".spec.{field}",
        found="'phase ' + oldSelf.status.phase",
    )


_SHORT_NAME: Final = rule(
    f"size(self.metadata.name) <= {LONGEST_NAME}",
    f"let metadata.name have at most {LONGEST_NAME} characters",
)


class Metadata(Model):
    """The part of the metadata that decisions depend on."""

    model_config = ConfigDict(extra="ignore")

    name: Annotated[str, Field(max_length=LONGEST_NAME)]
    namespace: str = "default"
    uid: str = ""
    generation: int = 1
    resource_version: str = ""
    deletion_timestamp: str | None = None
    annotations: dict[str, str] = Field(default_factory=dict)
    labels: dict[str, str] = Field(default_factory=dict)
    finalizers: list[str] = Field(default_factory=list)


class ControllerRollout(Model):
    """A rollout of the PECR controller's flags: canary first, judged, taken back on a breach."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            _SHORT_NAME,
            _immutable("target", "self.spec.target == oldSelf.spec.target"),
            _immutable("canary.mode", "self.spec.canary.mode == oldSelf.spec.canary.mode"),
            _immutable(
                "canary.existing",
                "(has(self.spec.canary.existing) && has(oldSelf.spec.canary.existing)"
                " ? self.spec.canary.existing == oldSelf.spec.canary.existing"
                " : !has(self.spec.canary.existing) && !has(oldSelf.spec.canary.existing))",
            ),
        )
    )

    api_version: str = API_VERSION
    kind: str = KIND
    metadata: Metadata
    spec: Spec
    """A change of the controller's flags, declared: delta, cohort, envelope and owner."""
    status: Status = Status()
    """Where it stands."""

    def run_id(self, run: int) -> str:
        """Give the id of a run, `<uid8>-<run>`; it fits no other object and no other run."""
        return f"{self.metadata.uid[:8]}-{run}"

    def incident_id(self, run: int, number: int) -> str:
        """Give the id of an incident after its n-th step, `<uid8>-<run>-<n>`."""
        return f"{self.run_id(run)}-{number}"

    def command(self, annotation: str, value: str) -> str:
        """Give the exact command that sets an intent; what is set already is removed first."""
        annotate = (
            f"kubectl annotate controllerrollout {self.metadata.name} -n {self.metadata.namespace}"
        )
        again = self.metadata.annotations.get(annotation) == value
        remove = f"{annotate} {annotation}- && " if again else ""
        return f"{remove}{annotate} --overwrite {annotation}={value}"


def read(body: dict[str, Any]) -> ControllerRollout:
    """Read a resource as the API server gave it.

    Raises:
        pydantic.ValidationError: the spec is not readable.
    """
    return ControllerRollout.model_validate(body)
