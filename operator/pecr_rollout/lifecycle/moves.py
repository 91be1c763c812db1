"""How a run proceeds and ends: start, next step, promotion, completion, abort, fresh runs."""

from dataclasses import replace
from typing import Final

from pecr_rollout.api.canary import Step
from pecr_rollout.api.enums import CanaryMode, Guard, OnInconclusive
from pecr_rollout.api.status import FallbackStatus, Phase, Stage, StepStatus, instant
from pecr_rollout.judge.verdict import State
from pecr_rollout.lifecycle.actions import (
    Action,
)
from pecr_rollout.lifecycle.cohort import cohort_replicas, traffic_share
from pecr_rollout.lifecycle.draft import PUTS_BACK, Note, Plan, StatusFields, move, shortened, stay
from pecr_rollout.lifecycle.intents import (
    ABORTION,
    ACK,
    PROMOTION,
    asked,
    fitting,
    handled,
    person,
)
from pecr_rollout.lifecycle.observation import Finding
from pecr_rollout.lifecycle.situation import Situation
from pecr_rollout.lifecycle.snapshots import keep_what_is_there

WARNINGS_SHOWN: Final = 16

FRESH: Final[StatusFields] = {
    "window": None,
    "signals": [],
    "slo": "",
    "fallback": None,
    "promoted_by": None,
}
"""What a fresh run forgets: no evidence is carried over."""

UNWRITTEN: Final[StatusFields] = {"environment": {}, "step": None, "cohort": "", "promoted": False}
"""What is recorded where nothing of the cluster is changed."""


def step_status(s: Situation, index: int) -> StepStatus:
    """Give step `index` (from 1, the last at most) with its pods, fixed by the replicas now."""
    index = min(index, len(s.spec.canary.steps))
    replicas = s.cluster.target.replicas if s.cluster.target else 0
    step = s.spec.canary.steps[index - 1]
    pods = _pods(s, step, replicas)
    return StepStatus(
        index=index,
        of=len(s.spec.canary.steps),
        replicas=pods,
        fleet_replicas=replicas,
        share=1.0 if s.mode is CanaryMode.FLEET else round(traffic_share(pods, replicas), 4),
        since=instant(s.now),
    )


def _pods(s: Situation, step: Step, replicas: int) -> int:
    if s.mode is CanaryMode.FLEET:
        return replicas
    if s.mode is CanaryMode.EXISTING:
        return s.cluster.existing.replicas if s.cluster.existing else 0
    return cohort_replicas(step, replicas)


def cohort_text(step: StepStatus) -> str:
    """Say a cohort's size for people."""
    return f"{step.replicas} of {step.fleet_replicas} pods, {step.share:.0%} of traffic"


def start(s: Situation, actions: tuple[Action, ...]) -> Plan:
    """Begin the canary: keep what is there, then record the environment that is to be written."""
    identity = s.rollout.spec.identity()
    step, run = step_status(s, 1), max(1, s.status.run)
    plan = move(
        s,
        "start",
        f"Run {run}: the delta goes to the cohort of step 1, {cohort_text(step)}.",
        phase=Phase.CANARY,
        stage=Stage.WRITING,
        actions=(*actions, *keep_what_is_there(s)),
        event="CanaryStarted",
        changes={
            "run": run,
            "identity": identity,
            "environment": s.rollout.spec.flag_delta.environment(),
            "step": step,
            "cohort": cohort_text(step),
            "promoted": False,
            "warnings": [shortened(f"{f.reason}: {f.message}") for f in _warned(s)],
            **FRESH,
        },
    )
    notes = tuple(
        Note(f"{s.rollout.run_id(run)}/{f.reason}/{n}", "Warning", f.reason, shortened(f.message))
        for n, f in enumerate(_warned(s))
    )
    return replace(plan, notes=(*plan.notes, *notes))


def _warned(s: Situation) -> tuple[Finding, ...]:
    preflight = s.observation.preflight
    return preflight.warnings[:WARNINGS_SHOWN] if preflight else ()


def next_step(s: Situation) -> Plan:
    """Grow the cohort."""
    index = (s.status.step.index if s.status.step else 0) + 1
    step = step_status(s, index)
    return move(
        s,
        "next step",
        f"Step {index - 1} kept its SLO for {s.spec.canary.steps[index - 2].hold};"
        f" step {index} of {step.of}: {cohort_text(step)}.",
        phase=Phase.CANARY,
        stage=Stage.WRITING,
        event="StepStarted",
        changes={"step": step, "cohort": cohort_text(step), "window": None, "signals": []},
    )


def resized(s: Situation) -> bool:
    """Tell whether others scaled the target so far that the step's cohort has another size."""
    step = s.status.step
    if step is None or s.phase is not Phase.CANARY or s.mode is not CanaryMode.MANAGED:
        return False
    return step_status(s, step.index).replicas != step.replicas


