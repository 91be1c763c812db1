"""A stored rollout: what may change when, its status, and what people see."""

import json

import pytest

from api.cases import EXISTING, HOLD, good
from pecr_rollout.api.status import Phase, Status
from pecrfleet.kube import KubeError

pytestmark = pytest.mark.cluster

UNFINISHED = [Phase.CANARY, Phase.PROMOTING, Phase.FALLBACK]
FINISHED = [Phase.PENDING, Phase.COMPLETED, Phase.ABORTED]


CHANGES = [
    ("target", {"target": {"deployment": "another"}}),
    ("target", {"target": {"conflicts": "Take"}}),
    ("target", {"target": {"container": None}}),
    ("canary.mode", {"canary": {"mode": "Fleet", "steps": [HOLD]}}),
]


EXPLAINED = [
    (
        "spec",
        (
            "FIELD: spec",
            "flagDelta <Object> -required-",
            "canary <Object> -required-",
            "slo <Object> -required-",
            "rollbackOwner <Object> -required-",
            "It cannot be changed in the middle of a run.",
            "Default: Restore.",
        ),
    ),
    (
        "spec.slo",
        (
            "The envelope that the cohort must keep; at least one signal.",
            "sustainedFor <string> How long a breach must last",
            "Default: 5m.",
            "latency <Object> Latency of POST /v1/run.",
            "enum: Fallback, Hold",
            "Budget violations per answer. Compared with the baseline.",
        ),
    ),
    ("spec.canary.steps", ("pods (2) or a share of the target's replicas (10%)", "hold <string>")),
    ("status", ("observedGeneration <integer>", "signals <[]Object>", "incident <Object>")),
]


class TestUnfinished:
    @pytest.mark.parametrize("phase", UNFINISHED)
    @pytest.mark.parametrize(("field", "change"), CHANGES, ids=str)
    def test_target_and_mode_stay(self, rollout, phase, field, change):
        rollout.create(good())
        rollout.set_status(phase=phase)
        with pytest.raises(KubeError) as caught:
            rollout.patch(spec=change)
        assert f"spec.{field}: Invalid value: {field} cannot be changed" in str(caught.value)
        assert f"abort it, or create another rollout; found phase {phase}" in str(caught.value)

    @pytest.mark.parametrize("phase", UNFINISHED)
    def test_the_existing_canary_stays(self, rollout, phase):
        canary = {"mode": "Existing", "existing": EXISTING, "steps": [HOLD]}
        rollout.create(good({"spec/canary": canary}))
        rollout.set_status(phase=phase)
        with pytest.raises(KubeError, match=r"spec.canary.existing: .*cannot be changed"):
            rollout.patch(spec={"canary": {"existing": {"deployment": "another"}}})

    @pytest.mark.parametrize("phase", FINISHED)
    @pytest.mark.parametrize(("field", "change"), CHANGES, ids=str)
    def test_may_change_before_and_after(self, rollout, phase, field, change):
        rollout.create(good())
        rollout.set_status(phase=phase)
        rollout.patch(spec=change)

    @pytest.mark.parametrize("phase", UNFINISHED)
    def test_everything_else_may_change(self, rollout, phase):
        rollout.create(good())
        rollout.set_status(phase=phase)
        steps = [{"cohort": 1, "hold": "1m"}]
        rollout.patch(spec={"suspend": True, "canary": {"steps": steps}, "slo": {"latency": None}})
        rollout.set_status(phase="Completed")

    def test_the_status_cannot_be_written_with_the_spec(self, rollout):
        rollout.create(good())
        rollout.set_status(phase="Canary")
        after = rollout.patch(status={"phase": "Pending"}, spec={"suspend": True})
        assert after["status"]["phase"] == "Canary"


class TestStatus:
    def test_is_defaulted_so_that_nobody_takes_it_for_healthy(self, rollout):
        created = rollout.create(good() | {"status": {"phase": "Completed"}})
        assert created["status"] == {"observedGeneration": -1, "phase": "Pending"}
        assert rollout.get()["status"] == created["status"]

    def test_a_phase_that_is_none_is_refused(self, rollout):
        rollout.create(good())
        with pytest.raises(KubeError, match='"Perhaps": supported values: "Pending"'):
            rollout.set_status(phase="Perhaps")

    def test_is_stored_whole(self, rollout):
        rollout.create(good())
        status = Status.model_validate(FULL_STATUS)
        wire = status.model_dump(mode="json", exclude_none=True)
        assert rollout.set_status(**wire)["status"] == wire


FULL_STATUS = {
    "observedGeneration": 1,
    "phase": "Fallback",
    "message": "Breach",
    "run": 1,
    "environment": {"PECR_CONTROLLER_ENGINE": "rlm"},
    "step": {
        "index": 2,
        "of": 3,
        "progress": "2/3",
        "since": "2026-01-01T00:00:00Z",
        "share": 0.25,
    },
    "cohort": "2 of 10 pods, 17% of traffic",
    "slo": "Breached",
    "window": {"since": 1.5},
    "signals": [{"name": "latency_p95", "verdict": "Breached", "canary": {"rate": 0.5}}],
    "fallback": {"taken": ["disable_batch_mode"]},
    "incident": {"id": "a-1-1", "openedAt": "2026-01-01T00:00:00Z"},
    "handled": {"acknowledge": "a-1-1"},
    "history": [{"at": "2026-01-01T00:00:00Z", "run": 1, "phase": "Canary", "message": "m"}],
    "conditions": [
        {
            "type": "Ready",
            "status": "False",
            "reason": "R",
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        }
    ],
}


class TestUnknownFields:
    BODY = good({"spec/slo/latancy": {"p95": "1s"}})

    def test_are_refused_by_name_where_kubectl_applies(self, namespace, crd):
        done = namespace.kubectl("apply", "-f", "-", input=json.dumps(self.BODY), check=False)
        assert done.returncode != 0
        assert 'unknown field "spec.slo.latancy"' in done.stderr

    def test_are_dropped_where_the_client_asks_for_no_validation(self, namespace, crd):
        arguments = ("apply", "--validate=ignore", "-o=json", "-f", "-")
        stored = json.loads(namespace.kubectl(*arguments, input=json.dumps(self.BODY)).stdout)
        assert "latancy" not in stored["spec"]["slo"]


class TestPeople:
    def test_columns(self, rollout, namespace):
        rollout.create(good())
        rollout.set_status(**FULL_STATUS)
        head, row = namespace.kubectl("get", "cro").stdout.splitlines()
        assert head.split() == ["NAME", "PHASE", "STEP", "COHORT", "SLO", "OWNER", "AGE"]
        for cell in ("rlm-engine", "Fallback", "2/3", "2 of 10 pods", "Breached", "retrieval"):
            assert cell in row
        wide = namespace.kubectl("get", "pecr", "-o", "wide").stdout.splitlines()
        assert wide[0].split()[-1] == "MESSAGE"
        assert wide[1].rstrip().endswith("Breach")

    @pytest.mark.parametrize(("field", "words"), EXPLAINED, ids=lambda value: str(value)[:20])
    def test_explain(self, localcluster, crd, field, words):
        told = localcluster.kubectl("explain", f"controllerrollout.{field}").stdout
        for part in words:
            assert part in " ".join(told.split())
