"""Conditions for machines and people, when a status is worth a write, and the decision report."""

import json
import math

import pytest

from lifecycle.words import ENGINE, ONE_STEP, SIGNALS, verdict
from lifecycle.world import World
from pecr_rollout.api.status import Phase, Stage, Status
from pecr_rollout.judge.evidence import Counts, Reason
from pecr_rollout.judge.verdict import Judgement, State
from pecr_rollout.lifecycle.judging import signal_status, worth_writing
from pecr_rollout.lifecycle.plan import blocked, plan
from pecr_rollout.report.model import Status as Decision

KSTATUS = ("Ready", "Reconciling", "Stalled")


def at(phase: Phase, stage: Stage | None = None, *changes) -> World:
    world = World().apply(changes=(ONE_STEP, *changes))
    if phase is Phase.PENDING:
        return world
    if phase is Phase.FALLBACK:
        world.mood = "bad"
    if phase is Phase.ABORTED:
        world.to_stage(Phase.CANARY, Stage.JUDGING).abort()
    return world.until_phase(phase, stage)


@pytest.mark.parametrize(
    ("phase", "expected"),
    [
        (Phase.PENDING, "False True False"),
        (Phase.CANARY, "False True False"),
        (Phase.PROMOTING, "False True False"),
        (Phase.COMPLETED, "True False False"),
        (Phase.FALLBACK, "False False True"),
        (Phase.ABORTED, "False False True"),
    ],
)
def test_kstatus(phase, expected):
    world = at(phase, None, {"suspend": True} if phase is Phase.PENDING else {}).settle()
    assert world.status().phase is phase
    assert " ".join(world.condition(kind) for kind in KSTATUS) == expected
    assert world.status().observed_generation == 1


def test_a_new_generation_is_observed_in_every_phase():
    for phase in (Phase.CANARY, Phase.PROMOTING, Phase.COMPLETED, Phase.FALLBACK, Phase.ABORTED):
        world = at(phase).wait(2)
        world.mood = "silent"
        world.edit(ONE_STEP, {"rollbackOwner": {"name": "night"}}).settle()
        status = world.status()
        assert status.observed_generation == 2
        assert {c.observed_generation for c in status.conditions} == {2}


def test_a_transition_time_changes_with_the_status_only():
    world = at(Phase.CANARY, Stage.JUDGING)
    before = {c.type: c for c in world.status().conditions}
    world.until_phase(Phase.COMPLETED, Stage.IDLE)
    for after in world.status().conditions:
        moved = after.last_transition_time != before[after.type].last_transition_time
        # Promoted and SLOMet may have come and gone meanwhile
        assert moved or after.status == before[after.type].status
    assert {c.type for c in world.status().conditions} == set(before)
    world.wait(5)
    again = {c.type: c.last_transition_time for c in world.status().conditions}
    assert again == {c.type: c.last_transition_time for c in world.status().conditions}
    ready = next(c for c in world.status().conditions if c.type == "Ready")
    assert ready.last_transition_time == world.status().history[-1].at


def test_what_could_not_be_done_is_observed_and_stalled():
    world = at(Phase.PROMOTING)
    drawn = blocked(world.look(), "Forbidden", "patch of configmaps is forbidden")
    conditions = {c.type: c for c in drawn.status.conditions}
    assert [conditions[kind].status for kind in KSTATUS] == ["False", "False", "True"]
    assert conditions["Stalled"].reason == "Forbidden"
    assert drawn.status.observed_generation == 1
    assert drawn.status.phase is Phase.PROMOTING


@pytest.mark.parametrize(
    ("mood", "met", "data"),
    [("good", "True", "True"), ("bad", "False", "True"), ("silent", "Unknown", "False")],
)
def test_the_slo_and_its_data(mood, met, data):
    world = at(Phase.FALLBACK, Stage.JUDGING)
    world.until(lambda w: w.status().fallback.exhausted and w.status().stage is Stage.JUDGING)
    world.mood = mood
    world.wait(15)
    assert (world.condition("SLOMet"), world.condition("DataAvailable")) == (met, data)
    assert world.condition("FallbackActive") == "True"
    assert world.condition("AcknowledgmentRequired") == "True"
    assert world.condition("Escalated") == "True"


def test_figures_alone_are_written_once_in_a_while():
    one = Status(signals=[signal_status(verdict("a", State.WITHIN), 100.0)])
    two = Status(signals=[signal_status(verdict("a", State.WITHIN), 101.0)])
    other = Status(signals=[signal_status(verdict("a", State.UNKNOWN), 101.0)])
    now = 1_800_000_000.0
    written = one.model_copy(update={"figures_at": "2027-01-15T08:00:00Z"})
    assert not worth_writing(written, written, now, 60.0)
    assert not worth_writing(written, two, now + 59, 60.0)
    assert worth_writing(written, two, now + 60, 60.0)
    assert worth_writing(written, other, now, 60.0)
    assert worth_writing(written, two.model_copy(update={"message": "x"}), now, 60.0)
    begun = signal_status(verdict("a", State.WITHIN, since=now), 100.0)
    assert worth_writing(written, Status(signals=[begun]), now, 60.0), "a row of breaches begins"


