"""Names, selectors, quantities, errors, events, permissions."""

from decimal import Decimal

import pytest

from cluster.builders import UID, container, rollout
from pecr_rollout.cluster import resources
from pecr_rollout.cluster.election import Pace
from pecr_rollout.cluster.errors import (
    AlreadyExistsError,
    ClusterError,
    ConflictError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    UnavailableError,
    error_type,
)
from pecr_rollout.cluster.events import Announcement, event_manifest, shortened
from pecr_rollout.cluster.locks import lease_name
from pecr_rollout.cluster.names import bounded
from pecr_rollout.cluster.permissions import PERMISSIONS
from pecr_rollout.cluster.preflight.capacity import pod_demand, quantity
from pecr_rollout.cluster.preflight.readers import config_maps_read
from pecr_rollout.cluster.selectors import fits, is_selector, selector_text, widest
from pecr_rollout.cluster.snapshot import from_data, snapshot_manifest
from pecr_rollout.lifecycle.observation import Flags, Snapshot


def test_names_are_bounded_and_stay_apart():
    assert bounded("short") == "short"
    one, other = bounded("a" * 300), bounded("a" * 301)
    assert len(one) == len(other) == 253
    assert one != other


def test_a_lease_for_every_subject():
    subjects = ["deployment/a", "configmap/a", "configmap/" + "b" * 253, "configmap/" + "b" * 252]
    names = {lease_name(s) for s in subjects}
    assert len(names) == len(subjects)
    assert all(len(name) <= 253 for name in names)


SELECTOR = {
    "matchLabels": {"app": "x"},
    "matchExpressions": [
        {"key": "tier", "operator": "In", "values": ["a", "b"]},
        {"key": "zone", "operator": "NotIn", "values": ["z"]},
        {"key": "there", "operator": "Exists"},
        {"key": "gone", "operator": "DoesNotExist"},
    ],
}


def test_a_selector_as_text():
    assert selector_text(SELECTOR) == "app=x,tier in (a,b),zone notin (z),there,!gone"


@pytest.mark.parametrize(
    ("change", "expected"),
    [({}, True), ({"app": "y"}, False), ({"tier": "c"}, False), ({"zone": "z"}, False),
     ({"gone": "1"}, False)],
)  # fmt: skip
def test_fits(change, expected):
    labels = {"app": "x", "tier": "a", "there": "1"} | change
    assert fits(SELECTOR, labels) is expected


@pytest.mark.parametrize(
    "text",
    [
        "a",
        "!a",
        "a=b",
        "a==b",
        "a!=b",
        "a=",
        "x.io/a in (b, c), d",
        "a notin (b),!c",
        selector_text(SELECTOR),
    ],
)
def test_a_selector_is_one(text):
    assert is_selector(text)


@pytest.mark.parametrize(
    "text",
    ["", "=b", "a=b c", "a in b", "a in ()x", "a,", "a=b;c=d", "-a", "a/b/c", "a in", "$(a)"],
)
def test_no_selector_is_none(text):
    assert not is_selector(text)


def test_the_target_selector_covers_its_clone():
    target = {"matchLabels": {"app": "x"}}
    clone = {"matchLabels": {"app": "x", "pecr.dev/cohort": "canary"}}
    other = {"matchLabels": {"app": "y"}}
    assert widest([target, clone, other]) == ["app=x", "app=y"]
    assert widest([target, target]) == ["app=x"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [("100m", "0.1"), ("2", "2"), ("1.5", "1.5"), ("1Ki", "1024"), ("2k", "2000"),
     ("1e3", "1000"), ("3Gi", "3221225472"), ("1E", "1e18"), ("0", "0")],
)  # fmt: skip
def test_quantities(text, expected):
    assert quantity(text) == Decimal(expected)


def test_what_a_pod_takes_of_a_quota():
    def wants(cpu, **more):
        return container("c", resources={"requests": {"cpu": cpu}}, **more)

    spec = {
        "containers": [wants("100m"), wants("200m")],
        "initContainers": [wants("2"), wants("50m", restartPolicy="Always")],
        "overhead": {"cpu": "10m"},
    }
    assert pod_demand({"spec": spec})["requests.cpu"] == Decimal("2.01")
    del spec["initContainers"][0]
    assert pod_demand({"spec": spec})["cpu"] == Decimal("0.36")
    assert pod_demand({"spec": spec})["pods"] == 1


