"""`python -m localcluster`: build, start, use and end a local cluster."""

import argparse
import os
import shlex
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from localcluster.binaries import Binaries
from localcluster.cluster import LocalCluster
from localcluster.errors import LocalClusterError
from localcluster.options import Options
from localcluster.run import run_with

_DEFAULT_STATE = Path("build") / "localcluster"


def main() -> int:
    """Run one command; an expected failure is one sentence and exit code 1."""
    signal.signal(signal.SIGTERM, _interrupt)
    arguments = _parser().parse_args()
    try:
        code: int = arguments.run(arguments)
    except LocalClusterError as error:
        print(f"localcluster: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("localcluster: interrupted", file=sys.stderr)
        return 130
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="localcluster", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="command")
    build = _command(commands.add_parser, "build", "build the programs that are missing", _build)
    build.add_argument("tools", nargs="*", help="only these (all by default)")
    up = _command(commands.add_parser, "up", "start a cluster that stays up", _up)
    up.add_argument("--provider", choices=("process", "kind"), default="process")
    up.add_argument("--nodes", type=int, default=4, help="kwok nodes (default 4)")
    up.add_argument("--scrape-interval", default="1s", help="Prometheus's (default 1s)")
    up.add_argument("--audit", action="store_true", help="write an audit log")
    up.add_argument("--no-prometheus", action="store_true")
    up.add_argument("--no-fleet", action="store_true")
    up.add_argument("--kind-image", help="the node image for --provider kind")
    _command(commands.add_parser, "down", "end the cluster that `up` started", _down)
    run = commands.add_parser(
        "run", help="run a command with a cluster that ends with it", description=run_with.__doc__
    )
    run.set_defaults(run=lambda arguments: run_with(_given(arguments.arguments), say=_say))
    run.add_argument("arguments", nargs=argparse.REMAINDER, help="after --")
    _command(commands.add_parser, "status", "what runs", _status)
    _command(commands.add_parser, "env", "`export` lines for a shell", _env)
    kubectl = _command(commands.add_parser, "kubectl", "run kubectl against it", _kubectl)
    kubectl.add_argument("arguments", nargs=argparse.REMAINDER, help="after --")
    return parser


def _command(
    add: Callable[..., argparse.ArgumentParser],
    name: str,
    text: str,
    run: Callable[[argparse.Namespace], int],
) -> argparse.ArgumentParser:
    parser = add(name, help=text, description=text)
    parser.set_defaults(run=run)
    if name != "build":
        parser.add_argument(
            "--state", type=Path, default=_DEFAULT_STATE, help=f"state folder ({_DEFAULT_STATE})"
        )
    return parser


def _build(arguments: argparse.Namespace) -> int:
    found = Binaries(say=_say).ensure(arguments.tools or None)
    for name, path in found.items():
        print(f"{name:24} {path}")
    return 0


def _up(arguments: argparse.Namespace) -> int:
    began = time.monotonic()
    options = Options(
        provider=arguments.provider,
        nodes=arguments.nodes,
        prometheus=not arguments.no_prometheus,
        fleet=not arguments.no_fleet,
        scrape_interval=arguments.scrape_interval,
        audit=arguments.audit,
        kind_image=arguments.kind_image,
    )
    cluster = LocalCluster(arguments.state, options, say=_say, detached=True)
    cluster.start()
    _say(f"ready in {time.monotonic() - began:.1f} s")
    return _status(arguments)


def _down(arguments: argparse.Namespace) -> int:
    LocalCluster.attach(arguments.state).stop()
    _say("the cluster is gone")
    return 0


def _status(arguments: argparse.Namespace) -> int:
    cluster = LocalCluster.attach(arguments.state)
    print(f"server      {cluster.server}")
    print(f"kubeconfig  {cluster.kubeconfig}")
    print(f"prometheus  {cluster.prometheus_url}")
    print(f"fleet       {cluster.fleet_url}")
    running, expected = cluster.components, cluster.expected_components
    print(f"running     {', '.join(running) or 'nothing'}")
    missing = [name for name in expected if name not in running]
    if missing:
        print(f"not running {', '.join(missing)}")
    return 1 if missing else 0


def _env(arguments: argparse.Namespace) -> int:
    cluster = LocalCluster.attach(arguments.state)
    for name, value in cluster.env.items():
        print(f"export {name}={shlex.quote(value)}")
    print(f"export PATH={shlex.quote(str(cluster.binary('kubectl').parent))}:$PATH")
    return 0


def _kubectl(arguments: argparse.Namespace) -> int:
    cluster = LocalCluster.attach(arguments.state)
    program = str(cluster.binary("kubectl"))
    given = _given(arguments.arguments)
    os.execve(program, ["kubectl", *given], os.environ | cluster.env)  # noqa: S606


def _given(arguments: list[str]) -> list[str]:
    """What stands after `--`."""
    return arguments[1:] if arguments[:1] == ["--"] else arguments


def _say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", file=sys.stderr, flush=True)


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
