"""The decision as annotations of a GitHub run."""

from pecr_rollout.contract.fallback import ALREADY_SAFEST
from pecr_rollout.report import DecisionReport, Status

_DATA = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_PROPERTY = _DATA | str.maketrans({":": "%3A", ",": "%2C"})


def annotation(level: str, title: str, message: str) -> str:
    """Write one workflow command; nothing in its texts can end it or start another."""
    return f"::{level} title={escape_property(title)}::{escape_data(message)}"


def escape_data(text: str) -> str:
    """Keep a message within its command."""
    return text.translate(_DATA)


def escape_property(text: str) -> str:
    """Keep a property's value within its property."""
    return text.translate(_PROPERTY)


def of_report(report: DecisionReport) -> str:
    """Say the decision in one annotation."""
    if report.status is Status.HEALTHY:
        return annotation(
            "notice", "Canary guard: healthy", f"Engine {report.engine}: every signal is in limits."
        )
    if report.status is Status.INCONCLUSIVE:
        return annotation(
            "warning", "Canary guard: inconclusive", report.recommended_fallback.reason
        )
    breaches = "; ".join(trigger.message for trigger in report.triggers)
    step = report.recommended_fallback
    what = step.reason if step.step == ALREADY_SAFEST else f"next step: {step.step}"
    return annotation("error", "Canary guard: fallback required", f"{breaches}; {what}")


def of_refusal(message: str) -> str:
    """Say why there is no decision."""
    return annotation("error", "Canary guard: no decision", message)
