"""Prometheus and load-test summaries, read into counts."""
