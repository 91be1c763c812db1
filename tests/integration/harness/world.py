"""What is really there, against what the design says should be."""

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

from integration.harness import fleet, lawful
from integration.harness.account import grant
from integration.harness.kube import Kube
from integration.harness.process import Operator
from integration.harness.rollout import Rollout
from integration.harness.specs import (
    CONFIG_MAP,
    DEPLOYMENT,
    NEXT,
    NEXT_CONFIG_MAP,
)
from integration.harness.tape import Tape
from integration.harness.waiting import PATIENCE, settle_on, wait_until
from localcluster.pytest_plugin import TargetNamespace
from pecr_rollout.lifecycle.wishes import environment_hash
from pecrfleet import Scenario
from pecrfleet.kube import KubeClient

Json = dict[str, Any]
Flags = Mapping[str, str]

CLONE = f"{DEPLOYMENT}-canary"
UID_LABEL = "pecr.dev/rollout-uid"
HELD, FREE = "held", "free"


class World:
    """One test's namespace with its fleet, its operator and its rollouts.

    `holds` is the one assertion of state: everything that an operator may touch is compared with
    what it was before, and with what the test says that is different now.
    """

    def __init__(
        self, namespace: TargetNamespace, operator: Operator, client: KubeClient | None = None
    ) -> None:
        self.namespace = namespace
        self.name = namespace.name
        self.kube = Kube(client or namespace.cluster.client(), namespace.name)
        grant(self.kube.client, namespace.name)
        self.tape = Tape(self.kube)
        self.operator = operator
        self.places: dict[str, fleet.Place] = {}
        self.rollouts: list[Rollout] = []
        self.forged: set[str] = set()  # names of those whose status a test wrote by hand

    # making it

    def install(
        self, scenario: Scenario, *, replicas: int = 3, existing: int = 0, **target: Any
    ) -> None:
        """Install the fleet, and with `existing` pods a canary of the user's, under traffic."""
        self.namespace.scenario(scenario)
        self.namespace.install_target(replicas=replicas, wait=False, **target)
        if existing:
            self.namespace.install_target(
                name=NEXT, config_map=NEXT_CONFIG_MAP, replicas=existing, wait=False
            )
        for name in (DEPLOYMENT, NEXT) if existing else (DEPLOYMENT,):
            self.await_rolled_out(name)
        self.remember()
        self.await_traffic()

    def remember(self) -> None:
        """Take what is there now as what was there before; for changes of others on purpose."""
        self.places = {DEPLOYMENT: fleet.observe_place(self.kube, DEPLOYMENT, CONFIG_MAP)}
        if self.kube.find("deployments", NEXT) is not None:
            self.places[NEXT] = fleet.observe_place(self.kube, NEXT, NEXT_CONFIG_MAP)

    def await_rolled_out(self, name: str) -> None:
        """Wait until a Deployment's pods are all new and ready."""
        self.namespace.wait_ready(name, PATIENCE)

    def await_traffic(self) -> None:
        """Wait until Prometheus has counted requests of these pods."""
        query = (
            "sum(increase(pecr_controller_http_requests_total"
            f'{{namespace="{self.name}",route="/v1/run"}}[1m]))'
        )

        def counted() -> bool:
            return any(value > 0 for _, value in self.namespace.prom(query))

        wait_until(counted, explain=lambda: "Prometheus sees no traffic")

    def scenario(self, scenario: Scenario) -> None:
        """Change how the pods behave."""
        self.namespace.scenario(scenario)

    def rollout(self, spec: Json, name: str = "rlm-engine", **metadata: Any) -> Rollout:
        """Declare a rollout."""
        handle = self.handle(name)
        handle.apply(spec, **metadata)
        return handle

    def handle(self, name: str = "rlm-engine") -> Rollout:
        """Give a handle on a rollout that is (or will be) declared otherwise."""
        handle = Rollout(self.kube, self.tape, name)
        self.rollouts.append(handle)
        return handle

    # what should be there

    def holds(
        self,
        rollout: Rollout,
        *,
        fleet_flags: Flags | None = None,
        canary_flags: Flags | None = None,
        replicas: int | None = None,
        existing_flags: Flags | None = None,
        locks: str = FREE,
        snapshot: bool | None = None,
        finalizer: bool | None = None,
        report: str | tuple[str, int] | None = None,
    ) -> None:
        """Assert all that a rollout's state implies; what is still in motion is awaited.

        Args:
            rollout: whose state it is.
            fleet_flags: what the fleet's ConfigMap holds beyond what it held before; none if None.
            canary_flags: what the managed cohort's overlay holds; no cohort if None.
            replicas: pods of the managed cohort.
            existing_flags: as `fleet_flags`, for the existing canary.
            locks: FREE, HELD or the id of the incident that is open on them.
            snapshot: whether one is kept; by default while the locks are not free.
            finalizer: whether it is there; by default while the locks are held.
            report: the phase that the decision report tells of, with the run where that is an
                earlier one; no report if None.
        """
        holding = locks == HELD
        snapshot = locks != FREE if snapshot is None else snapshot
        finalizer = holding if finalizer is None else finalizer

        def check() -> None:
            self._check_place(DEPLOYMENT, fleet_flags or {})
            if NEXT in self.places:
                self._check_place(NEXT, existing_flags or {})
            self._check_clone(rollout, canary_flags, replicas)
            self._check_locks(rollout, locks)
            self._check_snapshots(rollout, kept=snapshot)
            self._check_finalizer(rollout, there=finalizer)
            self._check_report(rollout, report)

        settle_on(check, 30)

    def holds_fallback(self, rollout: Rollout, **flags: Any) -> None:
        """Assert what an open incident's fallback implies, with flags as for `holds`."""
        held = {"locks": rollout.incident, "finalizer": True, "report": "Fallback"}
        self.holds(rollout, **held, **flags)

    def untouched(self, rollout: Rollout, *, report: str | None = None) -> None:
        """Assert that nothing is, or remains, changed by a rollout."""
        self.holds(rollout, report=report)

    def _check_place(self, name: str, changes: Flags) -> None:
        place = self.places[name]
        data = self.kube.get("configmaps", place.config_map).get("data") or {}
        assert data == {**place.data, **changes}, f"ConfigMap {place.config_map}"
        body = self.kube.get("deployments", name)
        assert fleet.plain_template(body) == place.template, f"template of {name}"
        assert body["spec"]["replicas"] == place.replicas
        self._check_stamp(body, changes)
        self._check_pods(name, place.replicas, fleet.flags_of(data))

    def _check_stamp(self, body: Json, changes: Flags) -> None:
        found = fleet.stamp(body)
        wanted = environment_hash(changes) if changes else None
        assert found == wanted, f"{body['metadata']['name']} carries {found}, not {wanted}"

    def _check_pods(self, deployment: str, replicas: int, flags: Flags) -> None:
        pods = fleet.pods_of(self.namespace, deployment)
        told = [(pod.name, pod.state, pod.ready, fleet.flags_of(pod.env)) for pod in pods]
        assert len(pods) == replicas, told
        for pod in pods:
            assert pod.ready, told
            assert fleet.flags_of(pod.env) == dict(flags), told

    def _check_clone(self, rollout: Rollout, flags: Flags | None, replicas: int | None) -> None:
        clone = self.kube.find("deployments", CLONE)
        overlays = self._owned("configmaps", rollout, "overlay")
        if flags is None:
            assert clone is None, "the managed cohort is still there"
            assert overlays == [], [each["metadata"]["name"] for each in overlays]
            assert fleet.pods_of(self.namespace, CLONE) == []
            return
        assert clone is not None, "there is no managed cohort"
        self._check_shape(rollout, clone)
        assert replicas in (None, clone["spec"]["replicas"])
        source = clone["spec"]["template"]["spec"]["containers"][0]["envFrom"][-1]
        overlay = self.kube.get("configmaps", source["configMapRef"]["name"])
        assert overlay["data"] == dict(flags), "the overlay holds the changed keys only"
        assert overlay["immutable"] is True
        assert len(overlays) <= 2, "old overlays are pruned, but for the one before"
        started = fleet.flags_of({**self.places[DEPLOYMENT].data, **flags})
        self._check_pods(CLONE, clone["spec"]["replicas"], started)

    def _check_shape(self, rollout: Rollout, clone: Json) -> None:
        """Check that a clone is the target with one more label and one more source."""
        target = self.kube.get("deployments", DEPLOYMENT)
        mine, theirs = clone["spec"], target["spec"]
        label = {"pecr.dev/cohort": "canary"}
        assert mine["selector"]["matchLabels"] == theirs["selector"]["matchLabels"] | label
        labels = mine["template"]["metadata"]["labels"]
        assert labels == theirs["template"]["metadata"]["labels"] | label
        container, original = (s["template"]["spec"]["containers"][0] for s in (mine, theirs))
        assert container["envFrom"][:-1] == original["envFrom"]
        assert {**container, "envFrom": 0} == {**original, "envFrom": 0}
        assert [ref["uid"] for ref in clone["metadata"]["ownerReferences"]] == [rollout.uid]

    def locks(self) -> dict[str, Json]:
        """Give the operator's Leases, by what they lock."""
        found = [
            lease
            for lease in self.kube.list("leases")
            if lease["metadata"]["name"].startswith("pecr-lock-")
        ]
        return {lease["metadata"]["annotations"]["pecr.dev/subject"]: lease for lease in found}

    def subjects(self, rollout: Rollout) -> set[str]:
        """Name what a rollout locks."""
        spec = rollout.body["spec"]
        places = [spec["target"], spec["canary"].get("existing") or {}]
        return {
            f"{kind}/{place[key]}"
            for place in places
            for kind, key in (("deployment", "deployment"), ("configmap", "configMap"))
            if key in place
        }

    def _check_locks(self, rollout: Rollout, wanted: str) -> None:
        locks = self.locks()
        if wanted == FREE:
            held = [s for s, each in locks.items() if holder(each) == rollout.uid]
            assert held == [], f"locks are still held: {held}"
            return
        assert locks.keys() == self.subjects(rollout)
        for lease in locks.values():
            owners = [ref["uid"] for ref in lease["metadata"].get("ownerReferences", [])]
            assert holder(lease) == rollout.uid
            assert incident_of(lease) == (None if wanted == HELD else wanted)
            assert owners == ([rollout.uid] if wanted == HELD else []), "an incident outlives it"

    def _check_snapshots(self, rollout: Rollout, *, kept: bool) -> None:
        found = self._owned("controllerrevisions", rollout, "snapshot")
        assert len(found) == (1 if kept else 0), [each["metadata"]["name"] for each in found]
        if kept:
            place = self.places[DEPLOYMENT]
            values = found[0]["data"]["target"]["values"]
            assert {k: v for k, v in values.items() if v is not None} == fleet.flags_of(place.data)

    def _check_finalizer(self, rollout: Rollout, *, there: bool) -> None:
        found = rollout.body["metadata"].get("finalizers", [])
        assert found == (["pecr.dev/restore"] if there else []), found

    def report(self, rollout: Rollout) -> Json | None:
        """Give the decision report that is kept, from its JSON."""
        found = self.kube.find("configmaps", f"{rollout.name}-report")
        if found is None:
            return None
        assert set(found["data"]) == {"report.json", "report.md", "report.env"}
        assert [ref["uid"] for ref in found["metadata"]["ownerReferences"]] == [rollout.uid]
        return json.loads(found["data"]["report.json"])

    def _check_report(self, rollout: Rollout, wanted: str | tuple[str, int] | None) -> None:
        report = self.report(rollout)
        if wanted is None:
            assert report is None, "there is nothing to report yet"
            return
        assert report is not None, "the decision report is missing"
        told, status = report["rollout"], rollout.status
        phase, run = (wanted, status["run"]) if isinstance(wanted, str) else wanted
        assert told["name"] == rollout.name
        assert told["uid"] == rollout.uid
        assert told["phase"] == phase
        assert told["run"] == rollout.run_id(run)
        if run == status["run"]:
            assert told["incident"] == (status.get("incident") or {}).get("id")

    def _owned(self, plural: str, rollout: Rollout, part: str) -> list[Json]:
        selector = f"{UID_LABEL}={rollout.uid},pecr.dev/part={part}"
        return self.kube.list(plural, labelSelector=selector)

    # what was told

    def events(self, rollout: Rollout) -> list[Json]:
        """Give a rollout's Events in the order in which they were written."""
        found = [e for e in self.kube.list("events") if e["regarding"].get("uid") == rollout.uid]
        return sorted(found, key=lambda event: int(event["metadata"]["resourceVersion"]))

    def told(self, rollout: Rollout, *reasons: str) -> None:
        """Assert the Events of a rollout's transitions: these, in this order, each once.

        What preflight warns of is told, too; that is not a transition.
        """
        takes = [take for take in self.tape.takes if take.uid == rollout.uid]
        warned = {w.partition(":")[0] for t in takes for w in t.status.get("warnings", [])}

        def check() -> None:
            events = self.events(rollout)
            told = [event["reason"] for event in events if event["reason"] not in warned]
            assert told == list(reasons)
            repeated = Counter(event["metadata"]["name"] for event in events)
            assert not [name for name, count in repeated.items() if count > 1]
            assert all(event.get("series") is None for event in events)

        settle_on(check, 10)

    def history(self, rollout: Rollout) -> list[str]:
        """Give the phases of the history, a phase that is entered anew once more."""
        return [entry["phase"] for entry in rollout.status["history"]]

    # the end

    def check_lawful(self) -> None:
        """Assert of every status ever written what always holds, and that the operator is well."""
        takes = self.tape.takes
        uids = dict.fromkeys(take.uid for take in takes if take.name not in self.forged)
        for uid in uids:
            lawful.check_all([take for take in self.tape.takes if take.uid == uid])
        assert self.operator.faults() == [], "the operator logged faults"

    def leave(self) -> None:
        """Delete all rollouts; assert that they go, and that nothing of the operator stays."""
        if not self.operator.running:
            self.operator.start()
        for body in self.kube.list("controllerrollouts"):
            self.kube.delete("controllerrollouts", body["metadata"]["name"])
        last = {take.uid: take.status for take in self.tape.takes}  # of those that went before, too
        incidents = {s["incident"]["id"] for s in last.values() if s.get("incident")}
        settle_on(lambda: self._check_left(incidents), 40)
        settle_on(self._check_forgotten, 10)

    def _check_forgotten(self) -> None:
        shown = self.operator.get("/metrics")[1]
        assert "pecr_rollout_operator_info" in shown
        mine = [line for line in shown.splitlines() if f'namespace="{self.name}"' in line]
        assert mine == [], "a rollout that is gone is still shown"

    def _check_left(self, incidents: set[str]) -> None:
        for plural in ("controllerrollouts", "controllerrevisions"):
            assert self.kube.list(plural) == [], f"{plural} are left"
        label = "app.kubernetes.io/managed-by=pecr-rollout"
        for plural in ("configmaps", "deployments"):
            left = [
                each["metadata"]["name"] for each in self.kube.list(plural, labelSelector=label)
            ]
            assert left == [], f"{plural} are left"
        left_on_locks = {incident_of(lease) for lease in self.locks().values()}
        assert left_on_locks <= incidents, "locks without an open incident are left"

    def close(self) -> None:
        """End what this test started."""
        self.tape.close()
        if self.operator.running:
            self.operator.kill()
        self.kube.client.close()

    def describe(self) -> str:
        """Say how things are, for the report of a failed test."""
        pods = "\n".join(
            f"  {p.deployment:24} {p.name:44} {p.state:18} ready={p.ready!s:5}"
            f" restarts={p.restarts} {fleet.flags_of(p.env)} {p.message}"
            for p in self.namespace.fleet.pods(self.name)
        )
        locks = "\n".join(
            f"  {subject}: holder {holder(lease)} incident {incident_of(lease)}"
            for subject, lease in self.locks().items()
        )
        events = "\n".join(
            f"  {e['type']:7} {e['reason']:16} {e['regarding'].get('name')}:"
            f" {e.get('note', '')[:200]}"
            for e in self.kube.list("events")
            if e["regarding"].get("kind") == "ControllerRollout"
        )
        signals = "\n".join(
            f"  {take.name}: {each['name']} {each['verdict']} {each.get('sentence')}"
            for take in {take.name: take for take in self.tape.takes}.values()
            for each in take.status.get("signals", [])
        )
        return (
            f"story:\n{self.tape.lines()}\nsignals:\n{signals}\npods:\n{pods}\nlocks:\n{locks}"
            f"\nevents:\n{events}"
        )


def holder(lease: Json) -> str | None:
    """Give the uid of the rollout that holds a Lease."""
    return (lease.get("spec") or {}).get("holderIdentity")


def incident_of(lease: Json) -> str | None:
    """Give the incident that is open on a Lease."""
    return (lease["metadata"].get("annotations") or {}).get("pecr.dev/incident")
