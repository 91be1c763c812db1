"""A small model of the cluster's edge, and the reconcile step in it: observe, plan, carry out."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from typing import Any

from lifecycle.edge import ConfigMap, ConflictError, Deployment, Lease, RefusedError, new_uid
from lifecycle.telling import Telling
from lifecycle.words import ADAPTIVE, BATCH, BEFORE, ENGINE, breach, spec, unknown, within
from pecr_rollout.api.rollout import ABORT, ACKNOWLEDGE, FINALIZER, PROMOTE, ControllerRollout
from pecr_rollout.api.status import Phase, Stage, Status, instant
from pecr_rollout.api.types import seconds
from pecr_rollout.contract.flags import BY_VARIABLE
from pecr_rollout.judge.evidence import Reason
from pecr_rollout.judge.verdict import Judgement
from pecr_rollout.lifecycle import actions
from pecr_rollout.lifecycle.draft import Note, Plan
from pecr_rollout.lifecycle.observation import (
    FIGURES_EVERY,
    Clone,
    Cluster,
    Finding,
    Flags,
    Lock,
    Observation,
    Preflight,
    Severity,
    Snapshot,
)
from pecr_rollout.lifecycle.outbox import Told, without
from pecr_rollout.lifecycle.plan import blocked, plan, worth_writing
from pecr_rollout.lifecycle.situation import Situation, judged, run_spec
from pecr_rollout.lifecycle.stages import wants_preflight

TICK = 60.0
START = 1_800_000_000.0
CALM = 40
"""Reconciles after which, with nothing changing outside, a rollout must have come to rest."""

PYTHON = re.compile(r"\bNone\b|<\w+\.|\b(Phase|Stage|State|Reason|Progress)\.[A-Z]")

Json = dict[str, Any]
Running = Mapping[str, str]


class Crash(Exception):  # noqa: N818  # it is no error: the process is gone
    """The operator's process ends here."""


@dataclass
class Outcome:
    """What one reconcile did."""

    plan: Plan
    wrote: bool = False
    conflict: str = ""

    @property
    def moved(self) -> bool:
        """Tell whether anything was done or recorded."""
        return self.wrote or bool(self.plan.actions) or bool(self.conflict)


@dataclass
class Before:
    """What was there when a run started: the tests' own memory of it."""

    flags: dict[str, dict[str, str]]
    stamps: dict[str, str | None]


