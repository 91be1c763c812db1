"""Argo CD's health check in a real Lua, on statuses as the operator writes them."""

import lupa
import pytest
import yaml

from pecr_packaging.argocd import HEALTH
from pecr_packaging.render import ROOT
from pecr_rollout.api.crd import unseen


def health(status, *, suspend=False, generation=1):
    lua = lupa.LuaRuntime(unpack_returned_tuples=True, register_eval=False)
    obj = {"metadata": {"generation": generation}, "spec": {"suspend": suspend}}
    if status is not None:
        obj["status"] = status
    lua.globals().obj = lua.table_from(obj, recursive=True)
    found = lua.execute(HEALTH.read_text())
    return found["status"], found["message"]


def status(phase, *true, incident=None, observed=1):
    found = {
        "observedGeneration": observed,
        "phase": phase,
        "message": f"It is {phase}.",
        "conditions": [{"type": kind, "status": "True"} for kind in true]
        + [{"type": "Drifted", "status": "False"}],
    }
    return found | ({"incident": {"id": incident}} if incident else {})


@pytest.mark.parametrize(
    ("case", "more", "wanted"),
    [
        (None, {}, "Progressing"),
        (unseen(), {}, "Progressing"),
        (status("Pending", "Reconciling"), {}, "Progressing"),
        (status("Pending", "Reconciling"), {"suspend": True}, "Suspended"),
        (status("Canary", "Reconciling"), {}, "Progressing"),
        (status("Promoting", "Reconciling"), {}, "Progressing"),
        (status("Completed", "Ready"), {}, "Healthy"),
        (status("Completed", "Ready"), {"generation": 2}, "Progressing"),
        (status("Completed", "Ready"), {"suspend": True}, "Healthy"),
        (status("Fallback", "Stalled", incident="a-1-1"), {}, "Suspended"),
        (status("Fallback", "Stalled", "AcknowledgmentRequired", "Escalated", incident="a"), {},
         "Degraded"),
        (status("Pending", "Reconciling", "AcknowledgmentRequired"), {}, "Suspended"),
        (status("Aborted", "Stalled"), {}, "Degraded"),
        (status("Aborted", "Stalled", incident="a-1-1"), {}, "Suspended"),
        (status("Canary", "Stalled"), {}, "Degraded"),
    ],
)  # fmt: skip
def test_health(case, more, wanted):
    assert health(case, **more)[0] == wanted


def test_the_message_says_what_is_waited_for():
    said = health(status("Fallback", "Stalled", incident="abcd1234-1-2"))[1]
    assert said.startswith("Incident abcd1234-1-2 waits for its acknowledgement: It is Fallback.")


def test_the_settings_carry_the_very_check():
    settings = yaml.safe_load((ROOT / "manifests/argocd/argocd-cm.yaml").read_text())
    key = "resource.customizations.health.pecr.dev_ControllerRollout"
    assert settings["data"][key] == HEALTH.read_text()
