"""Every right that the operator needs, and why: the roles are generated from and checked by this.

All of them are in the namespaces of the rollouts, but for those of the leader election, which are
in the operator's own. No Secret is read.
"""

from typing import Final, NamedTuple

from pecr_rollout.cluster.resources import (
    AUTOSCALERS,
    CONFIG_MAPS,
    CONTROLLER_REVISIONS,
    CRON_JOBS,
    DAEMON_SETS,
    DEPLOYMENTS,
    EVENTS,
    JOBS,
    LEASES,
    PODS,
    REPLICA_SETS,
    RESOURCE_QUOTAS,
    ROLLOUTS,
    STATEFUL_SETS,
    Resource,
)


class Permission(NamedTuple):
    """Verbs on one resource.

    Attributes:
        resource: of the API.
        verbs: what is done with it.
        why: for the table in docs/security.md.
        subresource: `status`, for example; empty for the resource itself.
        names: of the only objects that are meant; all of them if empty.
    """

    resource: Resource
    verbs: tuple[str, ...]
    why: str
    subresource: str = ""
    names: tuple[str, ...] = ()

    @property
    def rule(self) -> dict[str, list[str]]:
        """Give the rule of a Role."""
        suffix = f"/{self.subresource}" if self.subresource else ""
        names = {"resourceNames": list(self.names)} if self.names else {}
        return {
            "apiGroups": [self.resource.group],
            "resources": [f"{self.resource.plural}{suffix}"],
            **names,
            "verbs": list(self.verbs),
        }


PERMISSIONS: Final = (
    Permission(
        ROLLOUTS,
        ("get", "list", "watch", "patch"),
        "read the rollouts, and put the finalizer on them and off again",
    ),
    Permission(ROLLOUTS, ("patch",), "write where each rollout stands", "status"),
    Permission(
        DEPLOYMENTS,
        ("get", "list", "watch", "create", "patch", "delete"),
        "follow the target and an existing canary, roll them by their template's annotation, and"
        " run the managed cohort; list: who else reads the ConfigMap",
    ),
    Permission(
        CONFIG_MAPS,
        ("get", "list", "watch", "create", "patch", "delete"),
        "read the environment, write the flags, and keep overlays and decision reports",
    ),
    Permission(
        REPLICA_SETS,
        ("list",),
        "know the pods of each cohort by ownership, and who else reads the ConfigMap",
    ),
    Permission(PODS, ("list", "watch"), "see whether a cohort is ready or crashes"),
    Permission(
        CONTROLLER_REVISIONS,
        ("list", "get", "create", "delete"),
        "keep what was there before the first write",
    ),
    Permission(
        LEASES,
        ("get", "list", "create", "patch", "delete"),
        "hold what a rollout writes, and keep an open incident on it; list: many rollouts look at"
        " theirs at once after a restart",
    ),
    Permission(EVENTS, ("create",), "tell each transition once"),
    Permission(STATEFUL_SETS, ("list",), "preflight: who else reads the ConfigMap"),
    Permission(DAEMON_SETS, ("list",), "preflight: who else reads the ConfigMap"),
    Permission(JOBS, ("list",), "preflight: who else reads the ConfigMap"),
    Permission(CRON_JOBS, ("list",), "preflight: who else reads the ConfigMap"),
    Permission(RESOURCE_QUOTAS, ("list",), "preflight: is there room for the cohort"),
    Permission(AUTOSCALERS, ("list",), "preflight: would an autoscaler count the cohort"),
)

LEASE_NAME: Final = "LEASE_NAME"
"""Stands for the name of an installation's Lease."""

ELECTION: Final = (
    Permission(LEASES, ("create",), "make the Lease of the leader election"),
    Permission(LEASES, ("get", "patch"), "hold that Lease, or see who does", names=(LEASE_NAME,)),
)
"""In the operator's own namespace."""
