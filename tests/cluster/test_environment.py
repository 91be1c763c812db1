"""Environments are resolved as the kubelet does it."""

import pytest

from cluster.builders import config_map, container, env
from pecr_rollout.cluster.environment import (
    config_maps_of,
    environment_view,
    expand,
    fingerprint,
    pick_container,
    resolve,
)

ENGINE = "PECR_CONTROLLER_ENGINE"


def maps(*given):
    return {m["metadata"]["name"]: m for m in given}


def test_the_last_source_wins_and_says_where_it_is_from():
    resolved = resolve(
        container("c", "one", "two"),
        maps(config_map("one", A="1", B="1"), config_map("two", B="2")),
    )
    assert resolved.values == {"A": "1", "B": "2"}
    assert resolved.origins == {"A": "ConfigMap one", "B": "ConfigMap two"}


def test_env_beats_every_source():
    given = container("c", "one", env=[env("A", "mine")])
    resolved = resolve(given, maps(config_map("one", A="1")))
    assert resolved.values == {"A": "mine"}
    assert resolved.origins["A"] == "its own env entry"


def test_an_empty_env_entry_beats_too():
    given = container("c", "one", env=[{"name": "A"}])
    assert resolve(given, maps(config_map("one", A="1"))).values == {"A": ""}


def test_a_prefix_changes_the_name():
    source = {"configMapRef": {"name": "one"}, "prefix": "X_"}
    assert resolve(container("c", source), maps(config_map("one", A="1"))).values == {"X_A": "1"}


def test_a_missing_optional_source_gives_nothing():
    source = {"configMapRef": {"name": "gone", "optional": True}}
    assert resolve(container("c", source), {"gone": None}).values == {}


def test_secrets_are_known_to_be_unknown():
    secret = {"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}
    given = container("c", "one", {"secretRef": {"name": "all"}}, env=[secret])
    resolved = resolve(given, maps(config_map("one", A="1", B="2")))
    assert resolved.values == {"B": "2"}
    assert "secretKeyRef" in resolved.origins["A"]
    assert resolved.secrets == ("all",)


def test_a_key_of_a_config_map():
    ref = {"configMapKeyRef": {"name": "other", "key": "k"}}
    given = container("c", env=[{"name": "A", "valueFrom": ref}])
    assert resolve(given, maps(config_map("other", k="v"))).values == {"A": "v"}
    assert config_maps_of(given) == {"other"}


def test_a_missing_optional_key_leaves_what_env_from_gave():
    ref = {"configMapKeyRef": {"name": "other", "key": "k", "optional": True}}
    given = container("c", "one", env=[{"name": "A", "valueFrom": ref}])
    assert resolve(given, maps(config_map("one", A="1"), config_map("other"))).values == {"A": "1"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$(A)-$(B)", "1-$(B)"),
        ("$$(A)", "$(A)"),
        ("100$", "100$"),
        ("$A", "$A"),
    ],
)
def test_references_are_expanded(text, expected):
    assert expand(text, {"A": "1"}) == expected


def test_the_view_tells_flags_from_other_keys():
    given = config_map("m", **{ENGINE: "rlm", "PECR_PORT": "1"})
    view = environment_view(given, container("c", "m", env=[env(ENGINE, "baseline")]), maps(given))
    assert view.flags == {ENGINE: "rlm"}
    assert view.resolved == {ENGINE: "baseline"}
    assert view.others == environment_view(config_map("m", PECR_PORT="1"), None, {}).others
    assert view.others != environment_view(config_map("m", PECR_PORT="2"), None, {}).others


def test_a_view_without_a_container_resolves_nothing():
    assert environment_view(config_map("m", **{ENGINE: "rlm"}), None, {}).resolved == {}


def test_the_container_by_name_or_the_only_one():
    one, two = container("one"), container("two")
    assert pick_container({"spec": {"containers": [one, two]}}, "two") is two
    assert pick_container({"spec": {"containers": [one]}}, None) is one
    assert pick_container({"spec": {"containers": [one, two]}}, None) is None
    assert pick_container({"spec": {"containers": [one]}}, "three") is None


def test_a_fingerprint_ignores_the_order_of_keys():
    assert fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})