def follow(s: Situation) -> Plan:
    """Begin the step's evidence anew, since what it depends on was changed by others."""
    changes: StatusFields = {}
    if s.phase is Phase.CANARY and s.status.step is not None:
        step = step_status(s, s.status.step.index)
        changes = {"step": step, "cohort": cohort_text(step)}
    completed = s.phase is Phase.COMPLETED
    return move(
        s,
        "follow",
        "Others changed the target (its template, its replicas or other keys of its ConfigMap)"
        " or the cohort: the cohort follows, and hold and evidence start again.",
        stage=Stage.ROLLING_OUT if completed else Stage.WRITING,
        event="Followed",
        changes={"window": None, "signals": [], **changes},
    )


def promote(s: Situation) -> Plan:
    """Bring the delta to the whole fleet, on positive evidence."""
    return _promote(s, None)


def promote_by_person(s: Situation) -> Plan:
    """Bring the delta to the whole fleet, by a person's word."""
    return _promote(s, asked(s, PROMOTION))


def _promote(s: Situation, word: str | None) -> Plan:
    by = f"pecr.dev/promote={word}" if word else None
    judgement = s.observation.judgement
    proven = judgement is not None and judgement.state is State.WITHIN
    why = (
        f"A person promoted run {s.status.run} by annotation"
        if word
        else f"Every signal kept its SLO for {s.spec.canary.steps[-1].hold}"
    )
    fleet = s.mode is CanaryMode.FLEET
    return move(
        s,
        "promote",
        f"{why}: the delta {'stays on' if fleet else 'goes to'} the whole fleet,"
        f" and the bake of {s.spec.promotion.bake} begins.",
        phase=Phase.PROMOTING,
        stage=Stage.WRITING,
        event="Promoting",
        done="It keeps the delta on the whole fleet, and goes on judging for the bake."
        if fleet
        else "It writes the delta to the whole fleet, rolls it, and goes on judging.",
        by=by,
        changes={
            "promoted": True,
            "promoted_by": None if proven else by,
            "window": None,
            "signals": [],
            "handled": handled(s, PROMOTION, word)["handled"] if word else s.status.handled,
        },
    )


def complete(s: Situation, by: str | None = None) -> Plan:
    """End the run as asked: on the whole fleet, or withdrawn with strategy None."""
    withdrawn = s.phase is Phase.CANARY
    by = by or _word_in_place_of_evidence(s)
    message = (
        f"Run {s.status.run} kept its SLO; nothing is promoted (strategy None), and what was there"
        " before is being put back."
        if withdrawn
        else f"Run {s.status.run} is complete: the delta is on the whole fleet."
    )
    return move(
        s,
        "complete",
        message,
        phase=Phase.COMPLETED,
        stage=Stage.RESTORING if withdrawn else Stage.CLOSING,
        event="Completed",
        done=PUTS_BACK if withdrawn else "It removes the cohort; the delta stays on the fleet.",
        by=by,
        changes={"window": None, "promoted_by": by or s.status.promoted_by},
    )


def _word_in_place_of_evidence(s: Situation) -> str | None:
    judgement, word = s.observation.judgement, s.status.handled.promote
    proven = judgement is not None and judgement.state is State.WITHIN
    given = word == s.rollout.run_id(s.status.run)
    return f"pecr.dev/promote={word}" if given and not proven else None


def complete_by_person(s: Situation) -> Plan:
    """End the bake by a person's word where traffic is too little for evidence."""
    word = asked(s, PROMOTION) or ""
    plan = complete(s, f"pecr.dev/promote={word}")
    status = plan.status.model_copy(update={**handled(s, PROMOTION, word)})
    return replace(plan, row="baked by person", status=status)


def unguard(s: Situation) -> Plan:
    """Stop judging a completed run whose guard is no longer asked for."""
    return move(
        s,
        "guard over",
        f"Run {s.status.run} is complete: the delta is on the whole fleet.",
        stage=Stage.CLOSING,
        changes={"window": None},
    )


def abort(s: Situation) -> Plan:
    """End the run by a person's word, and put back what was there before."""
    value = asked(s, ABORTION) or ""
    still = (
        f" Incident {s.status.incident.id} stays open: {s.status.incident.command}"
        if s.status.incident
        else ""
    )
    untouched = s.stage in (Stage.PREPARING, Stage.CLOSING)
    return move(
        s,
        "abort",
        f"Aborted by pecr.dev/abort={value}: what was there before is being put back.{still}",
        phase=Phase.ABORTED,
        stage=Stage.CLOSING if untouched else Stage.RESTORING,
        event="Aborted",
        warning=True,
        done=PUTS_BACK,
        by=f"pecr.dev/abort={value}",
        changes={"window": None, **handled(s, ABORTION, value)},
    )


