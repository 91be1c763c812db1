"""Sentences that a person can check by hand."""

from datetime import UTC, datetime

from pecr_rollout.judge.evidence import Counts, Kind, Question, Reason, Settings
from pecr_rollout.judge.verdict import Effect, SignalVerdict, State

_WHY = {
    Reason.NO_SERIES: "Prometheus has no series for these pods",
    Reason.NO_TRAFFIC: "no request was counted since the last check",
    Reason.STALE: "the newest sample is too old",
    Reason.NON_FINITE: "a count is NaN, infinite or negative",
    Reason.PROMETHEUS_UNAVAILABLE: "Prometheus did not answer",
    Reason.SETTLING: "pods were restarted, and the counts are not yet those of the new ones alone",
}


def share(rate: float | None) -> str:
    """Write a share of requests as a percentage with three digits."""
    return "unknown" if rate is None else f"{100 * rate:.3g} %"


def number(count: float) -> str:
    """Write a count or odds: whole if large, else with three digits."""
    if count >= 1e6:
        return "over a million"
    return f"{count:.0f}" if count >= 100 or count == int(count) else f"{count:.3g}"


def span(seconds: float) -> str:
    """Write a time: 90 as `1 min 30 s`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    parts = [(hours, "h"), (minutes, "min"), (rest, "s")]
    return " ".join(f"{value} {unit}" for value, unit in parts if value) or "0 s"


def moment(at: float) -> str:
    """Write a time of day in UTC."""
    return datetime.fromtimestamp(at, tz=UTC).strftime("%H:%M:%S UTC")


def verdict_sentence(verdict: SignalVerdict, settings: Settings) -> str:
    """Say what was found, against which limit, and what is still missing."""
    head = f"{verdict.name}: "
    if verdict.reason in _WHY:
        return f"{head}unknown, because {_WHY[verdict.reason]}."
    text = head + _found(verdict)
    match verdict.state, verdict.reason:
        case State.BREACHED, _:
            text += _breached(verdict, settings)
        case State.WITHIN, _:
            text += f". The limit is kept: {_odds(verdict.within.reached, verdict.within.needed)}."
        case _, Reason.TOO_FEW_REQUESTS:
            text += f". Too few to say anything: {number(settings.min_requests)} are needed."
        case _, Reason.COARSE:
            text += _coarse(verdict)
        case _:
            text += _undecided(verdict)
    return text + ("" if verdict.calibrated else _UNCALIBRATED)


_UNCALIBRATED = " Uncalibrated: under an hour of the fleet's history to learn its noise from."


def _found(verdict: SignalVerdict) -> str:
    canary = verdict.canary
    text = (
        f"{share(canary.rate)} of the canary's requests ({number(canary.bad)} of "
        f"{number(canary.total)} in {span(verdict.window)})"
    )
    if verdict.kind is Kind.ABSOLUTE:
        return f"{text}, limit {share(verdict.limit)}"
    return (
        f"{text} against {share(verdict.baseline_rate)} of the baseline's"
        f"{_of(verdict.baseline)}, limit {share(verdict.limit)} more"
    )


def _of(counts: Counts | None) -> str:
    return "" if counts is None else f" ({number(counts.bad)} of {number(counts.total)})"


def _odds(reached: float, needed: float) -> str:
    return f"odds of {number(reached)} to 1, {number(needed)} needed"


def _breached(verdict: SignalVerdict, settings: Settings) -> str:
    odds = f"chance alone is ruled out with {_odds(verdict.breach.reached, verdict.breach.needed)}"
    if verdict.early or verdict.since is None or verdict.at is None:
        tail = ", and more than half of the requests fail" if verdict.safest else ""
        return f". Overwhelming, so not waited for {span(settings.sustained_for)}: {odds}{tail}."
    return (
        f". Over the limit at every known check since {moment(verdict.since)} "
        f"({span(verdict.at - verdict.since)}, {span(settings.sustained_for)} needed); {odds}."
    )


def _coarse(verdict: SignalVerdict) -> str:
    perhaps = Counts(verdict.canary.bad + verdict.canary.unsure, verdict.canary.total).rate
    return (
        f". Between {share(verdict.canary.rate)} and {share(perhaps)} are over: the bound lies "
        "between two of the histogram's buckets. A bound that is a bucket's would tell."
    )


def _undecided(verdict: SignalVerdict) -> str:
    text = (
        f". Undecided: for a breach {_odds(verdict.breach.reached, verdict.breach.needed)}; "
        f"for within {_odds(verdict.within.reached, verdict.within.needed)}"
    )
    if verdict.since is not None:
        text += f"; over the limit since {moment(verdict.since)}"
    if verdict.smallest_effect is None:
        return text + ". This traffic is too little to show any breach."
    return text + f". This traffic shows a canary at {share(verdict.smallest_effect)} or worse."


def preview_sentence(
    question: Question, settings: Settings, canary_rps: float, effect: Effect
) -> str:
    """Say what this traffic can show, or what is missing for a decision."""
    head = f"{question.name}: with {canary_rps:.3g} requests a second the canary "
    if not effect.enough_requests:
        return (
            f"{head}gets {number(canary_rps * settings.sustained_for)} in "
            f"{span(settings.sustained_for)}, and {number(settings.min_requests)} are needed "
            "(minRequests): it cannot be decided. Take a larger cohort or a longer sustainedFor."
        )
    if effect.rate is None:
        shown = f"shows no breach within {span(settings.hold)}, however bad"
    else:
        shown = f"shows a breach within {span(settings.hold)} from a rate of {share(effect.rate)}"
    if effect.within_after is None:
        return f"{head}{shown}, and can never be shown to be within the limit: raise the limit."
    return f"{head}{shown}; a good one is shown to be within after {span(effect.within_after)}."
