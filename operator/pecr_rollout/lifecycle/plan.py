"""`plan`: what to do next, as a function of what is observed. Pure; calls nothing outside."""

from dataclasses import replace

from pecr_rollout.api.status import Phase
from pecr_rollout.lifecycle.actions import AddFinalizer, RemoveFinalizer, WriteReport
from pecr_rollout.lifecycle.conditions import with_conditions
from pecr_rollout.lifecycle.draft import Plan, shortened
from pecr_rollout.lifecycle.intents import misfits, still_refused
from pecr_rollout.lifecycle.judging import with_evidence, worth_writing
from pecr_rollout.lifecycle.observation import Observation
from pecr_rollout.lifecycle.outbox import with_outbox
from pecr_rollout.lifecycle.reporting import decision_report, report_key
from pecr_rollout.lifecycle.situation import Situation
from pecr_rollout.lifecycle.table import TABLE

WRITES_NOTHING = ("deleted", "namespace ends", "gone")


def plan(observation: Observation) -> Plan:
    """Decide what to do next.

    A plan either records an intent (a new phase or stage, without actions), or carries out the
    recorded one and then records that it is done: a crash between any two writes changes nothing.

    Args:
        observation: everything that matters, as it is now.

    Returns:
        The plan of the first row of the table that applies.
    """
    s = Situation(with_evidence(observation))
    row = next(row for row in TABLE if row.applies(s))
    drawn = row.then(s)
    if drawn.row in WRITES_NOTHING:
        return _finished(observation, drawn)
    return _finished(observation, _answer_misfits(s, _with_report(s, drawn)))


def _with_report(s: Situation, drawn: Plan) -> Plan:
    key = report_key(s)
    # A change of the finalizer makes the status write after it a conflict: the report comes next.
    conflicts = any(isinstance(a, AddFinalizer | RemoveFinalizer) for a in drawn.actions)
    if key is None or key == s.status.reported or conflicts:
        return drawn
    status = drawn.status.model_copy(update={"reported": key})
    actions = (*drawn.actions, WriteReport(decision_report(s)))
    return replace(drawn, status=status, actions=actions)


def _answer_misfits(s: Situation, drawn: Plan) -> Plan:
    found = misfits(s)
    refused = [*still_refused(s), *(mark for mark, _ in found)]
    handled = drawn.status.handled.model_copy(update={"refused": refused})
    status = drawn.status.model_copy(update={"handled": handled})
    return replace(drawn, status=status, notes=(*drawn.notes, *(note for _, note in found)))


def _finished(observation: Observation, drawn: Plan) -> Plan:
    rollout, now = observation.rollout, observation.now
    drawn = with_outbox(observation, drawn)
    return replace(drawn, status=with_conditions(drawn, rollout.metadata.generation, now))


def blocked(observation: Observation, reason: str, message: str) -> Plan:
    """Plan to say that something could not be done, and to leave everything else as it is.

    For errors that only a person can end: a permission that is missing, a write that is refused.
    """
    rollout = observation.rollout
    changes = {
        "message": shortened(message),
        "observed_generation": rollout.metadata.generation,
    }
    status = rollout.status.model_copy(update=changes)
    return _finished(observation, Plan("blocked", status, stalled=(reason, message)))


__all__ = ["Phase", "blocked", "plan", "worth_writing"]
