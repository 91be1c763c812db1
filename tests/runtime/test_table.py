"""The table keeps the newest body, and knows who depends on what."""

from typing import Any

from pecr_rollout.runtime.queue import Key
from pecr_rollout.runtime.table import Table, Watched

KEY = Key("ns", "a")


def body(version: int, uid: str = "u", target: str = "web", **spec: Any) -> dict[str, Any]:
    metadata = {"namespace": "ns", "name": "a", "uid": uid, "resourceVersion": str(version)}
    whole = {"target": {"deployment": target, "configMap": "env"}, **spec}
    return {"metadata": {**metadata, "managedFields": ["much"]}, "spec": whole}


def test_an_older_body_never_replaces_a_newer_one() -> None:
    table = Table()
    table.put(body(12))
    assert not table.is_news(body(9)), "9 is older than 12, although it sorts after it as text"
    table.put(body(9))
    found = table.get(KEY)
    assert found is not None
    assert found["metadata"]["resourceVersion"] == "12"
    assert "managedFields" not in found["metadata"]


def test_what_a_watch_tells_of_our_own_write_is_no_news() -> None:
    table = Table()
    table.put(body(12))
    assert not table.is_news(body(12)), "it would be looked at again, and cost six requests"


def test_an_object_created_again_replaces_the_one_before() -> None:
    table = Table()
    table.put(body(12))
    assert table.is_news(body(3, uid="other"))


def test_the_rollouts_of_a_namespace_are_told_by_their_stage() -> None:
    table = Table()
    for name, stage in (("a", "Judging"), ("b", "Writing"), ("c", "Idle")):
        new = body(1) | {"status": {"stage": stage}}
        new["metadata"] |= {"name": name}
        table.put(new)
    elsewhere = body(1) | {"status": {"stage": "Idle"}}
    elsewhere["metadata"] |= {"namespace": "elsewhere"}
    table.put(elsewhere)
    fresh = body(1)
    fresh["metadata"] |= {"name": "no status yet"}
    table.put(fresh)
    assert [key.name for key in table.of("ns", ("Judging", "Idle"))] == ["a", "c"]


def test_the_end_of_an_object_does_not_drop_its_successor() -> None:
    table = Table()
    table.put(body(12, uid="new"))
    assert not table.drop(KEY, "old")
    assert table.drop(KEY, "new")
    assert table.get(KEY) is None


def test_what_was_dropped_is_doubted_until_it_is_confirmed(monkeypatch) -> None:
    table = Table()
    for uid in ("u", "successor"):
        table.put(body(1, uid=uid))
        assert not table.is_doubtful(KEY)
        table.drop(KEY, uid)
    table.put(body(1))
    assert table.is_doubtful(KEY)
    table.confirm(body(1))
    assert not table.is_doubtful(KEY)
    monkeypatch.setattr("pecr_rollout.runtime.table.REMEMBERED", 1)
    table.drop(KEY, "u")
    table.put(body(1, uid="successor"))
    assert not table.is_doubtful(KEY), "only the last ones are remembered"


def test_a_rollout_is_woken_by_what_its_spec_names_and_by_its_clone() -> None:
    table = Table()
    existing = {"existing": {"deployment": "next", "configMap": "next-env"}}
    table.put(body(1, canary=existing))
    for plural, name in (
        ("deployments", "web"),
        ("deployments", "web-canary"),
        ("deployments", "next"),
        ("configmaps", "env"),
        ("configmaps", "next-env"),
    ):
        assert table.watchers(Watched(plural, "ns", name)) == {KEY}
    assert not table.watchers(Watched("configmaps", "elsewhere", "env"))


def test_a_changed_or_dropped_rollout_watches_nothing_from_before() -> None:
    table = Table()
    table.put(body(1))
    table.put(body(2, target="other"))
    assert not table.watchers(Watched("deployments", "ns", "web"))
    assert table.watchers(Watched("deployments", "ns", "other")) == {KEY}
    table.drop(KEY, "u")
    assert not table.watchers(Watched("deployments", "ns", "other"))


def test_a_spec_that_cannot_be_read_watches_nothing_and_breaks_nothing() -> None:
    table = Table()
    for spec in (None, "text", {"target": None, "canary": None}, {"target": {"deployment": 7}}):
        garbled = body(1)
        garbled["spec"] = spec
        table = Table()
        table.put(garbled)
        assert table.get(KEY) == garbled
