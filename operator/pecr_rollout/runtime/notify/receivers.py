"""The team's receivers, by apprise: one URL each, which is a secret and is never shown."""

import logging
from pathlib import Path
from typing import Final

import apprise

from pecr_rollout.runtime.notify.letter import Letter

MOST_RECEIVERS: Final = 16
UNKNOWN: Final = "unknown"


def prepare() -> None:
    """Load apprise's services, which takes a moment, and silence what it logs: it quotes URLs."""
    logging.getLogger("apprise").disabled = True
    apprise.Apprise.instantiate("json://localhost")


def read_urls(file: Path) -> tuple[str, ...]:
    """Read the receivers' URLs: one a line; `#` begins a comment. None where there is no file."""
    try:
        lines = [line.strip() for line in file.read_text(encoding="utf-8").splitlines()]
    except (OSError, UnicodeDecodeError):
        return ()
    urls = dict.fromkeys(line for line in lines if line and not line.startswith("#"))
    return tuple(urls)[:MOST_RECEIVERS]


def send(url: str, letter: Letter) -> tuple[str, bool]:
    """Send a letter to one receiver; blocks for as long as its time limits allow.

    They are 4 s to connect and 4 s between two answers (15 s for e-mail), unless the URL says
    otherwise.

    Returns:
        What may be shown of the receiver, the name of its service, and whether it took the letter.
        Why not is not told: apprise's reasons quote the URL.
    """
    # async_mode is apprise's own pool, which all receivers share: one that hangs would fill it
    asset = apprise.AppriseAsset(app_id="pecr-rollout", async_mode=False, secure_logging=True)
    service = apprise.Apprise.instantiate(url, asset=asset)
    if service is None:
        return UNKNOWN, False
    receiver = apprise.Apprise(service, asset=asset)
    taken = receiver.notify(
        body=letter.body,
        title=letter.title,
        notify_type=apprise.NotifyType.WARNING if letter.warning else apprise.NotifyType.INFO,
        body_format=apprise.NotifyFormat.TEXT.value,
    )
    return str(service.service_name), bool(taken)
