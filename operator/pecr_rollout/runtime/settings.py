"""How the process is run; everything that is not said by a resource."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

WORKERS: Final = 50
"""Rollouts reconciled at the same time; each at most once. Those of a namespace share reads."""
CHECKS: Final = 8
"""Preflights at the same time: each is dozens of requests and queries of its own."""


@dataclass(frozen=True)
class Election:
    """How the one that acts is found among several processes.

    Attributes:
        namespace: of the Lease.
        name: of the Lease; the same for all that could act on the same rollouts.
        duration: whole seconds after which a Lease that is not renewed may be taken.
    """

    namespace: str
    name: str
    duration: int


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Settings of one operator.

    Attributes:
        namespaces: to watch; empty for the whole cluster.
        selector: of the rollouts' labels, as kubectl takes it; all of them if empty.
        election: how to find the one that acts; this process does, without asking, if None.
        prometheus_url: the Prometheus that scrapes the controller's pods.
        prometheus_token_file: a bearer token, read again for every query.
        prometheus_ca_file: certificates to trust in place of the system's.
        notify_urls_file: apprise URLs of the rollback owners' receivers, one a line, read again for
            every try; nobody is notified if None.
        listen_host: address of /metrics and /healthz; all addresses if empty.
        listen_port: port of /metrics and /healthz; 0 takes a free one.
        log_format: plain or json.
        verbose: whether every reconcile is logged.
        kubeconfig: path of a kubeconfig; the environment's default if None.
    """

    namespaces: tuple[str, ...] = ()
    selector: str = ""
    election: Election | None = None
    prometheus_url: str
    prometheus_token_file: Path | None = None
    prometheus_ca_file: Path | None = None
    notify_urls_file: Path | None = None
    listen_host: str = ""
    listen_port: int = 8080
    log_format: str = "plain"
    verbose: bool = False
    kubeconfig: str | None = None
