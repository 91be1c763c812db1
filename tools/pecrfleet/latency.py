"""Latency profiles: how long requests take, as shares at given times."""

from collections.abc import Mapping

# p95 0.2 s as the baseline engine at 8 clients, 0.79 s as rlm, and one that breaks any usual SLO.
PROFILES: Mapping[str, tuple[tuple[float, float], ...]] = {
    "fast": ((0.05, 0.32), (0.09, 0.56), (0.2, 0.1), (0.4, 0.02)),
    "rlm": ((0.25, 0.3), (0.45, 0.5), (0.79, 0.18), (0.95, 0.02)),
    "slow": ((0.5, 0.3), (2.0, 0.5), (4.0, 0.2)),
}


def latency_shares(given: object) -> dict[float, float]:
    """The shares of a profile, of a single time ("1.1s") or of a list; ValueError if neither."""
    if isinstance(given, str):
        known = PROFILES.get(given)
        return dict(known) if known else {_seconds(given): 1.0}
    if isinstance(given, tuple | list):
        return {float(upper): float(share) for upper, share in given}
    raise ValueError(f"latency {given!r} is no profile, no time and no list of [seconds, share]")


def _seconds(text: str) -> float:
    number = text.removesuffix("ms") if text.endswith("ms") else text.removesuffix("s")
    try:
        value = float(number)
    except ValueError:
        names = ", ".join(PROFILES)
        raise ValueError(f"latency {text!r} is neither one of {names} nor a time as 1.1s") from None
    return value / 1000 if text.endswith("ms") else value
