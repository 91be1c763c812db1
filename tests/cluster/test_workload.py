"""How far a roll-out is, from a Deployment, its ReplicaSets and its pods."""

from copy import deepcopy

import pytest

from cluster.builders import container, crashed, deployment, pod, replica_set
from pecr_rollout.api.rollout import ENVIRONMENT_HASH
from pecr_rollout.api.status import epoch
from pecr_rollout.cluster.workload import template_fingerprint, workload_view
from pecr_rollout.lifecycle.observation import Progress

NOW = "2026-01-01T00:00:10Z"


def view(given, pods=(), sets=None):
    sets = [replica_set(given)] if sets is None else sets
    return workload_view(given, sets, pods)


def test_complete():
    given = deployment()
    newest = replica_set(given)
    pods = [pod(newest, "a"), pod(newest, "b", since=NOW)]
    seen = view(given, pods, [newest])
    assert seen.progress is Progress.COMPLETE
    assert seen.ready == 2
    assert seen.replica_sets == ("pecr-controller-abc",)
    assert seen.settled_at == epoch(NOW)


@pytest.mark.parametrize(
    "status",
    [
        {"observedGeneration": 3},
        {"updatedReplicas": 2},
        {"readyReplicas": 2},
        {"availableReplicas": 2},
        {"replicas": 4},
    ],
)
def test_rolling(status):
    given = deployment()
    given["status"] |= status
    assert view(given).progress is Progress.ROLLING


def test_counts_of_zero_are_left_out_by_the_api_server():
    given = deployment(replicas=0)
    given["status"] = {"observedGeneration": 4}
    assert view(given).progress is Progress.COMPLETE


def test_pods_on_their_way_out_do_not_count():
    given = deployment()
    newest = replica_set(given)
    going = pod(newest, "b", deletionTimestamp=NOW)
    assert view(given, [pod(newest, "a"), going], [newest]).ready == 1


def test_pods_of_the_newest_template_that_go_are_told():
    given = deployment()
    newest = replica_set(given)
    going = pod(newest, "b", deletionTimestamp=NOW)
    assert not view(given, [pod(newest, "a")], [newest]).losing
    assert view(given, [pod(newest, "a"), going], [newest]).losing
    assert view(given, [], [newest]).losing
    given["spec"]["replicas"] = 0
    assert not view(given, [], [newest]).losing


def test_stuck_says_what_the_deployment_and_its_pods_say():
    conditions = [
        {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded",
         "message": "has timed out progressing"}
    ]  # fmt: skip
    given = deployment(updatedReplicas=1, conditions=conditions)
    newest = replica_set(given)
    waiting = {"waiting": {"reason": "CreateContainerConfigError", "message": "no ConfigMap x"}}
    status = {"name": "c", "restartCount": 0, "ready": False, "state": waiting}
    seen = view(given, [pod(newest, ready=False, statuses=[status])], [newest])
    assert seen.progress is Progress.STUCK
    assert "has timed out" in seen.trouble
    assert "no ConfigMap x" in seen.trouble


def test_an_old_deadline_says_nothing_of_a_new_template():
    conditions = [{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}]
    seen = view(deployment(observedGeneration=3, conditions=conditions))
    assert seen.progress is Progress.ROLLING


LOOP = {"waiting": {"reason": "CrashLoopBackOff"}}
ENDED = {"terminated": {"exitCode": 1, "message": "STARTUP_ERROR X: no"}}


@pytest.mark.parametrize(
    ("status", "progress"),
    [
        (crashed(restarts=1, state=LOOP), Progress.CRASHING),
        (crashed(restarts=2, state=ENDED), Progress.CRASHING),
        (crashed(restarts=2), Progress.CRASHING),
        (crashed(restarts=1, state=ENDED), Progress.COMPLETE),
        (crashed(restarts=0, state=LOOP), Progress.COMPLETE),
        (crashed(restarts=5, ready=True), Progress.COMPLETE),
    ],
    ids=["backoff", "ended twice", "between crashes", "once", "the first", "long ago"],
)
def test_crashing(status, progress):
    given = deployment()
    newest = replica_set(given)
    seen = view(given, [pod(newest, ready=False, statuses=[status])], [newest])
    assert seen.progress is progress
    assert ("STARTUP_ERROR" in seen.trouble) is (progress is Progress.CRASHING)


def test_crashes_of_an_old_template_do_not_count():
    given = deployment()
    old = replica_set(given, "old", spec={"containers": [container("other")]})
    crash = crashed(restarts=9, state=LOOP)
    seen = view(given, [pod(old, statuses=[crash])], [old, replica_set(given)])
    assert seen.progress is Progress.COMPLETE


def test_ownership_and_not_labels_tells_pods_apart():
    given, other = deployment(), deployment("other")
    theirs = replica_set(other)
    seen = workload_view(given, [theirs], [pod(theirs)])
    assert (seen.ready, seen.replica_sets) == (0, ())


def test_scheduling_trouble():
    failure = {"type": "ReplicaFailure", "status": "True", "message": "exceeded quota: q"}
    assert "exceeded quota" in view(deployment(conditions=[failure])).scheduling
    given = deployment()
    newest = replica_set(given)
    unplaced = {"type": "PodScheduled", "status": "False", "message": "0/3 nodes are available"}
    seen = view(given, [pod(newest, ready=False, conditions=[unplaced])], [newest])
    assert "0/3 nodes" in seen.scheduling


def test_the_fingerprint_leaves_out_our_annotation_only():
    given = deployment(annotations={ENVIRONMENT_HASH: "x", "a": "b"})
    template = given["spec"]["template"]
    plain = deepcopy(template)
    del plain["metadata"]["annotations"][ENVIRONMENT_HASH]
    assert template_fingerprint(template) == template_fingerprint(plain)
    del plain["metadata"]["annotations"]["a"]
    assert template_fingerprint(template) != template_fingerprint(plain)
    assert view(given).environment_hash == "x"


def test_a_replica_set_with_another_hash_is_not_the_newest():
    given = deployment(annotations={ENVIRONMENT_HASH: "new"})
    old = replica_set(deployment(annotations={ENVIRONMENT_HASH: "old"}), "old")
    assert view(given, (), [old]).replica_sets == ()
