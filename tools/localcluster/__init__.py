"""A real Kubernetes control plane on this machine, without Docker and without root."""

from localcluster.cluster import LocalCluster
from localcluster.errors import LocalClusterError
from localcluster.options import Options

__all__ = ["LocalCluster", "LocalClusterError", "Options"]
