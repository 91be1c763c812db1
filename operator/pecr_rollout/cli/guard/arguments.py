"""The guard's command line."""

import argparse
import os
from collections.abc import Callable
from typing import NoReturn, TypeVar

from pecr_rollout.cli.guard.inputs import number
from pecr_rollout.cli.problem import Refused
from pecr_rollout.contract.flags import FlagError, parse_engine
from pecr_rollout.contract.guard import (
    MIN_REQUESTS,
    P95_BUDGET,
    P99_BUDGET,
    SOURCE_UNAVAILABLE_BUDGET,
    Budget,
)

T = TypeVar("T")

TRUE_WORDS = ("1", "true", "yes", "on")
FALSE_WORDS = ("0", "false", "no", "off")
DURATION_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
EPILOG = """\
exit status: 0 healthy, or fallback required without --fail-on-fallback; 1 input that cannot be
read or trusted, or a wrong command line; 2 fallback required with --fail-on-fallback;
3 inconclusive, with --require-evidence only."""


class Help(argparse.RawDescriptionHelpFormatter):
    """Help of a fixed width: asking the terminal for its own would import shutil each time."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, max_help_position=32, width=100)


class Parser(argparse.ArgumentParser):
    """A parser that says what is wrong in one line, and leaves the exit status to its caller."""

    def error(self, message: str) -> NoReturn:
        """Refuse the command line."""
        raise Refused(f"wrong command line: {message} (--help lists the options)")


def parse(argv: list[str] | None, prog: str) -> argparse.Namespace:
    """Read the command line.

    Raises:
        Refused: it is wrong.
    """
    parser = _parser(prog)
    options = parser.parse_args(argv)
    if options.prometheus is None:
        for name in ("summary", "metrics_gates"):
            if getattr(options, name) is None:
                parser.error(f"--{name.replace('_', '-')} is required")
    elif options.summary or options.metrics_gates:
        parser.error("--prometheus measures by itself; leave out --summary and --metrics-gates")
    elif options.rollout is None:
        parser.error("--prometheus needs --rollout: it names the pods and the envelope")
    return options


def budget(given: float | None, rule: Budget) -> float:
    """Give a limit: the option, else the environment variable, else the default.

    Raises:
        Refused: the environment variable is no limit.
    """
    if given is not None:
        return given
    raw = os.environ.get(rule.variable, "").strip()
    if not raw:
        return rule.default
    try:
        return number(float(raw), rule.variable)
    except ValueError:
        raise Refused(f"{rule.variable} is {raw!r}, not a number") from None


def _parser(prog: str) -> Parser:
    parser = Parser(
        prog=prog,
        description="Decide from a load test's files whether a canary may go on.",
        epilog=EPILOG,
        formatter_class=Help,
    )
    _add_inputs(parser.add_argument_group("input"))
    _add_state(parser.add_argument_group("what the canary runs with"))
    _add_limits(parser.add_argument_group("limits (a figure equal to its limit keeps it)"))
    _add_outputs(parser.add_argument_group("output"))
    return parser


def _add_inputs(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--summary", metavar="FILE", help="k6 summary of the canary (JSON)")
    group.add_argument("--metrics-gates", metavar="FILE", help="gates file: rates and thresholds")
    group.add_argument(
        "--source-unavailable-rate",
        type=_number,
        metavar="RATE",
        help="measured share of SOURCE_UNAVAILABLE; not judged where it is not given",
    )
    group.add_argument(
        "--source-unavailable-requests",
        type=_number,
        metavar="N",
        help="how many requests stand behind that share",
    )
    group.add_argument(
        "--rollout",
        metavar="FILE",
        help="take engine, flags and limits from this ControllerRollout (needs the package)",
    )
    group.add_argument(
        "--prometheus",
        metavar="URL",
        help="judge live counts instead of files, with --rollout (needs the package)",
    )
    group.add_argument("--prometheus-token-file", metavar="FILE", help="bearer token for it")
    group.add_argument("--prometheus-ca-file", metavar="FILE", help="certificates to trust there")
    group.add_argument(
        "--since", type=_duration, metavar="DURATION", help="how far back: 90s, 10m (default), 1h"
    )


def _add_state(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--engine", type=_engine, help="baseline or rlm (default)")
    switches = {
        "--adaptive-enabled": "adaptive parallelism (default true)",
        "--batch-enabled": "batch mode (default true)",
        "--rlm-default-enabled": "rlm as the pipeline's default (default false)",
        "--auto-fallback-enabled": "whether the step is taken without a person (default true)",
    }
    for option, meaning in switches.items():
        group.add_argument(option, type=_boolean, metavar="BOOL", help=meaning)
    group.add_argument(
        "--baseline-shadow-percent",
        type=_number,
        default=0.0,
        metavar="PERCENT",
        help="share of traffic that the baseline shadows (default 0)",
    )


def _add_limits(group: argparse._ArgumentGroup) -> None:
    for rule, unit in (
        (P95_BUDGET, "MS"),
        (P99_BUDGET, "MS"),
        (SOURCE_UNAVAILABLE_BUDGET, "RATE"),
    ):
        meaning = f"default {rule.default:g}, or the environment's {rule.variable}"
        group.add_argument(rule.option, type=_number, metavar=unit, help=meaning)
    group.add_argument(
        "--require-evidence",
        action="store_true",
        help="inconclusive (exit 3) where too few requests stand behind a figure",
    )
    group.add_argument(
        "--min-requests",
        type=_count,
        metavar="N",
        help=f"how many requests are evidence (default {MIN_REQUESTS}, or the rollout's)",
    )


def _add_outputs(group: argparse._ArgumentGroup) -> None:
    for form in ("json", "md", "env"):
        group.add_argument(f"--output-{form}", metavar="FILE", default="")
    group.add_argument(
        "--github-annotations",
        action="store_true",
        help="write annotations for GitHub; on by itself in GitHub Actions",
    )
    group.add_argument(
        "--fail-on-fallback", action="store_true", help="exit 2 where a fallback is required"
    )


def _boolean(text: str) -> bool:
    word = text.strip().lower()
    if word in TRUE_WORDS or word in FALSE_WORDS:
        return word in TRUE_WORDS
    known = ", ".join(f"{yes}/{no}" for yes, no in zip(TRUE_WORDS, FALSE_WORDS, strict=True))
    raise argparse.ArgumentTypeError(f"{text!r} is no boolean; write one of {known}")


def _engine(text: str) -> str:
    return _value(parse_engine, text.lower())


def _number(text: str) -> float:
    return _value(lambda raw: number(_float(raw), "the value"), text)


def _count(text: str) -> int:
    if not text.isdecimal() or not text.isascii() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return int(text)


def _duration(text: str) -> float:
    digits = text.rstrip("msh")
    factor = DURATION_UNITS.get(text[len(digits) :])
    if factor is None or not digits.isdecimal() or int(digits) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no duration; write for example 90s or 10m")
    return int(digits) * factor


def _float(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise FlagError(f"{text!r} is not a number") from None


def _value(read: Callable[[str], T], text: str) -> T:
    try:
        return read(text)
    except (FlagError, Refused) as error:
        raise argparse.ArgumentTypeError(str(error)) from error
