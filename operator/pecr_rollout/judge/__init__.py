"""Counts in, verdicts out: pure statistics, without clock, network or Kubernetes."""
