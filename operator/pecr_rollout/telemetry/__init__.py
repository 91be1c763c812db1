"""Prometheus and load-test summaries, read into counts.

Nothing is imported here: readers of files need neither a client nor a network.
"""
