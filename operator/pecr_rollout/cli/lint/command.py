"""Lint from file names to exit status."""

from collections.abc import Sequence
from enum import IntEnum

from pecr_rollout.cli.lint.check import Known, lint
from pecr_rollout.cli.lint.documents import STDIN, read_text
from pecr_rollout.cli.lint.finding import Finding, Severity
from pecr_rollout.cli.lint.render import Format, render
from pecr_rollout.cli.problem import Refused


class Exit(IntEnum):
    """Lint's exit statuses."""

    OK = 0  # no errors; with --strict no warnings either
    REFUSED = 1  # a file cannot be read, or a wrong command line
    FINDINGS = 2  # errors; with --strict warnings too


def lint_files(
    files: Sequence[str],
    form: Format,
    rps: float | None,
    replicas: int | None,
    base_rate: float,
    *,
    strict: bool,
) -> int:
    """Check files, write what is found, and give the exit status.

    Raises:
        Refused: a file cannot be read.
    """
    if files.count(STDIN) > 1:
        raise Refused("standard input (-) can be read once only")
    findings = lint(((name, read_text(name)) for name in files), Known(rps, replicas, base_rate))
    if text := render(findings, form):
        print(text)
    return _exit(findings, strict=strict)


def _exit(findings: Sequence[Finding], *, strict: bool) -> Exit:
    bad = {Severity.ERROR, Severity.WARNING} if strict else {Severity.ERROR}
    return Exit.FINDINGS if any(item.severity in bad for item in findings) else Exit.OK
