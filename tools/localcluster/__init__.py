"""A real Kubernetes control plane on this machine, without Docker and without root."""

from localcluster.errors import LocalClusterError

__all__ = ["LocalClusterError"]
