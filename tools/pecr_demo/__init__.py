"""The whole story on a local cluster: a real API server, a real Prometheus, the real operator."""
