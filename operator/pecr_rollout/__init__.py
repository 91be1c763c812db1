"""Safe rollouts of the PECR controller's runtime flags on Kubernetes."""

__version__ = "0.1.0"
