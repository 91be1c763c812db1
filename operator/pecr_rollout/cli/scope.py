"""Options that say which rollouts one operator looks after, and which of its processes does."""

import hashlib
from pathlib import Path
from typing import Annotated, Final

import typer

from pecr_rollout.cli.problem import Refused

Selector = Annotated[
    str, typer.Option(help="Labels of the rollouts, as for kubectl; all if empty.")
]
LeaderElect = Annotated[
    bool, typer.Option("--leader-elect", help="Act only while holding a Lease; else stand by.")
]
LeaseName = Annotated[str, typer.Option(help="Of the Lease; made of what is watched if empty.")]
LeaseNamespace = Annotated[str, typer.Option(help="Of the Lease; in a pod, its own if empty.")]
LeaseDuration = Annotated[
    int, typer.Option(min=5, max=3600, help="Seconds until a standby takes over.")
]
Kubeconfig = Annotated[
    str | None, typer.Option(help="Where the cluster is; KUBECONFIG or in-cluster if unset.")
]

POD: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
"""Where a pod reads its namespace."""


def namespaces(given: list[str] | None, everywhere: bool) -> tuple[str, ...]:
    """Give the namespaces to look at; none for the whole cluster.

    Raises:
        BadParameter: some and all of them are wanted, or neither.
    """
    if bool(given) == everywhere:
        raise typer.BadParameter("give --namespace (repeatable) or --all-namespaces")
    return tuple(given or ())


def checked(selector: str) -> str:
    """Give a label selector that the API server will take.

    Raises:
        Refused: it is none.
    """
    from pecr_rollout.cluster.selectors import is_selector  # noqa: PLC0415 - not for every command

    if selector and not is_selector(selector):
        raise Refused(
            f"--selector: {selector!r} is no label selector;"
            " write team=search or 'team in (search,ads),!legacy', for example"
        )
    return selector


def lease_name(namespaces: tuple[str, ...], selector: str) -> str:
    """Name the Lease of all operators that watch the same: others never wait for each other."""
    scope = "\n".join([*sorted(set(namespaces)), selector])
    return f"pecr-rollout-{hashlib.sha256(scope.encode()).hexdigest()[:10]}"


def lease_namespace(given: str, pod: Path = POD) -> str:
    """Give the Lease's namespace.

    Raises:
        Refused: none was given, and this is no pod.
    """
    if not given and not pod.exists():
        raise Refused("--leader-elect: say --lease-namespace, since this is no pod with one")
    return given or pod.read_text(encoding="utf-8").strip()
