"""Objects that every local cluster has: its nodes, and the default audit policy."""

from typing import Any

AUDIT_POLICY: dict[str, Any] = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [
        {"level": "None", "nonResourceURLs": ["/*"]},
        {"level": "Metadata"},
    ],
}


def node(number: int) -> dict[str, Any]:
    """A node that kwok runs, with room for thousands of pods."""
    name = f"kwok-{number}"
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "annotations": {"kwok.x-k8s.io/node": "fake"},
            "labels": {
                "kubernetes.io/hostname": name,
                "kubernetes.io/os": "linux",
                "kubernetes.io/arch": "amd64",
                "topology.kubernetes.io/zone": f"zone-{number % 3 + 1}",
                "type": "kwok",
            },
        },
        "status": {"allocatable": _ROOM, "capacity": _ROOM},
    }


_ROOM = {"cpu": "1k", "memory": "4Ti", "pods": "5k"}
