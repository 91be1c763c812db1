"""Whatever people, other writers, the service and crashes do, in any order: what never happens.

The properties themselves are in world.py, checked at every action, status write and rest. Set
PECR_HYPOTHESIS=long for a long search.
"""

import os

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from lifecycle.words import ADAPTIVE, BATCH, ENGINE, MODES, Json, spec
from lifecycle.world import World
from pecr_rollout.api.rollout import ABORT, ACKNOWLEDGE, PROMOTE

LONG = os.environ.get("PECR_HYPOTHESIS") == "long"
SETTINGS = settings(
    max_examples=3000 if LONG else 30,
    stateful_step_count=60 if LONG else 30,
    derandomize=not LONG,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    database=None,
)

DELTAS: list[Json] = [
    {"engine": "rlm"},
    {"engine": "rlm", "adaptiveParallelism": True, "batchMode": True},
    {"adaptiveParallelism": False},
    {"operatorConcurrencyPolicies": {"search": {"maxInFlight": 4}}},
]
STEPS: list[Json] = [
    {"steps": [{"cohort": "10%", "hold": "10m"}]},
    {"steps": [{"cohort": "10%", "hold": "5m"}, {"cohort": "50%", "hold": "5m"}]},
]
FATES = ["ok", "ok", "ok", "crash", "stuck", "noroom", "noroom-stuck"]
MOODS = ["good", "good", "bad", "bad", "blip", "silent", "deaf"]


CURES = {
    "adaptive": (ADAPTIVE, "false"),
    "batch": (BATCH, "false"),
    "engine": (ENGINE, "baseline"),
}


def cured(step: str):
    """Give a mood that one fallback step cures."""
    flag, safe = CURES[step]
    return lambda environment: "good" if environment.get(flag) == safe else "bad"


