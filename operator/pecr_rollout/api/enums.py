"""The words that the spec may use, each with what it means."""

from enum import StrEnum


class Conflicts(StrEnum):
    """What to do about a flag that another field manager owns."""

    REFUSE = "Refuse"  # preflight stops and names the owner
    TAKE = "Take"  # the write takes the key over: for keys that nothing reconciles


class CanaryMode(StrEnum):
    """Who is the cohort."""

    MANAGED = "Managed"  # a clone of the target that the operator runs beside it
    EXISTING = "Existing"  # a Deployment of the user's
    FLEET = "Fleet"  # everybody


class SharedIncident(StrEnum):
    """What an absolute limit means while the whole fleet breaks it."""

    FALLBACK = "Fallback"  # the contract's letter
    HOLD = "Hold"  # blame the canary only where it is also worse than the fleet


class OnInconclusive(StrEnum):
    """What happens when there is no decision by maxDuration."""

    HOLD = "Hold"  # keep judging and say so
    ABORT = "Abort"  # put back what was there before


class BaselineSource(StrEnum):
    """What the cohort is compared with."""

    CONCURRENT = "Concurrent"  # the rest of the fleet at the same time
    RECORDED = "Recorded"  # what the fleet did before the change
    FIXED = "Fixed"  # rates given here


class Strategy(StrEnum):
    """Who promotes."""

    AUTOMATIC = "Automatic"  # the operator, on positive evidence
    MANUAL = "Manual"  # a person, by annotation
    NONE = "None"  # nobody: the run ends after its holds and the cohort is withdrawn


class Guard(StrEnum):
    """How long the fleet is judged after promotion."""

    BAKE = "Bake"  # for the bake time
    ALWAYS = "Always"  # for as long as the resource exists


class OnExhausted(StrEnum):
    """What happens in breach at the safest mode."""

    HOLD = "Hold"  # stay at the safest mode and escalate
    WITHDRAW = "Withdraw"  # put back what was there before, and escalate


class OnDelete(StrEnum):
    """What deleting an unfinished rollout leaves."""

    RESTORE = "Restore"  # what was there before
    RETAIN = "Retain"  # what is there now
