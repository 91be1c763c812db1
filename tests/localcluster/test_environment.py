"""A container's environment, as the kubelet resolves it."""

import pytest

from pecrfleet.environment import ConfigError, references, resolve

MAPS = {("configmaps", "a"): {"X": "a", "Y": "a"}, ("configmaps", "b"): {"X": "b"}}


def _resolve(container):
    return resolve(container, lambda kind, name: MAPS.get((kind, name)), {"metadata.name": "me"})


def _source(name, **more):
    return {"configMapRef": {"name": name, **more}}


def test_the_last_source_wins():
    assert _resolve({"envFrom": [_source("a"), _source("b")]}) == {"X": "b", "Y": "a"}
    assert _resolve({"envFrom": [_source("b"), _source("a")]}) == {"X": "a", "Y": "a"}


def test_prefix():
    assert _resolve({"envFrom": [{"prefix": "P_", **_source("b")}]}) == {"P_X": "b"}


def test_env_beats_every_source():
    container = {"envFrom": [_source("a")], "env": [{"name": "X", "value": "own"}]}
    assert _resolve(container) == {"X": "own", "Y": "a"}


def test_values_from_keys_and_fields_and_references():
    env = [
        {"name": "K", "valueFrom": {"configMapKeyRef": {"name": "a", "key": "Y"}}},
        {"name": "N", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        {"name": "E", "value": "$(K)-$$(K)-$(nothing)"},
        {"name": "EMPTY"},
        {
            "name": "O",
            "valueFrom": {"configMapKeyRef": {"name": "a", "key": "z", "optional": True}},
        },
    ]
    assert _resolve({"env": env}) == {"K": "a", "N": "me", "E": "a-$(K)-$(nothing)", "EMPTY": ""}


def test_missing_ones():
    assert _resolve({"envFrom": [_source("gone", optional=True)]}) == {}
    with pytest.raises(ConfigError, match='configmap "gone" not found'):
        _resolve({"envFrom": [_source("gone")]})
    key = {"name": "K", "valueFrom": {"configMapKeyRef": {"name": "a", "key": "Z"}}}
    with pytest.raises(ConfigError, match="couldn't find key Z in configmap a"):
        _resolve({"env": [key]})


def test_references():
    container = {
        "envFrom": [_source("a"), {"secretRef": {"name": "s"}}],
        "env": [{"name": "K", "valueFrom": {"configMapKeyRef": {"name": "b", "key": "Y"}}}],
    }
    assert references(container) == {("configmaps", "a"), ("configmaps", "b"), ("secrets", "s")}
