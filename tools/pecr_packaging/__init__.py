"""Generates what is installed: roles, admission policies, dashboard, and the manifests.

The chart is the source of every object; its `files/` are generated from the operator's own data,
and `manifests/` are rendered from the chart. So neither can drift from the other, nor from code.
"""
