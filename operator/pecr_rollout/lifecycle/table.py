"""The transition table as data. The first row that applies is taken: its order is the precedence.

deleted > namespace ends > gone > crash > abort > sustained breach > drift > (suspend) > acknowledge
> spec changed > what the stage does > progress. A suspended rollout takes no row marked `progress`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from pecr_rollout.api.enums import OnInconclusive, Strategy
from pecr_rollout.api.status import Phase, Stage
from pecr_rollout.judge.verdict import State
from pecr_rollout.lifecycle import fallbacks, interruptions, judging, moves, stages
from pecr_rollout.lifecycle.draft import Plan
from pecr_rollout.lifecycle.intents import ABORTION, ACK, PROMOTION, wants
from pecr_rollout.lifecycle.observation import Progress
from pecr_rollout.lifecycle.situation import GOING_BACK, UNFINISHED, Situation
from pecr_rollout.lifecycle.wishes import clone_differs, drift

ALL: Final = frozenset(Phase)
RUNNING: Final = frozenset({Phase.CANARY, Phase.PROMOTING})
FORWARD: Final = frozenset({Stage.WRITING, Stage.ROLLING_OUT, Stage.JUDGING})
IN_FORCE: Final = frozenset({Stage.ROLLING_OUT, Stage.JUDGING})
ANY_STAGE: Final = frozenset(Stage)


@dataclass(frozen=True)
class Row:
    """One row of the table.

    Attributes:
        name: for logs, metrics and tests.
        phases, stages: in which it may apply.
        when: whether it does.
        then: what is planned.
        progress: whether suspending stops it.
    """

    name: str
    phases: frozenset[Phase]
    stages: frozenset[Stage]
    when: Callable[[Situation], bool]
    then: Callable[[Situation], Plan]
    progress: bool = False

    def applies(self, s: Situation) -> bool:
        """Tell whether this row is to be taken."""
        return (
            s.phase in self.phases
            and s.stage in self.stages
            and not (self.progress and s.suspended)
            and self.when(s)
        )


def always(_: Situation) -> bool:
    """Apply wherever phase and stage do."""
    return True


def gone(s: Situation) -> bool:
    """Tell whether what the run writes is missing, replaced or unreadable."""
    if s.stage is Stage.CLOSING:
        return bool(s.cluster.unreadable)  # what is to be removed is not known
    held = s.stage in GOING_BACK | FORWARD and not (s.stage in IN_FORCE and guard_over(s))
    return held and bool(interruptions.what_is_gone(s))


def crashed(s: Situation) -> bool:
    """Tell whether pods with the delta crash, or are not ready by the deadline."""
    return bool(s.trouble) or (s.overdue and not s.no_room)


def unschedulable(s: Situation) -> bool:
    """Tell whether the cohort found no room by the deadline, ours or its Deployment's."""
    late = s.overdue or any(w.progress is Progress.STUCK for w in s.judged_workloads)
    return late and s.no_room and not s.trouble


def breached(s: Situation) -> bool:
    """Tell whether a breach is sustained, and not yet answered by all that can be done."""
    judgement = s.observation.judgement
    exhausted = s.status.fallback is not None and s.status.fallback.exhausted
    breach = judgement is not None and judgement.state is State.BREACHED and not exhausted
    if s.phase is Phase.COMPLETED:  # flags that others changed since are not this run's any more
        return breach and moves.guarded(s) and not drift(s)
    return breach


def drifted(s: Situation) -> bool:
    """Tell whether somebody else changed a flag or a stamped template in the middle."""
    return not s.withdrawn and bool(drift(s))


def ours_differs(s: Situation) -> bool:
    """Tell whether the managed cohort is not as recorded: it follows, or is put right."""
    return not s.withdrawn and (clone_differs(s) or moves.resized(s))


def context_changed(s: Situation) -> bool:
    """Tell whether others changed what evidence depends on."""
    window = s.status.window
    return window is not None and window.context != s.context


def acknowledged(s: Situation) -> bool:
    """Tell whether a person acknowledged the open incident."""
    return wants(s, ACK) is not None and s.status.incident is not None


def orphan_acknowledged(s: Situation) -> bool:
    """Tell whether a person acknowledged an incident that a deleted rollout left."""
    return wants(s, ACK) is not None and s.status.incident is None


def aborted(s: Situation) -> bool:
    """Tell whether a person ended the run."""
    return wants(s, ABORTION) is not None


def within(s: Situation) -> bool:
    """Tell whether every signal is positively within its limits, and the hold is over."""
    judgement = s.observation.judgement
    return judgement is not None and judgement.state is State.WITHIN and s.held


def clear(s: Situation) -> bool:
    """Tell whether the signals were looked at and none is over its limit now, even for a moment.

    After a restart nothing has been looked at yet, and nobody's word is taken over a breach.
    """
    judgement = s.observation.judgement
    return judgement is not None and not any(
        v.state is State.BREACHED or v.since is not None or v.at is None for v in judgement.signals
    )


def another_step(s: Situation) -> bool:
    """Tell whether the cohort may grow."""
    return not s.last_step and within(s)


def to_promote(s: Situation) -> bool:
    """Tell whether the last step may be promoted by the operator."""
    return s.last_step and s.spec.promotion.strategy is Strategy.AUTOMATIC and within(s)


def promoted_by_person(s: Situation) -> bool:
    """Tell whether a person promotes: in place of evidence, never over a breach."""
    return s.last_step and s.held and wants(s, PROMOTION) is not None and clear(s)


def to_withdraw(s: Situation) -> bool:
    """Tell whether a run that is never promoted has passed its holds."""
    return s.last_step and s.spec.promotion.strategy is Strategy.NONE and within(s)