def test_limits_count_as_requests_where_there_are_none():
    only = container("c", resources={"limits": {"memory": "1Gi"}})
    demand = pod_demand({"spec": {"containers": [only]}})
    assert demand["requests.memory"] == demand["limits.memory"] == quantity("1Gi")


def test_every_way_to_read_a_config_map():
    template = {
        "spec": {
            "containers": [container("a", "env-from")],
            "initContainers": [
                container("b", env=[{"name": "X", "valueFrom": {
                    "configMapKeyRef": {"name": "key", "key": "k"}}}])
            ],
            "volumes": [
                {"name": "v", "configMap": {"name": "volume"}},
                {"name": "w", "projected": {"sources": [{"configMap": {"name": "projected"}}]}},
                {"name": "e", "emptyDir": {}},
            ],
        }
    }  # fmt: skip
    assert config_maps_read(template) == {"env-from", "key", "volume", "projected"}


@pytest.mark.parametrize(
    ("status", "reason", "expected"),
    [(404, "", NotFoundError), (409, "Conflict", ConflictError), (410, "Expired", ConflictError),
     (409, "AlreadyExists", AlreadyExistsError), (403, "", ForbiddenError),
     (401, "", ForbiddenError), (422, "", InvalidError), (400, "", InvalidError),
     (429, "", UnavailableError), (503, "", UnavailableError), (418, "", ClusterError)],
)  # fmt: skip
def test_errors(status, reason, expected):
    assert error_type(status, reason) is expected


def test_an_event_is_named_after_its_transition():
    one = Announcement("k1", "Fallback", "m", at=0.0)
    again = Announcement("k1", "Fallback", "another text", at=9.0)
    other = Announcement("k2", "Fallback", "m", at=0.0)
    names = [event_manifest(rollout(), a)["metadata"]["name"] for a in (one, again, other)]
    assert names[0] == names[1] != names[2]
    assert event_manifest(rollout(), one)["eventTime"] == "1970-01-01T00:00:00.000000Z"


def test_a_long_message_is_cut_by_bytes():
    assert shortened("x" * 1024) == "x" * 1024
    cut = shortened("ä" * 1024)
    assert len(cut.encode()) <= 1024
    assert cut.endswith("…")


def test_a_snapshot_survives_its_keeping():
    flags = Flags("c", "u", "d", "v", {"A": "1", "B": None}, None)
    snapshot = Snapshot("0123456789", {"slo": {}}, flags, flags, {"latency_p95": (1.0, 20.0)})
    kept = snapshot_manifest(rollout(), snapshot, 1)
    assert from_data(kept["data"]) == snapshot
    assert kept["metadata"]["ownerReferences"][0]["uid"] == UID


def test_no_permission_is_a_wildcard_and_none_reads_secrets():
    rules = [p.rule for p in PERMISSIONS]
    assert not any("*" in values for rule in rules for values in rule.values())
    assert not any("secrets" in rule["resources"] for rule in rules)
    assert len({(p.resource, p.subresource) for p in PERMISSIONS}) == len(PERMISSIONS)
    assert all(p.why for p in PERMISSIONS)


def test_dig_and_owners():
    assert resources.dig({"a": {"b": 1}}, "a", "b") == 1
    assert resources.dig({"a": None}, "a", "b") is None
    assert resources.controller_uid({"metadata": {}}) is None


@pytest.mark.parametrize("duration", [5, 10, 3600])
def test_the_times_of_an_election_follow_each_other(duration):
    pace = Pace(duration)
    assert pace.looks <= pace.renews < pace.acts < pace.dies < duration
    one_try = pace.renews  # as long as a request may take
    assert pace.renews + one_try + pace.looks + one_try <= pace.acts, "there is time for another"


def test_the_shipped_times_are_those_that_are_promised():
    pace = Pace()
    assert (pace.duration, pace.renews, pace.acts, pace.dies, pace.looks) == (10, 2, 7, 8.5, 1)
    assert pace.duration + pace.looks + 4 <= 15, "a second look, and seconds to start"
