"""Live counts from Prometheus, judged with the operator's own judge."""

from argparse import Namespace

from pecr_rollout.cli.problem import Refused
from pecr_rollout.report import DecisionReport


def judge_live(options: Namespace) -> DecisionReport:
    """Judge the last `--since` of a rollout's cohort.

    Raises:
        Refused: the rollout cannot be read, or Prometheus does not answer.
    """
    raise Refused(f"--prometheus {options.prometheus}: not built yet")