def test_nothing_is_written_while_nothing_changes():
    for phase in (Phase.COMPLETED, Phase.ABORTED):
        world = at(phase, Stage.IDLE)
        version = world.rollouts["demo"]["metadata"]["resourceVersion"]
        world.wait(60)
        assert world.rollouts["demo"]["metadata"]["resourceVersion"] == version
    world = World(errors=("X",)).apply().settle()
    version = world.rollouts["demo"]["metadata"]["resourceVersion"]
    world.wait(60)
    assert world.rollouts["demo"]["metadata"]["resourceVersion"] == version


@pytest.mark.parametrize("bad", [math.nan, math.inf, -1.0])
def test_counts_that_are_no_numbers_leave_the_status_writable(bad):
    world = at(Phase.CANARY, Stage.JUDGING)
    counts = Counts(bad, math.nan)
    signals = tuple(
        verdict(n, State.UNKNOWN, reason=Reason.NON_FINITE, counts=counts) for n in SIGNALS
    )
    observation = world.look()
    drawn = plan(type(observation)(**{**vars(observation), "judgement": Judgement(signals)}))
    written = json.dumps(drawn.status.model_dump(mode="json", exclude_none=True), allow_nan=False)
    assert Status.model_validate(json.loads(written)).signals[0].reason == "NonFinite"


def test_the_most_signals_fit():
    world = at(Phase.CANARY, Stage.JUDGING)
    many = tuple(
        verdict(f"stop_reason:{'x' * 60}{n}", State.BREACHED, since=1.0) for n in range(15)
    )
    observation = world.look()
    drawn = plan(type(observation)(**{**vars(observation), "judgement": Judgement(many)}))
    Status.model_validate(json.loads(drawn.status.model_dump_json(exclude_none=True)))


# The decision report


def test_one_report_at_each_fallback_and_at_the_end():
    world = World(mood="bad").apply(changes=(ONE_STEP,))
    world.until(lambda w: w.status().fallback and w.status().fallback.exhausted)
    world.wait(5)
    world.mood = "good"
    world.acknowledge().until_phase(Phase.COMPLETED, Stage.IDLE).wait(5)
    (found,) = world.reports.values()
    steps = [r.recommended_fallback.step for r in found]
    assert steps == [
        "disable_adaptive_parallelism",
        "disable_batch_mode",
        "switch_engine_to_baseline",
        "already_at_safest_mode",
        "none",
    ]
    assert [r.status for r in found] == [Decision.FALLBACK_REQUIRED] * 4 + [Decision.HEALTHY]
    assert found[0].triggers[0].id == "budget_violation_rate"
    assert found[0].rollout.acknowledge_command
    assert found[-1].recommended_fallback.env_updates == {ENGINE: "rlm"}


def test_a_report_of_a_crash_an_abort_and_a_run_that_nobody_could_judge():
    world = World(fate=lambda n, e: "crash" if e.get(ENGINE) == "rlm" else "ok")
    world.apply(changes=(ONE_STEP,)).until_phase(Phase.FALLBACK, Stage.IDLE)
    world.abort().until_phase(Phase.ABORTED, Stage.IDLE).wait(3)
    (found,) = world.reports.values()
    assert [r.recommended_fallback.step for r in found] == ["withdraw", "none"]
    assert [r.status for r in found] == [Decision.FALLBACK_REQUIRED, Decision.INCONCLUSIVE]


@pytest.mark.parametrize("act", ["acknowledge", "abort"])
def test_the_report_of_a_fallback_is_kept_whatever_comes_right_after(act):
    world = World(mood="bad").apply(changes=(ONE_STEP,)).to_stage(Phase.FALLBACK, Stage.WRITING)
    getattr(world, act)().settle()
    (found,) = world.reports.values()
    assert found[0].recommended_fallback.step == "disable_adaptive_parallelism"
    assert found[0].rollout.incident is not None


def test_a_lost_status_write_repeats_a_report_and_no_later_reconcile_does():
    world = World(mood="bad").apply(changes=(ONE_STEP,)).to_stage(Phase.FALLBACK, Stage.WRITING)
    world.lose_status = True
    world.settle().wait(2)
    (found,) = world.reports.values()
    assert len(found) == 2
    assert found[0].recommended_fallback == found[1].recommended_fallback


def test_events_have_one_key_each():
    world = World(mood="bad").apply()
    world.until(lambda w: w.status().fallback and w.status().fallback.exhausted)
    world.mood = "good"
    world.acknowledge().until_phase(Phase.COMPLETED, Stage.IDLE)
    keys = [note.key for _, note in world.notes]
    assert len(keys) == len(set(keys))
    assert [note.reason for _, note in world.notes] == [
        "CanaryStarted",
        *["FallbackStep"] * 3,
        "Escalated",
        "Acknowledged",
        "CanaryStarted",
        "StepStarted",
        "Promoting",
        "Completed",
    ]
