"""A handle on one ControllerRollout: what a person does with it, and what is awaited of it."""

import shlex
from collections.abc import Callable
from typing import Any

from integration.harness.kube import Kube
from integration.harness.specs import manifest
from integration.harness.tape import Take, Tape
from integration.harness.waiting import PATIENCE

Json = dict[str, Any]
Status = dict[str, Any]
Predicate = Callable[[Status], Any]


class Rollout:
    """One rollout, by name; `uid` is that of its latest creation by this handle."""

    def __init__(self, kube: Kube, tape: Tape, name: str) -> None:
        self.kube = kube
        self.tape = tape
        self.name = name
        self.uid = ""
        self._from = 0

    # what a person does

    def apply(self, spec: Json, **metadata: Any) -> None:
        """Apply a manifest, server-side and under kubectl's name; creates or changes it."""
        body = manifest(self.name, spec)
        body["metadata"] |= metadata
        self._acted(self.kube.apply(body))

    def annotate(self, **values: str | None) -> None:
        """Set annotations `pecr.dev/<key>`, an underscore being a dash; None removes one."""
        annotations = {f"pecr.dev/{k.replace('_', '-')}": v for k, v in values.items()}
        self.patch({"metadata": {"annotations": annotations}})

    def acknowledge(self, incident: str | None = None, *, by: str = "oncall@example.com") -> None:
        """Acknowledge an incident, the open one if none is named."""
        value = incident or self.incident
        self.annotate(acknowledge=value, acknowledged_by=by)

    def promote(self, run: int | None = None) -> None:
        """Promote the current run, or another."""
        self.annotate(promote=self.run_id(run))

    def abort(self, run: int | None = None) -> None:
        """Abort the current run, or another."""
        self.annotate(abort=self.run_id(run))

    def patch(self, change: Json) -> None:
        """Merge-patch the resource."""
        self._acted(self.kube.patch("controllerrollouts", self.name, change))

    def change(self, **spec: Any) -> None:
        """Merge-patch the spec."""
        self.patch({"spec": spec})

    def delete(self) -> None:
        """Ask for its deletion; it may take its time."""
        self.kube.delete("controllerrollouts", self.name)

    def _acted(self, body: Json) -> None:
        self.uid = body["metadata"]["uid"]
        self._from = int(body["metadata"]["resourceVersion"])

    # what is there

    @property
    def body(self) -> Json:
        """Give the whole object as it is now."""
        return self.kube.get("controllerrollouts", self.name)

    @property
    def status(self) -> Status:
        """Give its status as it is now."""
        return self.body.get("status") or {}

    @property
    def incident(self) -> str:
        """Give the open incident's id."""
        return self.status["incident"]["id"]

    def run_id(self, run: int | None = None) -> str:
        """Give the id of a run, of the current one by default."""
        return f"{self.uid[:8]}-{self.status['run'] if run is None else run}"

    @property
    def takes(self) -> list[Take]:
        """Give all that it ever was, its namesakes before it included."""
        return self.tape.of(self.name)

    # what is awaited

    def await_(self, predicate: Predicate, within: float = PATIENCE, what: str = "") -> Status:
        """Wait for a status that fits; gives it.

        Looks from the one that the last wait ended with, or from what a person did since, so that
        nothing is missed between two waits, however short it was. `within` counts from the last
        new stage: a slow machine is no failure, and one that stands still is.
        """

        def look(takes: list[Take]) -> Take | None:
            mine = (t for t in takes if t.name == self.name and t.uid == self.uid)
            fresh = (t for t in mine if t.version >= self._from and t.kind != "DELETED")
            return next((t for t in fresh if predicate(t.status)), None)

        def stage(takes: list[Take]) -> tuple[Any, ...]:
            last = next((t for t in reversed(takes) if t.uid == self.uid), None)
            keys = ("phase", "stage", "run", "step", "taken")
            return tuple(fact(last.status, key) for key in keys) if last else ()

        def explain() -> str:
            return f"{what or predicate}\n{self.story()}"

        found: Take = self.tape.await_(look, within, explain, stage)
        self._from = found.version
        return found.status

    def reach(
        self,
        phase: str,
        stage: str | None = None,
        *,
        run: int | None = None,
        step: int | None = None,
        taken: int | None = None,
        within: float = PATIENCE,
    ) -> Status:
        """Wait for a phase, and where given for stage, run, step and number of fallback steps."""
        wanted = {"phase": phase, "stage": stage, "run": run, "step": step, "taken": taken}
        wanted = {key: value for key, value in wanted.items() if value is not None}

        def there(status: Status) -> bool:
            return all(fact(status, key) == value for key, value in wanted.items())

        return self.await_(there, within, str(wanted))

    def condition(self, kind: str, value: str = "True", *, within: float = PATIENCE) -> Status:
        """Wait for a condition's status."""
        return self.await_(
            lambda s: conditions(s).get(kind, {}).get("status") == value, within, f"{kind}={value}"
        )

    def says(self, *texts: str, within: float = PATIENCE) -> Status:
        """Wait for a message that has all of these in it."""
        return self.await_(
            lambda s: all(text in s.get("message", "") for text in texts), within, str(texts)
        )

    def refused(self, verb: str, value: str, *, within: float = PATIENCE) -> Status:
        """Wait until an intent that does not fit was answered."""
        return self.await_(
            lambda s: f"{verb}={value}" in s.get("handled", {}).get("refused", []),
            within,
            f"{verb}={value} refused",
        )

    def gone(self, within: float = PATIENCE) -> None:
        """Wait until it is gone from the API server."""
        self.tape.await_(
            lambda takes: any(t.kind == "DELETED" and t.uid == self.uid for t in takes),
            within,
            lambda: f"{self.name} is not deleted\n{self.story()}",
        )

    def story(self) -> str:
        """Say what happened to it, for people."""
        return "\n".join(take.line() for take in self.takes[-30:])


def fact(status: Status, key: str) -> Any:
    """Give one of the facts that `reach` compares."""
    if key == "step":
        return (status.get("step") or {}).get("index")
    if key == "taken":
        return len((status.get("fallback") or {}).get("taken", []))
    return status.get(key)


def conditions(status: Status) -> dict[str, Json]:
    """Give the conditions by type."""
    return {each["type"]: each for each in status.get("conditions", [])}


def arguments(command: str) -> list[str]:
    """Split a command of the status, `kubectl` left out."""
    return shlex.split(command)[1:]
