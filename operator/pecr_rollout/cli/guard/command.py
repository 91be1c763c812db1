"""The guard from command line to exit status."""

import os
import sys
from argparse import Namespace
from enum import IntEnum

from pecr_rollout.cli.guard import annotations
from pecr_rollout.cli.guard.arguments import parse
from pecr_rollout.cli.guard.case import case_of
from pecr_rollout.cli.guard.decide import decide
from pecr_rollout.cli.guard.inputs import Measured, read_files
from pecr_rollout.cli.output import discard, write_all
from pecr_rollout.cli.problem import Refused
from pecr_rollout.report import DecisionReport, Status, to_env, to_json, to_markdown

PROG = "canary_rollout_guard.py"
FORMS = {"json": to_json, "md": to_markdown, "env": to_env}


class Exit(IntEnum):
    """The guard's exit statuses."""

    OK = 0  # healthy, or what nobody asked to fail on
    REFUSED = 1  # input that cannot be read or trusted, or a wrong command line
    FALLBACK = 2  # a fallback is required, and only ever that
    INCONCLUSIVE = 3  # too little evidence, where evidence is required
    INTERRUPTED = 130  # Ctrl-C


def main(argv: list[str], prog: str = PROG) -> int:
    """Run the guard and give its exit status."""
    try:
        return _guard(parse(argv, prog))
    except Refused as refusal:
        print(f"canary guard: {refusal}", file=sys.stderr)
        if _on_github() or "--github-annotations" in argv:
            print(annotations.of_refusal(str(refusal)))
        return Exit.REFUSED
    except KeyboardInterrupt:
        return Exit.INTERRUPTED


def _guard(options: Namespace) -> Exit:
    outputs = _outputs(options)
    try:
        report = _decided(options)
        write_all({path: FORMS[form](report) for form, path in outputs.items()})
        _show(report, annotate=options.github_annotations or _on_github())
    except Refused:
        discard(outputs.values())  # a verdict of an earlier run must not pass for this one's
        raise
    return _exit(report.status, options)


def _decided(options: Namespace) -> DecisionReport:
    try:
        if options.prometheus is not None:
            from pecr_rollout.cli.guard.live import judge_live  # noqa: PLC0415 - heavy

            return judge_live(options)
        if options.rollout is not None:
            from pecr_rollout.cli.guard.envelope import declared, read_rollout  # noqa: PLC0415

            rollout = declared(read_rollout(options.rollout))
            return decide(case_of(options, _measured(options), rollout))
    except ModuleNotFoundError as error:
        option = "--rollout" if options.prometheus is None else "--prometheus"
        raise Refused(
            f"{option} needs the package installed (pip install .); {error.name} is missing"
        ) from error
    return decide(case_of(options, _measured(options)))


def _measured(options: Namespace) -> Measured:
    return read_files(options.summary, options.metrics_gates)


def _exit(status: Status, options: Namespace) -> Exit:
    if status is Status.INCONCLUSIVE and options.require_evidence:
        return Exit.INCONCLUSIVE
    if status is Status.FALLBACK_REQUIRED and options.fail_on_fallback:
        return Exit.FALLBACK
    return Exit.OK


def _outputs(options: Namespace) -> dict[str, str]:
    """Give the files to write by form; none may be an input, or be named twice."""
    chosen = {form: getattr(options, f"output_{form}").strip() for form in FORMS}
    outputs = {form: path for form, path in chosen.items() if path}
    inputs = (options.summary, options.metrics_gates, options.rollout)
    taken = {os.path.realpath(path) for path in inputs if path}
    for form, path in outputs.items():
        if (real := os.path.realpath(path)) in taken:
            raise Refused(f"--output-{form}: {path} is named twice on the command line")
        taken.add(real)
    return outputs


def _show(report: DecisionReport, *, annotate: bool) -> None:
    """Write the report to standard output; a reader that has gone changes no verdict."""
    if sys.stdout is None:  # closed from the start
        return
    try:
        print(to_json(report), end="")
        if annotate:
            print(annotations.of_report(report))
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise Refused(f"standard output: cannot be written: {error.strerror}") from error


def _on_github() -> bool:
    return os.environ.get("GITHUB_ACTIONS", "").lower() == "true"