def baked(s: Situation) -> bool:
    """Tell whether the bake is over: by evidence, or by the person who promoted without it."""
    return within(s) or (s.held and clear(s) and _vouched(s))


def _vouched(s: Situation) -> bool:
    """Tell whether a person's promote goes for the bake too.

    At once where it stood in for evidence before. Given on evidence it cannot be given again, so
    it counts where the bake holds without a decision.
    """
    run = s.rollout.run_id(s.status.run)
    holds = s.spec.analysis.on_inconclusive is OnInconclusive.HOLD and undecided(s)
    return s.status.promoted_by is not None or (s.status.handled.promote == run and holds)


def promoted_in_bake(s: Situation) -> bool:
    """Tell whether a person lets the bake end without evidence."""
    return s.held and wants(s, PROMOTION) is not None and clear(s)


def undecided(s: Situation) -> bool:
    """Tell whether maxDuration went by without a decision."""
    looked = s.observation.judgement is not None
    if not looked or not s.held or (awaiting_promotion(s) and within(s)):
        return False
    return s.now >= s.decision_due


def awaiting_promotion(s: Situation) -> bool:
    """Tell whether only a person's word is missing."""
    return s.last_step and s.spec.promotion.strategy is Strategy.MANUAL and s.held


def guard_over(s: Situation) -> bool:
    """Tell whether a completed run is no longer to be guarded."""
    return s.phase is Phase.COMPLETED and not moves.keeps_guarding(s)


def new_spec(s: Situation) -> bool:
    """Tell whether a finished rollout, with no incident open, is asked for another run."""
    return s.identity_changed and s.status.incident is None


def spec_changed(s: Situation) -> bool:
    """Tell whether the spec asks for another run in the middle of one."""
    return s.identity_changed


JUDGED: Final = frozenset({Stage.JUDGING})
FINISHED: Final = frozenset({Phase.COMPLETED, Phase.ABORTED})
WATCHED: Final = UNFINISHED | {Phase.COMPLETED}
GUARDED: Final = RUNNING | {Phase.COMPLETED, Phase.FALLBACK}

TABLE: Final = (
    Row("deleted", ALL, ANY_STAGE, lambda s: s.deleted, interruptions.let_go),
    Row(
        "namespace ends",
        ALL,
        ANY_STAGE,
        lambda s: s.cluster.namespace_ends,
        interruptions.end_with_namespace,
    ),
    Row("gone", ALL, ANY_STAGE, gone, interruptions.stall),
    Row("unschedulable", RUNNING, IN_FORCE, unschedulable, interruptions.give_room),
    Row(
        "crash",
        RUNNING,
        IN_FORCE,
        crashed,
        fallbacks.answer_crash,
    ),
    Row("abort", RUNNING | {Phase.FALLBACK}, ANY_STAGE, aborted, moves.abort),
    Row("breach", GUARDED, JUDGED, breached, fallbacks.answer_breach),
    Row("guard over", frozenset({Phase.COMPLETED}), IN_FORCE, guard_over, moves.unguard),
    Row("drift", WATCHED, IN_FORCE, drifted, interruptions.answer_drift),
    Row(
        "acknowledge",
        frozenset({Phase.FALLBACK, Phase.ABORTED}),
        ANY_STAGE - GOING_BACK - {Stage.CLOSING},
        acknowledged,
        moves.acknowledge,
        progress=True,
    ),
    Row(
        "acknowledge orphan",
        frozenset({Phase.PENDING}),
        frozenset({Stage.PREPARING}),
        orphan_acknowledged,
        moves.acknowledge_orphan,
        progress=True,
    ),
    Row("spec changed", RUNNING, FORWARD, spec_changed, moves.fresh_run, progress=True),
    Row("follow", UNFINISHED, IN_FORCE, ours_differs, moves.follow),
    Row("follow context", WATCHED, JUDGED, context_changed, moves.follow),
    Row("preparing", ALL, frozenset({Stage.PREPARING}), always, stages.prepare),
    Row("writing", ALL, frozenset({Stage.WRITING}), always, stages.write),
    Row("rolling out", ALL, frozenset({Stage.ROLLING_OUT}), always, stages.await_roll_out),
    Row("restoring", ALL, frozenset({Stage.RESTORING}), always, stages.restore),
    Row("rolling back", ALL, frozenset({Stage.ROLLING_BACK}), always, stages.await_restored),
    Row("closing", ALL, frozenset({Stage.CLOSING}), always, stages.close),
    Row(
        "another step",
        frozenset({Phase.CANARY}),
        JUDGED,
        another_step,
        moves.next_step,
        progress=True,
    ),
    Row("promote", frozenset({Phase.CANARY}), JUDGED, to_promote, moves.promote, progress=True),
    Row(
        "promote by person",
        frozenset({Phase.CANARY}),
        JUDGED,
        promoted_by_person,
        moves.promote_by_person,
        progress=True,
    ),
    Row("withdraw", frozenset({Phase.CANARY}), JUDGED, to_withdraw, moves.complete, progress=True),
    Row("baked", frozenset({Phase.PROMOTING}), JUDGED, baked, moves.complete, progress=True),
    Row(
        "baked by person",
        frozenset({Phase.PROMOTING}),
        JUDGED,
        promoted_in_bake,
        moves.complete_by_person,
        progress=True,
    ),
    Row("inconclusive", RUNNING, JUDGED, undecided, moves.inconclusive, progress=True),
    Row("new run", FINISHED, frozenset({Stage.IDLE}), new_spec, moves.new_run, progress=True),
    Row("judging", ALL, JUDGED, always, judging.keep_judging),
    Row("idle", ALL, frozenset({Stage.IDLE}), always, judging.rest),
)