@dataclass
class World:
    """The cluster's edge.

    Attributes:
        mood: what the judge sees: good, bad, blip, silent, deaf (no evaluation yet), or a
            function of the environment that the judged pods run with that gives one of these.
        fate: what becomes of a Deployment's new pods: ok, crash, stuck, noroom; or a function of
            its name and environment that gives one.
        errors: what preflight finds.
        refuses_same: whether it finds a delta that is there already, as the real one does.
        crash_after: how many more steps (actions and status writes) the process lives.
        log: every action that was carried out.
        notes: what was recorded to be told, in order.
        telling: what came of that.
        incidents: every incident that no person has acknowledged, with its target.
        foretold: acknowledgements that were set before their incident was there, by rollout.
    """

    now: float = START
    ticks_to_roll: int = 2
    mood: str | Callable[[Running], str] = "good"
    fate: str | Callable[[str, Running], str] = "ok"
    safest: bool = False
    errors: tuple[str, ...] = ()
    refuses_same: bool = False
    unreadable: str = ""
    namespace_ends: bool = False
    crash_after: int | None = None
    lose_status: bool = False
    config_maps: dict[str, ConfigMap] = field(default_factory=dict)
    deployments: dict[str, Deployment] = field(default_factory=dict)
    leases: dict[str, Lease] = field(default_factory=dict)
    rollouts: dict[str, Json] = field(default_factory=dict)
    snapshots: dict[str, list[Json]] = field(default_factory=dict)
    reports: dict[str, list[Any]] = field(default_factory=dict)
    log: list[tuple[str, actions.Action]] = field(default_factory=list)
    notes: list[tuple[str, Note]] = field(default_factory=list)
    telling: Telling = field(default_factory=Telling)
    rows: list[tuple[str, str]] = field(default_factory=list)
    incidents: dict[str, str] = field(default_factory=dict)
    foretold: dict[str, str | None] = field(default_factory=dict)
    before: dict[str, Before] = field(default_factory=dict)
    preflights: int = 0
    outsiders: int = 0
    judgement: Judgement | None = None
    read: dict[str, Any] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        if not self.deployments:
            self.add_workload("pecr-controller", "pecr-env", 10)
            self.add_workload("pecr-next", "pecr-next-env", 2)

    def add_workload(self, name: str, config_map: str, replicas: int) -> None:
        """Add a Deployment with its ConfigMap."""
        self.config_maps[config_map] = ConfigMap(config_map, {**BEFORE, "PECR_PORT": "8081"})
        self.deployments[name] = Deployment(name, config_map, replicas, running=dict(BEFORE))

    # What people do

    def apply(self, name: str = "demo", **kwargs: Any) -> "World":
        """Create a rollout, or replace its spec."""
        wanted = kwargs.pop("wanted", None) or spec(*kwargs.pop("changes", ()))
        if name in self.rollouts:
            body = self.rollouts[name]
            if body["spec"] != wanted:
                body["spec"] = wanted
                body["metadata"]["generation"] += 1
                self._touched(body)
            return self
        metadata = {
            "name": name,
            "namespace": "pecr",
            "uid": new_uid(),
            "generation": 1,
            "resourceVersion": "1",
            "annotations": kwargs.pop("annotations", {}),
            "finalizers": [],
        }
        status = {"observedGeneration": -1, "phase": "Pending"}
        self.rollouts[name] = {"metadata": metadata, "spec": wanted, "status": status}
        return self

    def edit(self, *changes: Mapping[str, Any], name: str = "demo") -> "World":
        """Change the spec of a rollout, from the default one."""
        return self.apply(name, wanted=spec(*changes))

    def annotate(self, key: str, value: str | None, name: str = "demo") -> "World":
        """Set an annotation."""
        body = self.rollouts[name]
        if key == ACKNOWLEDGE and value != body["metadata"]["annotations"].get(key):
            self.foretold[body["metadata"]["uid"]] = None if value in self.incidents else value
        if value is None:
            body["metadata"]["annotations"].pop(key, None)
        else:
            body["metadata"]["annotations"][key] = value
        self._touched(body)
        return self

    def acknowledge(self, value: str | None = None, name: str = "demo") -> "World":
        """Acknowledge the open incident, or another one."""
        incident = self.status(name).incident
        return self.annotate(ACKNOWLEDGE, value or (incident.id if incident else "none"), name)

    def promote(self, name: str = "demo") -> "World":
        """Promote the current run."""
        return self.annotate(PROMOTE, self.run_id(name), name)

    def abort(self, name: str = "demo") -> "World":
        """Abort the current run."""
        return self.annotate(ABORT, self.run_id(name), name)

    def delete(self, name: str = "demo") -> "World":
        """Delete a rollout, as `kubectl delete` does."""
        body = self.rollouts[name]
        if body["metadata"]["finalizers"]:
            body["metadata"]["deletionTimestamp"] = instant(self.now)
            self._touched(body)
        else:
            self._tell(self.rollout(name), mortal=False)  # the watch has its last version
            self._gone(name)
        return self

    def set_flag(self, key: str, value: str | None, config_map: str = "pecr-env") -> "World":
        """Let somebody else change a key."""
        if self.config_maps[config_map].data.get(key) != value:
            self.config_maps[config_map].patch({key: value})
            self.outsiders += key in BY_VARIABLE
        return self

    def change_template(self, template: str, deployment: str = "pecr-controller") -> "World":
        """Let somebody else change a pod template."""
        there = self.deployments[deployment]
        if there.template != template:
            there.template = template
            there.roll(self.ticks_to_roll)
        return self

    def undo(self, deployment: str = "pecr-controller", stamp: str | None = "0ld") -> "World":
        """Let somebody else run `kubectl rollout undo`."""
        there = self.deployments[deployment]
        if there.stamp != stamp:
            there.stamp = stamp
            there.roll(self.ticks_to_roll)
            self.outsiders += 1
        return self

    def scale(self, replicas: int, deployment: str = "pecr-controller") -> "World":
        """Let somebody else scale."""
        there = self.deployments[deployment]
        if there.replicas != replicas:
            there.replicas = replicas
            there.version += 1
        return self

    # What is there

    def rollout(self, name: str = "demo") -> ControllerRollout:
        """Read a rollout as the API server gives it."""
        metadata = self.rollouts[name]["metadata"]
        version = (metadata["uid"], metadata["resourceVersion"])
        if self.read.get(name, (None, None))[0] != version:
            self.read[name] = (version, ControllerRollout.model_validate(self.rollouts[name]))
        return self.read[name][1]

    def status(self, name: str = "demo") -> Status:
        """Read a rollout's status."""
        return self.rollout(name).status

    def run_id(self, name: str = "demo") -> str:
        """Give the id of the current run."""
        rollout = self.rollout(name)
        return rollout.run_id(rollout.status.run)

    def flags(self, config_map: str = "pecr-env") -> dict[str, str]:
        """Give the flags of a ConfigMap."""
        return self.config_maps[config_map].flags

    def clone(self, name: str = "pecr-controller") -> Deployment | None:
        """Give the managed cohort."""
        return self.deployments.get(f"{name}-canary")

    def condition(self, kind: str, name: str = "demo") -> str:
        """Give a condition's status."""
        return next(c.status for c in self.status(name).conditions if c.type == kind)

    # The operator

    def observe(self, rollout: ControllerRollout) -> Cluster:
        """Give what the operator sees."""
        finalizer = FINALIZER in rollout.metadata.finalizers
        if self.unreadable:
            return Cluster(None, None, (), finalizer=finalizer, unreadable=self.unreadable)
        snapshot = self._snapshot(rollout)
        wanted = run_spec(rollout, snapshot)
        target, existing = wanted.target, wanted.canary.existing
        return Cluster(
            target=self._workload(target.deployment),
            environment=self._environment(target.config_map),
            locks=self._locks(rollout, snapshot),
            clone=self._clone(rollout, f"{target.deployment}-canary"),
            existing=self._workload(existing.deployment) if existing else None,
            existing_environment=self._environment(existing.config_map) if existing else None,
            snapshot=snapshot,
            finalizer=finalizer,
            namespace_ends=self.namespace_ends,
        )

    def look(self, name: str = "demo") -> Observation:
        """Give everything that a decision is made on, as runtime/ does."""
        rollout = self.rollout(name)
        cluster = self.observe(rollout)
        observation = Observation(rollout, cluster, self.now)
        situation = Situation(observation)
        if wants_preflight(situation):
            self.preflights += 1
            missing = () if cluster.target and cluster.environment else ("TargetMissing",)
            delta, now = rollout.spec.flag_delta.environment(), cluster.environment
            same = self.refuses_same and now and delta.items() <= now.flags.items()
            idle = ("NothingToChange",) if same else ()
            found = tuple(
                Finding(Severity.ERROR, reason, f"{reason} is wrong; put it right.")
                for reason in (*self.errors, *missing, *idle)
            )
            return replace(observation, preflight=Preflight(found, {"latency_p95": (1.0, 100.0)}))
        if judged(situation) is None:
            return observation
        return replace(observation, judgement=self._judge(situation))

    def reconcile(self, name: str = "demo") -> Outcome:
        """Bring one rollout one step further.

        Raises:
            Crash: the process ended in the middle.
        """
        observation = self.look(name)
        rollout, self.judgement = observation.rollout, observation.judgement
        drawn = plan(observation)
        self._check_plan(observation, drawn)
        self.rows.append((name, drawn.row))
        try:
            if rollout.metadata.deletion_timestamp is not None:
                self._tell(rollout)  # it may be gone afterwards
            for action in drawn.actions:
                self._live()
                self.execute(rollout, observation.cluster, action)
            outcome = Outcome(drawn)
        except ConflictError as error:
            return Outcome(drawn, conflict=str(error))
        except RefusedError as error:
            outcome = Outcome(blocked(observation, "Refused", str(error)))
        try:
            outcome.wrote = self._record(rollout, outcome.plan)
        except ConflictError as error:
            outcome.conflict = str(error)
        return outcome

    def settle(self, *names: str) -> "World":
        """Reconcile until nothing more happens at this instant; the process is restarted."""
        for name in names or tuple(self.rollouts):
            for _ in range(CALM):
                if name not in self.rollouts:
                    break
                try:
                    if not self.reconcile(name).moved:
                        break
                except Crash:
                    self.crash_after = None
                    self.telling.die()
            else:
                raise AssertionError(f"{name} does not come to rest: {self.rows[-8:]}")
            if name in self.rollouts:
                self._check_left_behind(name)
        return self

    def tick(self, dt: float = TICK) -> "World":
        """Let time pass: pods roll, garbage is collected, the operator looks again."""
        self.now += dt
        for deployment in list(self.deployments.values()):
            self._grow(deployment)
        self.collect_garbage()
        return self.settle()

    def wait(self, minutes: float) -> "World":
        """Let time pass, tick by tick."""
        for _ in range(int(minutes * 60 / TICK)):
            self.tick()
        return self

    def until(self, condition: Callable[["World"], Any], minutes: float = 120) -> "World":
        """Let time pass until something is true."""
        self.settle()
        for _ in range(int(minutes * 60 / TICK)):
            if condition(self):
                return self
            self.tick()
        if not condition(self):
            states = {n: (self.status(n).phase, self.status(n).message) for n in self.rollouts}
            raise AssertionError(f"not reached in {minutes} minutes: {states}, {self.rows[-9:]}")
        return self

    def until_phase(self, phase: Phase, stage: Stage | None = None, name: str = "demo") -> "World":
        """Let time pass until a rollout is in a phase (and a stage)."""

        def there(world: "World") -> bool:
            if name not in world.rollouts:
                return False
            status = world.status(name)
            return status.phase is phase and stage in (None, status.stage)

        return self.until(there)

    def to_stage(self, phase: Phase, stage: Stage, name: str = "demo") -> "World":
        """Reconcile step by step and tick, until exactly this phase and stage is recorded."""
        for _ in range(400):
            for _ in range(CALM):
                status = self.status(name)
                if status.phase is phase and status.stage is stage:
                    return self
                if not self.reconcile(name).moved:
                    break
            self.now += TICK
            for deployment in list(self.deployments.values()):
                self._grow(deployment)
        raise AssertionError(f"never came to {phase}/{stage}: {self.status(name)}")

    # What each action does, as actions.py says

    def execute(self, rollout: ControllerRollout, cluster: Cluster, action: actions.Action) -> None:  # noqa: C901
        """Carry out one action; done twice, it is done once."""
        self.log.append((rollout.metadata.name, action))
        match action:
            case actions.AddFinalizer():
                self._set_finalizers(rollout, [FINALIZER])
            case actions.RemoveFinalizer():
                self._set_finalizers(rollout, [])
            case actions.AcquireLocks(subjects):
                self._acquire(rollout, subjects)
            case actions.ReleaseLocks(subjects):
                self._release(rollout, subjects)
            case actions.MarkIncident(subjects, incident):
                self._mark(rollout, subjects, incident)
            case actions.TakeSnapshot(taken):
                self._take(rollout, taken)
            case actions.DropSnapshot():
                self.snapshots.pop(rollout.metadata.uid, None)
            case actions.WriteFlags():
                self._write_flags(rollout, action)
            case actions.StampTemplate():
                self._stamp(rollout, action)
            case actions.ApplyClone(environment, replicas):
                self._apply_clone(rollout, cluster, dict(environment), replicas)
            case actions.RemoveClone():
                name = f"{self._spec(rollout).target.deployment}-canary"
                there = self.deployments.get(name)
                if there is not None and there.owner == rollout.metadata.uid:
                    del self.deployments[name]
            case actions.WriteReport(report):
                self.reports.setdefault(rollout.metadata.uid, []).append(report)

    def collect_garbage(self) -> None:
        """Remove what is owned by rollouts that are gone."""
        living = {body["metadata"]["uid"] for body in self.rollouts.values()}
        self.leases = {k: v for k, v in self.leases.items() if v.owner is None or v.owner in living}
        self.deployments = {
            k: v for k, v in self.deployments.items() if v.owner is None or v.owner in living
        }
        self.snapshots = {k: v for k, v in self.snapshots.items() if k in living}

    def check_always(self) -> None:
        """Check what must hold at any moment."""
        for name in self.rollouts:
            status = self.status(name)
            if status.incident is not None:
                assert self.incidents.get(status.incident.id), "an incident is not in the books"

    def left_behind(self, uid: str) -> list[str]:
        """Name what is there of a rollout, reports excepted."""
        return [
            *(f"lease {s}" for s, lease in self.leases.items() if lease.holder == uid),
            *(f"clone {d.name}" for d in self.deployments.values() if d.owner == uid),
            *(["snapshot"] if self.snapshots.get(uid) else []),
            *(
                ["finalizer"]
                for b in self.rollouts.values()
                if b["metadata"]["uid"] == uid and b["metadata"]["finalizers"]
            ),
        ]

    # Below: how

    def _live(self) -> None:
        if self.crash_after is None:
            return
        if self.crash_after == 0:
            raise Crash
        self.crash_after -= 1

    def _grow(self, deployment: Deployment) -> None:
        environment = self._starts_with(deployment)
        fate = self.fate if isinstance(self.fate, str) else self.fate(deployment.name, environment)
        deployment.fate = fate
        if deployment.left and fate == "ok":
            deployment.left -= 1
            deployment.version += 1
        if deployment.left == 0:
            deployment.running = environment

    def _starts_with(self, deployment: Deployment) -> dict[str, str]:
        config_map = self.config_maps.get(deployment.config_map)
        return {**(config_map.flags if config_map else {}), **deployment.overlay}

    def _touched(self, body: Json) -> None:
        body["metadata"]["resourceVersion"] = str(int(body["metadata"]["resourceVersion"]) + 1)

    def _gone(self, name: str) -> None:
        uid = self.rollouts.pop(name)["metadata"]["uid"]
        self.before.pop(uid, None)
        self.telling.check_gone(uid)

    def _spec(self, rollout: ControllerRollout) -> Any:
        return run_spec(rollout, self._snapshot(rollout))

    def _snapshot(self, rollout: ControllerRollout) -> Snapshot | None:
        found = self.snapshots.get(rollout.metadata.uid, [])
        own = [s for s in found if s["identity"] == rollout.status.identity]
        kept = (own or found)[-1:]
        return _read_snapshot(kept[0]) if kept else None

    def _workload(self, name: str) -> Any:
        return self.deployments[name].view() if name in self.deployments else None

    def _environment(self, name: str) -> Any:
        return self.config_maps[name].view() if name in self.config_maps else None

    def _clone(self, rollout: ControllerRollout, name: str) -> Clone | None:
        there = self.deployments.get(name)
        if there is None:
            return None
        owned = there.owner == rollout.metadata.uid
        return Clone(there.view(), owned, dict(there.overlay), there.source_template)

    def _locks(self, rollout: ControllerRollout, snapshot: Snapshot | None) -> tuple[Lock, ...]:
        bare = Cluster(None, None, (), snapshot=snapshot)
        subjects = Situation(Observation(rollout, bare, 0.0)).subjects
        return tuple(self._lock(rollout, subject) for subject in subjects)

    def _lock(self, rollout: ControllerRollout, subject: str) -> Lock:
        lease = self.leases.get(subject)
        if lease is None:
            return Lock(subject, subject, None)
        living = self.rollouts.get(lease.holder_name, {}).get("metadata", {}).get("uid")
        orphaned = lease.holder not in (rollout.metadata.uid, living)
        return Lock(subject, subject, lease.holder, lease.holder_name, lease.incident, orphaned)

    def _judge(self, s: Situation) -> Judgement | None:
        environment = s.running_environment
        mood = self.mood if isinstance(self.mood, str) else self.mood(environment)
        window = s.status.window
        begun = window.since if window else self.now
        if mood == "deaf" or self.now < begun:
            return None if mood == "deaf" else unknown(Reason.SETTLING)
        if mood == "silent":
            return unknown()
        if mood == "blip":
            return unknown(Reason.UNDECIDED, since=self.now - 60)
        lasted = self.now - begun
        if mood == "bad":
            if lasted >= seconds(s.spec.slo.sustained_for):
                return breach(begun, safest=self.safest)
            return unknown(Reason.UNDECIDED, since=begun)
        return within() if lasted >= s.hold else unknown(Reason.UNDECIDED)

    def _tell(self, rollout: ControllerRollout, *, mortal: bool = True) -> Told:
        uid, events, owner = rollout.metadata.uid, set[str](), set[str]()
        for message in rollout.status.outbox:
            if mortal:
                self._live()
            if message.event:
                self.telling.announce(uid, message, self.now)
                events.add(message.key)
            if message.owner is not None and self.telling.deliver(uid, message):
                owner.add(message.key)
        return Told(frozenset(events), frozenset(owner))

    def _record(self, rollout: ControllerRollout, drawn: Plan) -> bool:
        drawn = replace(drawn, status=without(drawn.status, self._tell(rollout)))
        if not worth_writing(rollout.status, drawn.status, self.now, FIGURES_EVERY):
            assert not drawn.notes, "what is told is not recorded"
            return False
        self._live()
        name = rollout.metadata.name
        body = self.rollouts.get(name)
        if body is None or body["metadata"]["uid"] != rollout.metadata.uid:
            return True  # it is gone
        if body["metadata"]["resourceVersion"] != rollout.metadata.resource_version:
            raise ConflictError("the rollout was changed meanwhile")
        if self.lose_status:
            self.lose_status = False
            raise ConflictError("the status write was lost")
        status = drawn.status.model_copy(update={"figures_at": instant(self.now)})
        written = json.loads(json.dumps(status.model_dump(mode="json", exclude_none=True)))
        self._check_transition(rollout, rollout.status, drawn.status, drawn)
        body["status"] = written
        self._touched(body)
        self.rollout(name)  # it is readable, within all bounds
        for note in drawn.notes:
            self.notes.append((name, note))
            self.telling.record(rollout.metadata.uid, note)
        return True

    def _set_finalizers(self, rollout: ControllerRollout, names: list[str]) -> None:
        body = self.rollouts.get(rollout.metadata.name)
        if body is None or body["metadata"]["uid"] != rollout.metadata.uid:
            return
        if body["metadata"]["finalizers"] != names:
            body["metadata"]["finalizers"] = names
            self._touched(body)
        if body["metadata"].get("deletionTimestamp") and not names:
            self._gone(rollout.metadata.name)

    def _acquire(self, rollout: ControllerRollout, subjects: tuple[str, ...]) -> None:
        uid = rollout.metadata.uid
        for subject in subjects:
            lock = self._lock(rollout, subject)
            if lock.holder not in (None, uid) and (lock.incident or not lock.orphaned):
                raise RefusedError(f"{subject} is held by {lock.holder_name}")
        for subject in subjects:
            lease = self.leases.get(subject)
            if lease is None or lease.holder != uid:
                self.leases[subject] = Lease(subject, uid, rollout.metadata.name, owner=uid)

    def _release(self, rollout: ControllerRollout, subjects: tuple[str, ...]) -> None:
        for subject in subjects:
            lease = self.leases.get(subject)
            if lease is None or lease.holder != rollout.metadata.uid:
                continue
            if lease.incident is None:
                del self.leases[subject]
            else:
                lease.owner = None

    def _mark(
        self, rollout: ControllerRollout, subjects: tuple[str, ...], incident: str | None
    ) -> None:
        uid, name = rollout.metadata.uid, rollout.metadata.name
        for subject in subjects:
            lock = self._lock(rollout, subject)
            if lock.holder not in (None, uid) and not lock.orphaned:
                raise RefusedError(f"{subject} is held by {lock.holder_name}")
            owner = None if incident else uid
            self.leases[subject] = Lease(subject, uid, name, incident, owner)

    def _take(self, rollout: ControllerRollout, taken: Snapshot) -> None:
        kept = json.loads(json.dumps(asdict(taken)))
        there = self.snapshots.get(rollout.metadata.uid, [])
        same = [s for s in there if s["identity"] == kept["identity"]]
        self.snapshots[rollout.metadata.uid] = same or [kept]

    def _held(self, rollout: ControllerRollout, subject: str) -> None:
        lease = self.leases.get(subject)
        holder = lease.holder if lease else None
        assert holder == rollout.metadata.uid, f"{subject} is written without its lock"

    def _write_flags(self, rollout: ControllerRollout, action: actions.WriteFlags) -> None:
        there = self.config_maps.get(action.config_map)
        if there is None or (there.uid, str(there.version)) != (
            action.uid,
            action.resource_version,
        ):
            raise ConflictError(f"ConfigMap {action.config_map} was changed")
        self._held(rollout, f"configmap/{action.config_map}")
        assert set(action.changes) <= set(BY_VARIABLE), "a user's own key is written"
        there.patch(action.changes)

    def _stamp(self, rollout: ControllerRollout, action: actions.StampTemplate) -> None:
        there = self.deployments.get(action.deployment)
        if there is None or (there.uid, str(there.version)) != (
            action.uid,
            action.resource_version,
        ):
            raise ConflictError(f"Deployment {action.deployment} was changed")
        self._held(rollout, f"deployment/{action.deployment}")
        assert there.stamp != action.environment_hash, "the same hash is stamped again"
        if there.left == 0 and not self.outsiders:
            assert there.running != self._starts_with(there), "pods restart for nothing"
        there.stamp = action.environment_hash
        there.roll(self.ticks_to_roll)

    def _apply_clone(
        self,
        rollout: ControllerRollout,
        cluster: Cluster,
        environment: dict[str, str],
        replicas: int,
    ) -> None:
        target = self._spec(rollout).target
        name, uid = f"{target.deployment}-canary", rollout.metadata.uid
        source = self.deployments.get(target.deployment)
        if source is None or cluster.target is None or source.uid != cluster.target.uid:
            raise ConflictError("the target is another one")
        self._held(rollout, f"deployment/{target.deployment}")
        there = self.deployments.get(name)
        if there is not None and there.owner != uid:
            raise RefusedError(f"Deployment {name} is not ours")
        if there is None:
            there = Deployment(name, target.config_map, replicas, owner=uid)
            self.deployments[name] = there
            there.roll(self.ticks_to_roll)
        elif (there.overlay, there.source_template) != (environment, source.template):
            there.roll(self.ticks_to_roll)
        elif there.replicas < replicas:
            there.left = self.ticks_to_roll
        there.overlay, there.source_template = environment, source.template
        there.replicas, there.template = replicas, source.template
        there.version += 1

    # What must hold of every plan and of every transition

    def _check_plan(self, observation: Observation, drawn: Plan) -> None:
        old, new = observation.rollout.status, drawn.status
        texts = [
            new.message,
            *(note.message for note in drawn.notes),
            *(c.message for c in new.conditions),
            *(h.message for h in new.history),
            new.incident.cause if new.incident else "",
            new.slo,
        ]
        for text in texts:
            _check_text(text)
        if drawn.due is not None and drawn.due <= self.now:
            assert drawn.actions or worth_writing(old, new, self.now, FIGURES_EVERY), (
                f"{drawn.row} is due at once and does nothing"
            )
        if drawn.row in ("gone", "drift") and drawn.stalled:
            assert not [a for a in drawn.actions if not isinstance(a, actions.WriteReport)]

    def _check_transition(
        self, rollout: ControllerRollout, old: Status, new: Status, drawn: Plan
    ) -> None:
        uid = rollout.metadata.uid
        if drawn.row == "start":
            self._check_start(rollout)
        if new.phase is Phase.PROMOTING and old.phase is Phase.CANARY:
            self._check_promotion(rollout, old)
        if new.phase is Phase.COMPLETED and old.phase is Phase.PROMOTING:
            self._check_promotion(rollout, old)
        if old.stage is Stage.RESTORING and new.stage is Stage.ROLLING_BACK:
            self._check_restored(rollout, old)
        self._check_steps(rollout, old, new)
        self._keep_books(rollout, old, new)
        if drawn.row == "start":
            self.before[uid] = Before(
                {name: there.flags for name, there in self.config_maps.items()},
                {name: there.stamp for name, there in self.deployments.items()},
            )

    def _check_start(self, rollout: ControllerRollout) -> None:
        target = rollout.spec.target.deployment
        open_here = [i for i, where in self.incidents.items() if where == target]
        assert not open_here, f"a run starts over the open incident {open_here}"
        assert not rollout.spec.suspend, "a run starts while suspended"
        assert not self.errors, "a run starts against its preflight"
        subjects = [f"deployment/{target}", f"configmap/{rollout.spec.target.config_map}"]
        for subject in subjects:
            lease = self.leases[subject]
            assert lease.holder == rollout.metadata.uid
            assert lease.incident is None
        snapshot = self.snapshots[rollout.metadata.uid][-1]
        assert snapshot["identity"] == rollout.spec.identity()
        there = self.config_maps[rollout.spec.target.config_map]
        kept = {k: v for k, v in snapshot["target"]["values"].items() if v is not None}
        assert kept == there.flags, "the snapshot is not what is there"

    def _check_promotion(self, rollout: ControllerRollout, old: Status) -> None:
        judgement = self.judgement
        assert judgement is not None, "decided without a look"
        assert not judgement.breaches, "promoted over a breach"
        word = self.rollouts[rollout.metadata.name]["metadata"]["annotations"].get(PROMOTE)
        person = word == rollout.run_id(old.run) or old.promoted_by is not None
        if judgement != within():
            assert person, "promoted without evidence or a person"
            assert not any(v.since for v in judgement.signals), "a person's word over a limit"
        assert not rollout.spec.suspend

    def _check_restored(self, rollout: ControllerRollout, old: Status) -> None:
        before = self.before.get(rollout.metadata.uid)
        if before is None or self.unreadable:
            return
        written = self._written_places(rollout, old)
        for config_map, deployment in written:
            there, was = self.config_maps[config_map].flags, before.flags[config_map]
            for key in old.environment:
                assert there.get(key) == was.get(key), f"{key} is not restored"
            assert self.deployments[deployment].stamp == before.stamps[deployment]

    def _written_places(self, rollout: ControllerRollout, old: Status) -> list[tuple[str, str]]:
        wanted = self._spec(rollout)
        places = []
        fleet = old.fallback is not None and old.fallback.scope == "Fleet"
        if wanted.canary.mode.value == "Fleet" or old.promoted or fleet:
            places.append((wanted.target.config_map, wanted.target.deployment))
        if wanted.canary.existing is not None:
            places.append((wanted.canary.existing.config_map, wanted.canary.existing.deployment))
        return places if old.environment else []

    def _check_steps(self, rollout: ControllerRollout, old: Status, new: Status) -> None:
        taken = new.fallback.taken if new.fallback else []
        had = old.fallback.taken if old.fallback else []
        order = ["disable_adaptive_parallelism", "disable_batch_mode", "switch_engine_to_baseline"]
        flags = dict(zip(order, (ADAPTIVE, BATCH, ENGINE), strict=True))
        safe = {ADAPTIVE: "false", BATCH: "false", ENGINE: "baseline"}
        default = {ADAPTIVE: "true", BATCH: "true", ENGINE: "baseline"}
        assert taken == sorted(taken, key=order.index)
        assert len(set(taken)) == len(taken)
        if taken[: len(had)] != had or len(taken) == len(had):
            return
        wanted = self._spec(rollout)
        existing = wanted.canary.existing
        source = self.config_maps[existing.config_map if existing else wanted.target.config_map]
        running = {**default, **source.flags, **old.environment}
        for step in taken[len(had) :]:
            assert running[flags[step]] != safe[flags[step]], f"{step} was safe already"
            assert new.environment[flags[step]] == safe[flags[step]]
        skipped = order[: order.index(taken[-1])]
        for step in skipped:
            left = step not in taken and (not had or order.index(step) > order.index(had[-1]))
            assert not left or running[flags[step]] == safe[flags[step]], f"{step} was left out"

    def _keep_books(self, rollout: ControllerRollout, old: Status, new: Status) -> None:
        was = old.incident.id if old.incident else None
        now = new.incident.id if new.incident else None
        acknowledged = self.rollouts[rollout.metadata.name]["metadata"]["annotations"].get(
            ACKNOWLEDGE
        )
        if was is not None and now is None:
            assert acknowledged == was, "an incident was closed by nobody"
            foretold = self.foretold.get(rollout.metadata.uid)
            assert was != foretold, "an incident was closed by somebody who had not seen it"
        if was != now:
            if was is not None:
                self.incidents.pop(was, None)
            if now is not None:
                self.incidents[now] = self._spec(rollout).target.deployment
        if new.handled.acknowledge != old.handled.acknowledge and new.handled.acknowledge:
            assert acknowledged == new.handled.acknowledge
            self.incidents.pop(new.handled.acknowledge, None)

    def _check_left_behind(self, name: str) -> None:
        body, status = self.rollouts[name], self.status(name)
        self.telling.check_settled(body["metadata"]["uid"], status.outbox)
        if status.stage is not Stage.IDLE and status.phase is not Phase.PENDING:
            return
        if self.unreadable or status.stage in (Stage.RESTORING, Stage.ROLLING_BACK, Stage.CLOSING):
            return
        left = self.left_behind(body["metadata"]["uid"])
        allowed = {"snapshot"} if status.phase is Phase.PENDING else set()
        if status.incident is not None:
            assert not body["metadata"]["finalizers"], "a restored rollout keeps its finalizer"
            assert all(lease.owner is None for lease in self._leases_of(body))
            return
        assert set(map(str, left)) <= allowed, f"{left} is left behind in {status.phase}"

    def _leases_of(self, body: Json) -> list[Lease]:
        return [v for v in self.leases.values() if v.holder == body["metadata"]["uid"]]


def _read_snapshot(data: Json) -> Snapshot:
    existing = data.get("existing")
    return Snapshot(
        identity=data["identity"],
        spec=data["spec"],
        target=Flags(**data["target"]),
        existing=Flags(**existing) if existing else None,
        recorded={name: (bad, total) for name, (bad, total) in data["recorded"].items()},
        taken_at=data.get("taken_at", 0.0),
    )


@lru_cache(10_000)
def _check_text(text: str) -> None:
    plain = text.replace("strategy None", "").replace("strategy: None", "")
    assert not PYTHON.search(plain), text
    assert "  " not in text.strip(), text
