"""The commands, as typer shows them: arguments in, one call each."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pecr_rollout import __version__
from pecr_rollout.cli import scope
from pecr_rollout.cli.lint.render import Format
from pecr_rollout.cli.problem import Refused

if TYPE_CHECKING:
    from pecr_rollout.runtime.settings import Settings

WRONG_COMMAND_LINE = 1
UsageError: type[Exception] = typer.BadParameter.__mro__[1]

app = typer.Typer(
    name="pecr-rollout",
    help="Safe rollouts of the PECR controller's runtime flags.",
    add_completion=False,
    pretty_exceptions_enable=False,
)


class LogFormat(StrEnum):
    """How the operator logs."""

    PLAIN = "plain"  # for people
    JSON = "json"  # one object a line


def run(argv: list[str]) -> int:
    """Run one command and give its exit status: 1 for a wrong command line, as the guard's."""
    try:
        status = app(argv, standalone_mode=False)
    except UsageError as error:
        print(f"pecr-rollout: wrong command line: {_one_line(error)}", file=sys.stderr)
        return WRONG_COMMAND_LINE
    except Refused as refusal:
        print(f"pecr-rollout: {refusal}", file=sys.stderr)
        return WRONG_COMMAND_LINE
    except (KeyboardInterrupt, typer.Abort):
        return 130
    return status if isinstance(status, int) else 0


def _one_line(error: Exception) -> str:
    message = getattr(error, "format_message", lambda: str(error))()
    return f"{' '.join(message.split())} (--help lists the options)"


def _version(wanted: bool) -> None:
    if wanted:
        print(f"pecr-rollout {__version__}")
        raise typer.Exit


@app.callback()
def pecr_rollout(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Safe rollouts of the PECR controller's runtime flags."""


@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True},
    add_help_option=False,
)
def guard(context: typer.Context) -> int:
    """Decide from a load test's files whether a canary may go on (`guard --help`)."""
    from pecr_rollout.cli.guard.command import main  # noqa: PLC0415 - one command's own

    return main(context.args, prog="pecr-rollout guard")


@app.command()
def lint(
    *,
    files: Annotated[list[str], typer.Argument(metavar="FILE…", help="YAML files; - for stdin.")],
    form: Annotated[Format, typer.Option("--format", help="How findings are written.")] = (
        Format.TEXT
    ),
    rps: Annotated[
        float | None, typer.Option(min=0.001, help="Requests per second of the whole fleet.")
    ] = None,
    replicas: Annotated[
        int | None, typer.Option(min=1, help="The target's pods, where no file has the Deployment.")
    ] = None,
    base_rate: Annotated[
        float, typer.Option(min=0, max=1, help="Share of bad requests that is usual.")
    ] = 0.005,
    strict: Annotated[bool, typer.Option("--strict", help="Fail on warnings too.")] = False,
) -> int:
    """Check ControllerRollouts offline: all that preflight can know without a cluster.

    Exit status: 0 nothing wrong, 1 a file cannot be read or a wrong command line, 2 findings.
    """
    from pecr_rollout.cli.lint.command import lint_files  # noqa: PLC0415 - one command's own

    return lint_files(files, form, rps, replicas, base_rate, strict=strict)


TokenFile = Annotated[
    Path | None, typer.Option(help="File with a bearer token; read again for every query.")
]
CaFile = Annotated[
    Path | None, typer.Option(help="Certificates to trust in place of the system's.")
]
NotifyUrlsFile = Annotated[
    Path | None,
    typer.Option(
        envvar="PECR_NOTIFY_URLS_FILE",
        help="File with apprise URLs of who is notified, one a line; it is a secret.",
    ),
]


@app.command("run")
def run_operator(
    *,
    namespace: Annotated[
        list[str] | None, typer.Option("--namespace", "-n", help="Watch this one; repeatable.")
    ] = None,
    all_namespaces: Annotated[
        bool, typer.Option("--all-namespaces", "-A", help="Watch the whole cluster.")
    ] = False,
    selector: scope.Selector = "",
    leader_elect: scope.LeaderElect = False,
    lease_name: scope.LeaseName = "",
    lease_namespace: scope.LeaseNamespace = "",
    lease_duration: scope.LeaseDuration = 10,
    prometheus_url: Annotated[
        str, typer.Option(envvar="PECR_PROMETHEUS_URL", help="Prometheus that scrapes the pods.")
    ],
    prometheus_token_file: TokenFile = None,
    prometheus_ca_file: CaFile = None,
    notify_urls_file: NotifyUrlsFile = None,
    listen_host: Annotated[
        str, typer.Option(help="Address of /metrics and /healthz; all of them if empty.")
    ] = "",
    listen_port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of both; 0 takes a free one.")
    ] = 8080,
    log_format: Annotated[LogFormat, typer.Option(help="For people, or one object a line.")] = (
        LogFormat.PLAIN
    ),
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log every reconcile.")] = False,
    kubeconfig: scope.Kubeconfig = None,
) -> int:
    """Run the operator."""
    namespaces = scope.namespaces(namespace, all_namespaces)
    if not prometheus_url.startswith(("http://", "https://")):
        raise typer.BadParameter(f"--prometheus-url: {prometheus_url!r} is no http or https URL")
    from pecr_rollout.runtime.settings import Election, Settings  # noqa: PLC0415 - one command's

    election = None
    if leader_elect:
        name = lease_name or scope.lease_name(namespaces, selector)
        election = Election(scope.lease_namespace(lease_namespace), name, lease_duration)
    settings = Settings(
        namespaces=namespaces,
        selector=scope.checked(selector),
        election=election,
        prometheus_url=prometheus_url,
        prometheus_token_file=prometheus_token_file,
        prometheus_ca_file=prometheus_ca_file,
        notify_urls_file=notify_urls_file,
        listen_host=listen_host,
        listen_port=listen_port,
        log_format=log_format.value,
        verbose=verbose,
        kubeconfig=kubeconfig,
    )
    return _operate(settings)


def _operate(settings: "Settings") -> int:
    from pecr_rollout.cluster.errors import ClusterError  # noqa: PLC0415
    from pecr_rollout.runtime.main import run as run_runtime  # noqa: PLC0415 - kopf, kubernetes

    try:
        return run_runtime(settings)
    except OSError as error:
        raise Refused(f"cannot run: {error.strerror or error}") from error
    except ClusterError as error:
        raise Refused(f"cannot run: {error}") from error


@app.command()
def unfinished(
    *,
    namespace: Annotated[
        list[str] | None, typer.Option("--namespace", "-n", help="Look here; repeatable.")
    ] = None,
    all_namespaces: Annotated[
        bool, typer.Option("--all-namespaces", "-A", help="Look in the whole cluster.")
    ] = False,
    selector: scope.Selector = "",
    release: Annotated[
        bool, typer.Option("--release", help="Take the finalizers off; flags stay as they are.")
    ] = False,
    kubeconfig: scope.Kubeconfig = None,
) -> int:
    """List the rollouts that an uninstall would leave in the middle.

    Exit status: 0 there are none (or all were released), 1 a wrong command line or no answer,
    2 there are some.
    """
    namespaces = list(scope.namespaces(namespace, all_namespaces))
    from pecr_rollout.cli.unfinished import unfinished as tell  # noqa: PLC0415 - one command's own

    return tell(namespaces, scope.checked(selector), kubeconfig, release=release)
