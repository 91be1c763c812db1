"""`python -m pecr_rollout` is `pecr-rollout`."""

from pecr_rollout.cli.main import main

main()
