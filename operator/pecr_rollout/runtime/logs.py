"""Logs: for people, or one JSON object a line; a rollout's lines name it, its run and step."""

import logging
import sys

from pythonjsonlogger.json import JsonFormatter

from pecr_rollout.api.rollout import ControllerRollout

LOGGER = logging.getLogger("pecr_rollout")
FIELDS = "%(asctime)s %(levelname)s %(name)s %(message)s"


class OneLine(logging.Formatter):
    """A line for people. What a resource says (an owner's name) forges no second one."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's own name
        """Write the line, control characters and line breaks by their numbers."""
        line = super().formatMessage(record)
        return "".join(c if c.isprintable() else repr(c)[1:-1] for c in line)


def configure(log_format: str, *, verbose: bool) -> None:
    """Set up logging to standard error for the whole process."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        JsonFormatter(FIELDS, rename_fields={"levelname": "level", "asctime": "time"})
        if log_format == "json"
        else OneLine("%(asctime)s %(levelname)-7s %(rollout)s%(message)s", defaults={"rollout": ""})
    )
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    LOGGER.setLevel(logging.DEBUG if verbose else logging.INFO)
    # kopf tells of every event that it hands over; ours are told by what they lead to
    logging.getLogger("kopf.objects").setLevel(logging.WARNING)


def of_rollout(
    rollout: ControllerRollout, log_format: str
) -> logging.LoggerAdapter[logging.Logger]:
    """Give a logger whose lines name the rollout, its run and its step."""
    name = f"{rollout.metadata.namespace}/{rollout.metadata.name}"
    status = rollout.status
    extra: dict[str, object] = {
        "rollout": name if log_format == "json" else f"{name} run {status.run}: ",
        "run": status.run,
        "step": status.step.index if status.step else 0,
    }
    return logging.LoggerAdapter(LOGGER, extra)
