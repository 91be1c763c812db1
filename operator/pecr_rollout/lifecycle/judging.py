"""What is shown while nothing changes: the evidence, and what is awaited."""

from pecr_rollout.api.enums import Strategy
from pecr_rollout.api.rollout import PROMOTE
from pecr_rollout.api.status import (
    CohortFigures,
    Phase,
    RateStatus,
    SignalStatus,
    Stage,
    Status,
    epoch,
    instant,
)
from pecr_rollout.judge.evidence import Counts
from pecr_rollout.judge.verdict import Judgement, SignalVerdict, State
from pecr_rollout.lifecycle.actions import RemoveFinalizer
from pecr_rollout.lifecycle.draft import Plan, shortened, stay
from pecr_rollout.lifecycle.observation import Observation
from pecr_rollout.lifecycle.situation import Situation
from pecr_rollout.lifecycle.stages import judging_text


def with_evidence(observation: Observation) -> Observation:
    """Give the observation with the judge's verdicts in its status."""
    judgement, status = observation.judgement, observation.rollout.status
    if judgement is None or status.stage is not Stage.JUDGING:
        return observation
    figures = observation.figures or status.figures
    canary = figures.canary if figures else CohortFigures()
    quantiles = {"latency_p95": canary.p95_ms, "latency_p99": canary.p99_ms}
    signals = [signal_status(v, quantiles.get(v.name)) for v in judgement.signals]
    fields = {"signals": signals, "slo": slo_text(judgement), "figures": figures}
    shown = status.model_copy(update=fields)
    rollout = observation.rollout.model_copy(update={"status": shown})
    return Observation(**{**vars(observation), "rollout": rollout})


def signal_status(verdict: SignalVerdict, milliseconds: float | None) -> SignalStatus:
    """Give a verdict as the status shows it."""
    needed = verdict.breach.needed
    return SignalStatus(
        name=verdict.name,
        verdict=verdict.state.value,
        reason=verdict.reason.value if verdict.reason else None,
        canary=_rate(verdict.canary),
        baseline=_rate(verdict.baseline, verdict.baseline_rate),
        limit=verdict.limit,
        since=instant(verdict.since) if verdict.since is not None else None,
        evidence=round(min(verdict.breach.reached / needed, 1e6), 3) if needed else None,
        milliseconds=milliseconds,
        sentence=shortened(verdict.sentence),
    )


def _rate(counts: Counts | None, rate: float | None = None) -> RateStatus:
    if counts is None:
        return RateStatus(rate=None if rate is None else round(rate, 6))
    if not counts.finite:
        return RateStatus()  # what was counted is no number; the verdict's reason says so
    rate = counts.rate if rate is None else rate
    return RateStatus(
        rate=None if rate is None else round(rate, 6),
        bad=round(counts.bad, 1),
        total=round(counts.total, 1),
    )


def slo_text(judgement: Judgement) -> str:
    """Give the overall verdict in a word or two, for the printer column."""
    if judgement.state is State.BREACHED:
        return f"Breached: {', '.join(v.name for v in judgement.breaches)}"[:64]
    if judgement.state is State.WITHIN:
        return "Within"
    reasons = sorted({v.reason.value for v in judgement.unknown if v.reason})
    return f"Unknown: {', '.join(reasons)}"[:64] if reasons else "Unknown"


def keep_judging(s: Situation) -> Plan:
    """Say what is awaited, and until when that stays so while no verdict changes."""
    # A breach that was over again before it was recorded may have left a finalizer.
    stray = s.phase is Phase.COMPLETED and s.cluster.finalizer
    actions = (RemoveFinalizer(),) if stray else ()
    return stay(s, "judging", _awaited(s), actions=actions, due=_unchanged_until(s))


def _unchanged_until(s: Situation) -> float:
    """Give when time alone changes something: figures are due, the hold or maxDuration ends."""
    written = epoch(s.status.figures_at) if s.status.figures_at else s.now
    every = s.observation.figures_every
    times = [written + every, s.now + every, s.decision_due]
    if s.status.window is not None:
        times.append(s.status.window.since + s.hold)
    return min(at for at in times if at > s.now)


def _awaited(s: Situation) -> str:
    if s.phase in (Phase.FALLBACK, Phase.COMPLETED):
        return judging_text(s)
    parts = [judging_text(s)]
    if s.suspended:
        parts.append("Suspended: no progress; a breach is answered all the same.")
    ends = s.status.window.since + s.hold if s.status.window else s.now
    if not s.held:
        parts.append(f"The hold ends at {instant(ends)} at the earliest.")
    parts += [f"{v.name}: no verdict ({v.reason})." for v in _worth_saying(s)]
    parts += _promotion(s)
    return " ".join(parts)


def _worth_saying(s: Situation) -> list[SignalVerdict]:
    """Give what keeps a run waiting after its hold; before that it would only flicker."""
    judgement = s.observation.judgement
    return list(judgement.unknown) if judgement is not None and s.held else []


def _promotion(s: Situation) -> list[str]:
    manual = s.spec.promotion.strategy is Strategy.MANUAL
    if not (manual and s.phase is Phase.CANARY and s.last_step and s.held):
        return []
    command = s.rollout.command(PROMOTE, s.rollout.run_id(s.status.run))
    return [f"AwaitingPromotion: to promote, run: {command}"]


def worth_writing(old: Status, new: Status, now: float, every: float) -> bool:
    """Tell whether a status is to be written: on a change, but for figures once in a while.

    Args:
        old: as it is recorded.
        new: as it would be.
        now: seconds since the epoch.
        every: seconds between two writes that only refresh figures.
    """
    if _without_figures(old) != _without_figures(new):
        return True
    from_then = old.figures_at
    refreshed = (old.signals, old.figures) != (new.signals, new.figures)
    return refreshed and (from_then is None or now - epoch(from_then) >= every)


def _without_figures(status: Status) -> Status:
    verdicts = [
        SignalStatus(name=v.name, verdict=v.verdict, reason=v.reason, since=v.since)
        for v in status.signals
    ]
    return status.model_copy(update={"signals": verdicts, "figures": None, "figures_at": None})


def rest(s: Situation) -> Plan:
    """Do nothing: the run is over, or waits for a person."""
    return stay(s, "idle", s.status.message)
