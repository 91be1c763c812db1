"""Prometheus's configuration: PECR's pods, found by its own Kubernetes discovery."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

JOB = "pecr"


def prometheus_config(
    *,
    server: str,
    ca_file: Path,
    token_file: Path,
    fleet_address: str,
    scrape_interval: str,
    extra: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """The configuration, to be written as JSON (which is YAML too)."""
    discovery = {
        "role": "pod",
        "api_server": server,
        "authorization": {"credentials_file": str(token_file)},
        "tls_config": {"ca_file": str(ca_file)},
    }
    pecr = {
        "job_name": JOB,
        "kubernetes_sd_configs": [discovery],
        "relabel_configs": _relabelling(fleet_address),
    }
    return {
        "global": {
            "scrape_interval": scrape_interval,
            "scrape_timeout": scrape_interval,
            "evaluation_interval": "15s",
        },
        "scrape_configs": [pecr, *extra],
    }


def _relabelling(fleet_address: str) -> list[dict[str, Any]]:
    pod = "__meta_kubernetes_pod_"
    namespace = "__meta_kubernetes_namespace"
    return [
        {
            "source_labels": [f"{pod}container_image"],
            "regex": ".*pecr-controller.*",
            "action": "keep",
        },
        {"source_labels": [f"{pod}phase"], "regex": "Running", "action": "keep"},
        # In a real cluster this is the address; here the fleet answers for every pod.
        {
            "source_labels": [f"{pod}ip"],
            "regex": "(.+)",
            "target_label": "instance",
            "replacement": "$1:8081",
        },
        {"target_label": "__address__", "replacement": fleet_address},
        {
            "source_labels": [namespace, f"{pod}name"],
            "separator": "/",
            "regex": "(.+)",
            "target_label": "__metrics_path__",
            "replacement": "/pods/$1/metrics",
        },
        {"source_labels": [namespace], "target_label": "namespace"},
        {"source_labels": [f"{pod}name"], "target_label": "pod"},
    ]
