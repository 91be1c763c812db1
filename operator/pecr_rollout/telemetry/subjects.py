"""Whose series are counted: a cohort's, or the fleet's."""

from dataclasses import dataclass

from pecr_rollout.api.analysis import LabelMatcher


@dataclass(frozen=True, slots=True)
class Subject:
    """Some pods of one namespace.

    Attributes:
        namespace: of the pods.
        replica_sets: pods are named after them; no label of the cohort can be relied on.
        deployments: all pods of all ReplicaSets of these, for a history that is older than the
            newest template.
        matchers: label matchers of the spec, in place of the pods' names.
    """

    namespace: str
    replica_sets: tuple[str, ...] = ()
    deployments: tuple[str, ...] = ()
    matchers: tuple[LabelMatcher, ...] = ()

    @property
    def empty(self) -> bool:
        """Tell whether no pod can belong to it."""
        return not (self.replica_sets or self.deployments or self.matchers)

    def covers(self, pod: str) -> bool:
        """Tell whether a pod of the namespace belongs to it, by its name."""
        replica_set = pod.rpartition("-")[0]
        deployment = replica_set.rpartition("-")[0]
        return replica_set in self.replica_sets or deployment in self.deployments