def inconclusive(s: Situation) -> Plan:
    """Answer the end of maxDuration without a decision."""
    text = f"No decision within {s.spec.analysis.max_duration}: {undecided(s)}"
    if s.spec.analysis.on_inconclusive is OnInconclusive.HOLD:
        held = f"{text} It is held (onInconclusive: Hold). {_way_on(s)}"
        return stay(s, "inconclusive", held, due=s.next_evaluation)
    return move(
        s,
        "inconclusive",
        f"{text} The run is aborted (onInconclusive: Abort): what was there before is put back.",
        phase=Phase.ABORTED,
        stage=Stage.RESTORING,
        event="Inconclusive",
        warning=True,
        done=PUTS_BACK,
        changes={"window": None},
    )


def _way_on(s: Situation) -> str:
    """Say what a person can do; a promotion is for the last step, and is given once."""
    run = s.rollout.run_id(s.status.run)
    if s.last_step and fitting(s, PROMOTION) is not None and s.status.handled.promote != run:
        return f"To go on: {s.rollout.command(PROMOTION.annotation, run)}"
    end = s.rollout.command(ABORTION.annotation, run)
    return f"It goes on as soon as there is enough evidence. To end it: {end}"


def undecided(s: Situation) -> str:
    """Say which signals have no verdict, and why."""
    judgement = s.observation.judgement
    if judgement is None or not judgement.signals:
        return "no signal was judged yet."
    unknown = ", ".join(f"{v.name} ({v.reason})" for v in judgement.unknown)
    return f"no verdict about {unknown}." if unknown else "the hold is not over."


def fresh_run(s: Situation) -> Plan:
    """Answer a changed spec in the middle of a run: restore first, never judge mixed settings."""
    return move(
        s,
        "spec changed",
        f"The spec asks for another run: what was there before is put back, then run"
        f" {s.status.run + 1} starts from step 1.",
        phase=Phase.CANARY,
        stage=Stage.RESTORING,
        event="SpecChanged",
        changes={"run": s.status.run + 1, **FRESH},
    )


def new_run(s: Situation) -> Plan:
    """Answer a changed spec after the end of a run."""
    return move(
        s,
        "new run",
        f"The spec asks for another run: run {s.status.run + 1} is being prepared.",
        phase=Phase.PENDING,
        stage=Stage.PREPARING,
        changes={
            "run": s.status.run + 1,
            "identity": s.rollout.spec.identity(),
            **UNWRITTEN,
            **FRESH,
        },
    )


def acknowledge(s: Situation) -> Plan:
    """Close the incident by a person's word, restore, and start a fresh run."""
    incident = s.status.incident
    value = incident.id if incident else ""
    fallback = s.status.fallback
    restored = s.phase is Phase.ABORTED  # only the incident's marks on the locks are left
    # what the fleet was given must be taken back before the fresh run forgets that it was given
    promoted = s.status.promoted or (fallback is not None and fallback.scope == "Fleet")
    changes: StatusFields = UNWRITTEN if restored else {"promoted": promoted}
    return move(
        s,
        "acknowledge",
        f"Incident {value} is acknowledged by {person(s) or 'a person who gave no name'}:"
        f" run {s.status.run + 1} starts from step 1"
        f"{'.' if restored else ', once what was there before is back.'}",
        phase=Phase.PENDING if s.identity_changed else Phase.CANARY,
        stage=Stage.CLOSING if restored else Stage.RESTORING,
        event="Acknowledged",
        done=f"It closes the incident{'' if restored else ', puts back what was there before'}"
        f" and prepares run {s.status.run + 1}.",
        by=person(s),
        changes={
            "run": s.status.run + 1,
            "incident": None,
            **changes,
            **handled(s, ACK, value),
            **FRESH,
        },
    )


def acknowledge_orphan(s: Situation) -> Plan:
    """Close an incident that a deleted rollout left on the locks."""
    value = asked(s, ACK) or ""
    return move(
        s,
        "acknowledge",
        f"Incident {value}, left by a rollout that was deleted, is acknowledged by"
        f" {person(s) or 'a person who gave no name'}.",
        phase=Phase.PENDING,
        stage=Stage.PREPARING,
        event="Acknowledged",
        by=person(s),
        changes={**handled(s, ACK, value)},
    )


def guarded(s: Situation) -> bool:
    """Tell whether a completed run goes on being judged."""
    return s.rollout.spec.promotion.guard is Guard.ALWAYS and s.status.promoted


def keeps_guarding(s: Situation) -> bool:
    """Tell whether it does so now: a new spec ends it, as soon as a new run may start."""
    return guarded(s) and (s.suspended or not s.identity_changed)


def withdraw(s: Situation) -> FallbackStatus:
    """Give the record of a fallback that puts back what was there before."""
    before = s.status.fallback or FallbackStatus(scope="Fleet" if s.fleet_written else "Cohort")
    return before.model_copy(update={"withdrawn": True})
