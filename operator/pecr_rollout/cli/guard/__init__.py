"""`pecr-rollout guard`: the operator's decision in CI, from a load test's files.

Its modules import the standard library only, at least until `--rollout` or `--prometheus` is used.
"""
