"""Kubernetes: environments, cohorts, snapshots, locks, status."""
