"""What the operator costs with many rollouts, on a real API server and a real Prometheus."""
