"""The `pecr-rollout` command."""

import sys


def main() -> None:
    """Run the command line and exit with its status."""
    sys.exit(run(sys.argv[1:]))


def run(argv: list[str]) -> int:
    """Run one command and give its exit status.

    The guard has a parser of its own, shared with the contract's script, and starts without typer.
    """
    if argv[:1] == ["guard"]:
        from pecr_rollout.cli.guard.command import main as guard  # noqa: PLC0415 - one per command

        return guard(argv[1:], prog="pecr-rollout guard")
    from pecr_rollout.cli.app import run as run_app  # noqa: PLC0415 - heavy

    return run_app(argv)
