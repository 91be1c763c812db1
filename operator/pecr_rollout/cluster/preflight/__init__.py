"""The checks before the first write, as far as the cluster can tell: cause and cure of each."""

from pecr_rollout.cluster.preflight.run import preflight

__all__ = ["preflight"]
