"""What a provider of control planes has to do."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True)
class Access:
    """How an administrator reaches the API server."""

    server: str
    ca_file: Path
    token: str


class Provider(Protocol):
    """Makes a control plane that is ours, and takes only that away again."""

    tools: tuple[str, ...]
    """The programs that it needs of `Binaries`."""
    components: tuple[str, ...]
    """The processes that it runs."""

    def start(self) -> Access:
        """Make it, and return when the API server answers."""

    def ready(self) -> None:
        """Return when the controllers work too."""

    def access(self) -> Access:
        """The access to one that was made before."""

    def stop(self) -> None:
        """Take it away."""
