"""The admission policies, as data; the API server evaluates them, nothing of ours has to run.

Who is who is judged by the object as it was (`oldObject`), so that nobody makes himself the owner
in the request that needs one.
"""

from typing import Any, Final

from pecr_rollout.api.rollout import (
    ABORT,
    ACKNOWLEDGE,
    ACKNOWLEDGED_BY,
    FINALIZER,
    GROUP,
    PLURAL,
)
from pecr_rollout.cluster.names import MANAGED_BY
from pecr_rollout.cluster.resources import LEASES

Json = dict[str, Any]

OPERATOR: Final = "OPERATOR_USERNAME"
"""Stands for the operator's user name in the generated files; the chart puts it in."""

_JANITORS: Final = (
    "system:serviceaccount:kube-system:namespace-controller",
    "system:serviceaccount:kube-system:generic-garbage-collector",
    "system:kube-controller-manager",  # both, where controllers share one identity
)
_USER: Final = "request.userInfo.username"
_EDITS: Final = (
    f"authorizer.group('{GROUP}').resource('{PLURAL}').namespace(request.namespace)"
    ".name(object.metadata.name).check('update').allowed()"
)


def _variable(name: str, expression: str) -> Json:
    return {"name": name, "expression": expression}


def _annotation(obj: str, key: str) -> str:
    return f"{obj} == null ? '' : {obj}.metadata.?annotations[?'{key}'].orValue('')"


def _rule(expression: str, message: str, *, quoted: bool = True) -> Json:
    """Give a validation; an unquoted message is a CEL expression itself."""
    key, reason = ("message" if quoted else "messageExpression"), "Forbidden"
    return {"expression": expression, key: message, "reason": reason}


def _same(path: str) -> str:
    """Compare an optional part of the metadata, old and new."""
    return f"object.metadata.?{path}.orValue([]) == oldObject.metadata.?{path}.orValue([])"


_SUBJECTS: Final = "variables.judged.?spec.?rollbackOwner.?subjects"
_ROLLOUT_VARIABLES: Final = [
    _variable("operator", f"{_USER} == '{OPERATOR}'"),
    _variable("janitor", f"{_USER} in {list(_JANITORS)!r}"),
    _variable("judged", "oldObject == null ? object : oldObject"),
    _variable("groups", "request.userInfo.?groups.orValue([])"),
    _variable(
        "owner",
        f"{_SUBJECTS}.?users.orValue([]).exists(u, u == {_USER})"
        f" || {_SUBJECTS}.?groups.orValue([]).exists(g, g in variables.groups)",
    ),
    _variable(
        "owners",
        f"({_SUBJECTS}.?users.orValue([]) + {_SUBJECTS}.?groups.orValue([])).join(', ')",
    ),
    _variable(
        "incident",
        "oldObject == null ? '' : oldObject.?status.?incident.?id.orValue('')",
    ),
    _variable("held", "variables.incident != '' && !variables.owner"),
    _variable("ack", _annotation("object", ACKNOWLEDGE)),
    _variable("oldAck", _annotation("oldObject", ACKNOWLEDGE)),
    _variable("by", _annotation("object", ACKNOWLEDGED_BY)),
    _variable("oldBy", _annotation("oldObject", ACKNOWLEDGED_BY)),
    _variable(
        "said",
        "request.operation != 'DELETE'"
        " && (variables.ack != variables.oldAck || variables.by != variables.oldBy)",
    ),
    _variable("erased", "variables.ack == '' && variables.by == '' && variables.incident == ''"),
]

_UPDATE: Final = "request.operation != 'UPDATE' || variables.operator"
_HELD: Final = "'incident ' + variables.incident + ' is open: only its rollback owner ('"
_MAY: Final = "+ variables.owners + ') may "

