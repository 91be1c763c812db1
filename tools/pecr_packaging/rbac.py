"""The operator's rules, and the table that says why each is there."""

from typing import Any

from pecr_rollout.cluster.permissions import ELECTION, PERMISSIONS, Permission


def rules() -> list[dict[str, Any]]:
    """Give the rules of the operator's Role (or ClusterRole)."""
    return [dict(permission.rule) for permission in PERMISSIONS]


def election_rules() -> list[dict[str, Any]]:
    """Give the rules of the Role in the operator's own namespace."""
    return [dict(permission.rule) for permission in ELECTION]


def table() -> str:
    """Give the table of docs/security.md."""
    lines = ["| resource | verbs | why |", "| --- | --- | --- |", *map(_row, PERMISSIONS)]
    return "\n".join([*lines, *(_row(each, "in its own namespace: ") for each in ELECTION)])


def _row(permission: Permission, where: str = "") -> str:
    resource = permission.resource
    group = f".{resource.group}" if resource.group else ""
    sub = f"/{permission.subresource}" if permission.subresource else ""
    verbs = ", ".join(permission.verbs)
    return f"| `{resource.plural}{group}{sub}` | {verbs} | {where}{permission.why} |"
