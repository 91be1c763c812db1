"""What holds of every status that is ever written, whatever happens: checked on the whole tape."""

from typing import Any

from integration.harness.rollout import conditions
from integration.harness.specs import ORDER
from integration.harness.tape import Take

Json = dict[str, Any]
PEOPLE = {
    *("SLOMet", "DataAvailable", "FallbackActive", "AcknowledgmentRequired"),
    *("Escalated", "Drifted", "Promoted"),
}
MACHINES = {"Ready", "Reconciling", "Stalled"}
RECONCILING = {"Pending", "Canary", "Promoting"}
STALLED = {"Fallback", "Aborted"}


def kstatus(body: Json) -> str:
    """Give what kstatus (Argo CD, Flux, kubectl wait) makes of an object."""
    status, metadata = body.get("status") or {}, body["metadata"]
    if metadata.get("deletionTimestamp"):
        return "Terminating"
    if status.get("observedGeneration", -1) != metadata["generation"]:
        return "InProgress"
    said = {kind: each["status"] for kind, each in conditions(status).items()}
    if said.get("Reconciling") == "True":
        return "InProgress"
    if said.get("Stalled") == "True":
        return "Failed"
    return "Current" if said.get("Ready") == "True" else "InProgress"


def check_take(take: Take) -> None:
    """Check one version of a rollout by itself."""
    status = take.status
    found = conditions(status)
    if not found:
        assert status.get("phase", "Pending") == "Pending"
        assert status.get("observedGeneration", -1) == -1, "nobody has read it yet"
        return
    said = {kind: each["status"] for kind, each in found.items()}
    assert said.keys() >= MACHINES
    if found["Stalled"]["reason"] == "Unreadable":
        assert (said["Ready"], said["Reconciling"], said["Stalled"]) == ("False", "False", "True")
        return
    assert said.keys() == MACHINES | PEOPLE
    _check_machines(status["phase"], said)
    _check_incident(status, said)
    _check_fallback(status, said)
    assert len(status.get("message", "")) <= 1024
    assert status["message"], "a status says why"
    for each in found.values():
        assert each["observedGeneration"] == status["observedGeneration"]


def _check_machines(phase: str, said: dict[str, str]) -> None:
    assert [said[kind] for kind in ("Ready", "Reconciling", "Stalled")].count("True") == 1, said
    if phase in STALLED:
        assert said["Stalled"] == "True"
    elif phase in RECONCILING:
        assert said["Ready"] == "False"
    else:
        assert said["Reconciling"] == "False"


def _check_incident(status: Json, said: dict[str, str]) -> None:
    incident = status.get("incident")
    if status["phase"] == "Fallback":
        assert incident, "a fallback has an open incident"
    if incident:
        assert status["phase"] in STALLED, "no run while an incident is open"
        assert said["AcknowledgmentRequired"] == "True"
        assert incident["id"].endswith(f"-{status['run']}-{incident['number']}")
        assert incident["command"].endswith(f"pecr.dev/acknowledge={incident['id']}")
        assert incident["cause"]


def _check_fallback(status: Json, said: dict[str, str]) -> None:
    fallback = status.get("fallback") or {}
    taken = fallback.get("taken", [])
    assert taken == [step for step in ORDER if step in taken], "only in the contract's order"
    assert (said["FallbackActive"] == "True") == (status["phase"] == "Fallback")
    assert (said["Escalated"] == "True") == bool(fallback.get("exhausted"))


def check_pair(before: Take, after: Take) -> None:
    """Check two versions of one rollout that follow each other."""
    old, new = before.status, after.status
    assert new.get("run", 0) >= old.get("run", 0), "runs count upwards"
    incident, later = old.get("incident"), new.get("incident")
    if incident and not later:
        handled = new["handled"].get("acknowledge")
        asked = (after.body["metadata"].get("annotations") or {}).get("pecr.dev/acknowledge")
        assert handled == incident["id"] == asked, "only a person's word closes an incident"
        assert new["run"] == old["run"] + 1, "recovery is a fresh run"
        assert new["phase"] in ("Canary", "Pending")
    same_run = new.get("run") == old.get("run")
    if same_run and old.get("fallback") and new.get("fallback"):
        taken = old["fallback"].get("taken", [])
        assert new["fallback"].get("taken", [])[: len(taken)] == taken, "no step is taken back"
    if (old.get("phase"), new.get("phase")) == ("Canary", "Promoting"):
        verdicts = {each["verdict"] for each in old.get("signals", []) + new.get("signals", [])}
        assert "Breached" not in verdicts, "never promoted over a breach"
    if new.get("phase") == "Canary" and old.get("phase") in ("Fallback", "Aborted"):
        assert not new.get("signals"), "no evidence is carried over"


def check_all(takes: list[Take]) -> None:
    """Check all versions of one rollout (one uid), in their order."""
    previous: Take | None = None
    for take in takes:
        try:
            check_take(take)
            if previous is not None and take.kind != "DELETED":
                check_pair(previous, take)
        except AssertionError as error:
            raise AssertionError(
                f"unlawful status: {error}\n{take.line()}\n{take.status}"
            ) from None
        previous = take
