#!/usr/bin/env python3
"""The contract's command: a thin door to the package. See docs/guard.md."""
# An old Python must be able to read this far; pathlib would take a tenth of the cold start.
# ruff: noqa: E402, PTH118, PTH120, UP031, UP036

import os
import sys

if sys.version_info < (3, 11):
    sys.exit("canary guard: Python 3.11 or newer is needed; this is %d.%d" % sys.version_info[:2])

# From any working directory, with nothing installed, the checkout's own package is used.
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "operator"))

from pecr_rollout.cli.guard.command import main

sys.exit(main(sys.argv[1:]))
