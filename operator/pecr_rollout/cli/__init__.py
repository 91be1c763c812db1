"""The `pecr-rollout` command: guard, lint, run."""