class Rollouts(RuleBasedStateMachine):
    """One or two rollouts on one target, and everything that may happen to them."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World(refuses_same=True)
        self.mode: dict[str, Json] = {}
        self.rest: dict[str, Json] = {}

    def base(self, name: str) -> list[Json]:
        return [self.mode[name], self.rest[name]]

    @initialize(
        mode=st.sampled_from(sorted(MODES)),
        strategy=st.sampled_from(["Automatic", "Automatic", "Manual", "None"]),
        guard=st.sampled_from(["Bake", "Always"]),
        exhausted=st.sampled_from(["Hold", "Withdraw"]),
        inconclusive=st.sampled_from(["Hold", "Abort"]),
        on_delete=st.sampled_from(["Restore", "Retain"]),
        mood=st.sampled_from(MOODS),
        safest=st.booleans(),
        delta=st.sampled_from(DELTAS),
        noisy=st.booleans(),
        at=st.sampled_from(["", "", "Promoting", "Completed", "Fallback", "Incident"]),
    )
    def begin(
        self,
        mode,
        strategy,
        guard,
        exhausted,
        inconclusive,
        on_delete,
        mood,
        safest,
        delta,
        noisy,
        at,
    ):
        self.noisy = noisy
        self.mode["demo"] = MODES[mode]
        self.rest["demo"] = {
            "promotion": {"strategy": strategy, "guard": guard, "bake": "5m"},
            "fallback": {"onExhausted": exhausted},
            "analysis": {"onInconclusive": inconclusive, "maxDuration": "30m"},
            "onDelete": on_delete,
            "flagDelta": None,
        }
        self.delta = delta
        self.create("demo")
        self.arrive(at)
        self.world.mood = mood
        self.world.safest = safest

    def arrive(self, at: str) -> None:
        world = self.world
        world.mood = "bad" if at in ("Fallback", "Incident") else "good"
        if at:
            world.wait(12)
        if at in ("Promoting", "Completed"):
            world.promote().wait({"Promoting": 14, "Completed": 30}[at])
        if at == "Incident":
            world.abort().wait(3)

    def wanted(self, name: str, *changes: Json) -> Json:
        wanted = spec(*self.base(name), *changes)
        wanted.setdefault("flagDelta", self.delta)
        return wanted

    def create(self, name: str) -> None:
        annotations = getattr(self, "manifest", {})
        self.world.apply(name, wanted=self.wanted(name), annotations=dict(annotations))

    def there(self, name: str = "demo") -> bool:
        return name in self.world.rollouts

    def deleted(self, name: str = "demo") -> bool:
        return "deletionTimestamp" in self.world.rollouts[name]["metadata"]

    # Time

    @rule(minutes=st.sampled_from([1, 3, 8, 15]))
    def wait(self, minutes):
        self.world.wait(minutes)

    @rule()
    def wait_for_a_change(self):
        before = {name: self.world.status(name).phase for name in self.world.rollouts}
        for _ in range(60):
            self.world.tick()
            if before != {name: self.world.status(name).phase for name in self.world.rollouts}:
                break

    @rule()
    def one_reconcile(self):
        for name in list(self.world.rollouts):
            if name in self.world.rollouts:
                self.world.reconcile(name)

    @rule(steps=st.integers(0, 5))
    def crash(self, steps):
        self.world.crash_after = steps
        self.world.settle()
        self.world.crash_after = None

    @rule(receiver=st.sampled_from(["up", "dead", "none"]), hours=st.sampled_from([0, 0, 25]))
    def notify(self, receiver, hours):
        """Somebody's receiver dies, or comes back; a day later nobody wants to know any more."""
        self.world.telling.receiver = receiver
        self.world.tick(hours * 3600.0)

    @rule()
    def lose_a_status_write(self):
        self.world.lose_status = True

    # The service

    @rule(mood=st.sampled_from([*MOODS, "adaptive", "batch", "engine"]))
    def feel(self, mood):
        self.world.mood = cured(mood) if mood in CURES else mood

    @precondition(lambda self: self.noisy)
    @rule(fate=st.sampled_from(FATES))
    def meet(self, fate):
        self.world.fate = fate

    @precondition(lambda self: self.noisy)
    @rule(errors=st.sampled_from([(), (), ("FlagShadowed",)]))
    def find(self, errors):
        self.world.errors = errors

    # People

    @precondition(lambda self: self.there())
    @rule()
    def acknowledge(self):
        self.world.acknowledge()

    @precondition(lambda self: self.there() and self.world.incidents)
    @rule(data=st.data(), name=st.sampled_from(["demo", "other"]))
    def acknowledge_any(self, data, name):
        value = data.draw(st.sampled_from(sorted(self.world.incidents)))
        if self.there(name):
            self.world.acknowledge(value, name)

    @precondition(lambda self: self.there())
    @rule(minutes=st.sampled_from([1, 1, 12]))
    def acknowledge_the_next(self, minutes):
        status = self.world.status()
        number = status.incident.number + 1 if status.incident else 1
        self.world.acknowledge(self.world.rollout("demo").incident_id(status.run, number))
        self.world.mood = "bad"
        self.world.wait(minutes)

    @precondition(lambda self: self.there())
    @rule(key=st.sampled_from([ACKNOWLEDGE, PROMOTE, ABORT]))
    def take_back(self, key):
        self.world.annotate(key, None)

    @precondition(lambda self: self.there())
    @rule(
        key=st.sampled_from([ACKNOWLEDGE, PROMOTE, ABORT]),
        value=st.sampled_from(["nonsense", "00000001-1", "00000001-1-1"]),
    )
    def annotate_wrongly(self, key, value):
        self.world.annotate(key, value)

    @precondition(lambda self: self.there())
    @rule()
    def promote(self):
        self.world.promote()

    @precondition(lambda self: self.there())
    @rule()
    def abort(self):
        self.world.abort()

    @precondition(lambda self: self.there() and not self.deleted())
    @rule(delta=st.sampled_from(DELTAS))
    def change_delta(self, delta):
        self.delta = delta
        self.world.apply("demo", wanted=self.wanted("demo"))

    @precondition(lambda self: self.there() and not self.deleted())
    @rule(steps=st.sampled_from(STEPS))
    def change_steps(self, steps):
        if self.mode["demo"]["canary"].get("mode", "Managed") == "Managed":
            self.mode["demo"] = {"canary": steps}
            self.world.apply("demo", wanted=self.wanted("demo"))

    @precondition(lambda self: self.there() and not self.deleted())
    @rule(suspend=st.booleans())
    def suspend(self, suspend):
        self.rest["demo"] = {**self.rest["demo"], "suspend": suspend}
        self.world.apply("demo", wanted=self.wanted("demo"))

    @precondition(lambda self: self.there() and not self.deleted())
    @rule(
        strategy=st.sampled_from(["Automatic", "Manual", "None"]),
        guard=st.sampled_from(["Bake", "Always"]),
    )
    def change_promotion(self, strategy, guard):
        promotion = {"strategy": strategy, "guard": guard, "bake": "5m"}
        self.rest["demo"] = {**self.rest["demo"], "promotion": promotion}
        self.world.apply("demo", wanted=self.wanted("demo"))

    @precondition(lambda self: self.there() and not self.deleted())
    @rule()
    def delete(self):
        # what Git holds of it, annotations included, comes back with it
        self.manifest = self.world.rollouts["demo"]["metadata"]["annotations"]
        self.world.delete()

    @precondition(lambda self: not self.there())
    @rule()
    def create_again(self):
        self.create("demo")

    @precondition(lambda self: not self.there("other"))
    @rule()
    def create_other(self):
        self.mode["other"], self.rest["other"] = MODES["Managed"], {"flagDelta": None}
        self.create("other")

    @precondition(lambda self: self.there("other") and not self.deleted("other"))
    @rule()
    def delete_other(self):
        self.world.delete("other")

    # Other writers

    @precondition(lambda self: self.noisy)
    @rule(
        key=st.sampled_from([ENGINE, ADAPTIVE, BATCH]),
        value=st.sampled_from(["true", "false", "baseline", "rlm", None]),
    )
    def write_a_flag(self, key, value):
        if value is None or (value in ("baseline", "rlm")) == (key == ENGINE):
            self.world.set_flag(key, value)

    @rule(what=st.sampled_from(["8081", "8082", "v1", "v2", 1, 10, 11, 20]))
    def change_what_is_followed(self, what):
        if isinstance(what, int):
            self.world.scale(what)
        elif what.startswith("v"):
            self.world.change_template(what)
        else:
            self.world.set_flag("PECR_PORT", what)

    @precondition(lambda self: self.noisy)
    @rule()
    def undo(self):
        self.world.undo()

    @precondition(lambda self: self.noisy)
    @rule(unreadable=st.sampled_from(["", "", "deployments is forbidden"]))
    def forbid(self, unreadable):
        self.world.unreadable = unreadable

    @invariant()
    def at_rest(self):
        self.world.check_always()

    def teardown(self):
        """Let everything go well at the end: nothing stays for ever but what waits for a person."""
        world = self.world
        world.unreadable, world.errors, world.fate, world.mood = "", (), "ok", "good"
        world.lose_status = False
        for name in list(world.rollouts):
            world.apply(name, wanted={**world.rollouts[name]["spec"], "suspend": False})
        world.wait(3)
        for name in list(world.rollouts):
            if "deletionTimestamp" not in world.rollouts[name]["metadata"]:
                world.delete(name)
        world.wait(3)
        assert not world.rollouts, "a deletion is wedged"
        assert "pecr-controller-canary" not in world.deployments
        marks = {name: lease.incident for name, lease in world.leases.items()}
        assert None not in marks.values(), "a lock is left without an incident"
        assert set(marks.values()) >= set(world.incidents)
        # One that was acknowledged by way of another rollout is off the locks that this one takes.
        for subject, incident in marks.items():
            assert incident in world.incidents or "pecr-next" in subject, f"{subject}: {incident}"


Rollouts.TestCase.settings = SETTINGS
TestRollouts = Rollouts.TestCase