_ROLLOUT_RULES: Final = [
    _rule(
        "request.?subResource.orValue('') != 'status' || variables.operator",
        "only the operator writes the status; say what you want by annotations or in the spec",
    ),
    _rule(
        "!variables.said || variables.owner || variables.erased",
        f"'only the rollback owner (' {_MAY}set or change {ACKNOWLEDGE} and {ACKNOWLEDGED_BY}'",
        quoted=False,
    ),
    _rule(
        f"!variables.said || variables.erased || variables.by == {_USER}",
        f"'{ACKNOWLEDGED_BY} must be the name that you sign in with: add {ACKNOWLEDGED_BY}='"
        f" + {_USER}",
        quoted=False,
    ),
    _rule(
        f"{_UPDATE} || !variables.held"
        " || object.spec.rollbackOwner == oldObject.spec.rollbackOwner",
        f"{_HELD} {_MAY}change spec.rollbackOwner'",
        quoted=False,
    ),
    _rule(
        f"{_UPDATE} || !variables.held"
        f" || ({_annotation('object', ABORT)}) == ({_annotation('oldObject', ABORT)})",
        f"{_HELD} {_MAY}abort the rollout'",
        quoted=False,
    ),
    _rule(
        "request.operation != 'DELETE' || !variables.held || variables.janitor",
        f"{_HELD} {_MAY}delete the rollout'",
        quoted=False,
    ),
    _rule(
        f"{_UPDATE} || !variables.held || variables.janitor"
        f" || ({_same('ownerReferences')}"
        f" && ('{FINALIZER}' in object.metadata.?finalizers.orValue([]))"
        f" == ('{FINALIZER}' in oldObject.metadata.?finalizers.orValue([])))",
        f"{_HELD} {_MAY}take away its finalizer or change its owner references'",
        quoted=False,
    ),
    _rule(
        f"request.operation != 'UPDATE' || object.spec == oldObject.spec || {_EDITS}",
        "changing the spec needs the verb update; with patch alone annotations can be set",
    ),
]


def rollouts() -> Json:
    """Give the spec of the policy on rollouts."""
    return {
        "failurePolicy": "Fail",
        "matchConstraints": _match(["CREATE", "UPDATE", "DELETE"], [PLURAL, f"{PLURAL}/status"]),
        "variables": _ROLLOUT_VARIABLES,
        "validations": _ROLLOUT_RULES,
    }


def locks() -> Json:
    """Give the spec of the policy on the operator's Leases: an incident stays on its lock."""
    match = _match(["CREATE", "UPDATE", "DELETE"], [LEASES.plural], group=LEASES.group)
    return {
        "failurePolicy": "Fail",
        "matchConstraints": match
        | {"objectSelector": {"matchLabels": {MANAGED_BY: "pecr-rollout"}}},
        "validations": [
            _rule(
                f"{_USER} in {[OPERATOR, *_JANITORS]!r}",
                "a rollout's lock is the operator's; an incident on it ends by an acknowledgement",
            )
        ],
    }


def fill_in() -> Json:
    """Give the spec of the policy that writes who acknowledged (Kubernetes 1.36 and later)."""
    path = f"'/metadata/annotations/' + jsonpatch.escapeKey('{ACKNOWLEDGED_BY}')"
    changed = f"({_annotation('object', ACKNOWLEDGE)}) != ({_annotation('oldObject', ACKNOWLEDGE)})"
    unsaid = (
        f"({_annotation('object', ACKNOWLEDGED_BY)})"
        f" == ({_annotation('oldObject', ACKNOWLEDGED_BY)})"
    )
    patch = f"[JSONPatch{{op: 'add', path: {path}, value: {_USER}}}]"
    return {
        "failurePolicy": "Fail",
        "reinvocationPolicy": "Never",
        "matchConstraints": _match(["CREATE", "UPDATE"], [PLURAL]),
        "matchConditions": [
            {"name": "acknowledges", "expression": f"({_annotation('object', ACKNOWLEDGE)}) != ''"},
            {"name": "anew", "expression": changed},
            {"name": "says-not-who", "expression": unsaid},
        ],
        "mutations": [{"patchType": "JSONPatch", "jsonPatch": {"expression": patch}}],
    }


def _match(operations: list[str], resources: list[str], group: str = GROUP) -> Json:
    rule = {"apiGroups": [group], "apiVersions": ["*"], "operations": operations}
    return {"matchPolicy": "Equivalent", "resourceRules": [rule | {"resources": resources}]}


POLICIES: Final = {"rollouts": rollouts, "locks": locks, "fill-in": fill_in}
