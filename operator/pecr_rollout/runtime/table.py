"""The rollouts that are known, and what each of them watches."""

import json
import zlib
from collections import defaultdict
from collections.abc import Collection, Iterator
from typing import Any, Final, NamedTuple

from pecr_rollout.cluster.names import clone_name
from pecr_rollout.cluster.resources import dig
from pecr_rollout.runtime.queue import Key

Body = dict[str, Any]


class Watched(NamedTuple):
    """An object that some rollouts depend on."""

    plural: str
    namespace: str
    name: str


class _Packed(NamedTuple):
    """A body as compressed text: 2 KiB in place of 25 for one that is read now and then."""

    uid: str
    version: int
    stage: str
    text: bytes


REMEMBERED: Final = 1000
"""Rollouts that were dropped, those dropped last: 100 KiB."""


class Table:
    """The newest body of every rollout, fed by the watch and by our own writes."""

    def __init__(self) -> None:
        """Begin empty."""
        self._bodies: dict[Key, _Packed] = {}
        self._dropped: dict[str, None] = {}  # uids, in the order of their end
        self._watched: dict[Key, frozenset[Watched]] = {}
        self._watchers: defaultdict[Watched, set[Key]] = defaultdict(set)

    def __iter__(self) -> Iterator[Key]:
        """Give every rollout that is known."""
        return iter(tuple(self._bodies))

    def __contains__(self, key: Key) -> bool:
        """Tell whether a rollout is known."""
        return key in self._bodies

    def of(self, namespace: str, stages: Collection[str]) -> list[Key]:
        """Give the rollouts of a namespace that are in one of some stages."""
        return [
            key
            for key, known in self._bodies.items()
            if key.namespace == namespace and known.stage in stages
        ]

    def get(self, key: Key) -> Body | None:
        """Give the newest body of a rollout."""
        known = self._bodies.get(key)
        return None if known is None else json.loads(zlib.decompress(known.text))

    def is_news(self, body: Body) -> bool:
        """Tell whether neither a body nor a newer one of the same object is known.

        What the watch tells of our own write is known already.
        """
        known = self._bodies.get(_key(body))
        uid, version = _identity(body)  # versions of one object count upwards
        return known is None or known.uid != uid or version > known.version

    def put(self, body: Body) -> None:
        """Take a body, if it is news."""
        if self.is_news(body):
            self.replace(body)

    def replace(self, body: Body) -> None:
        """Take a body, whatever is known: what the API server forgot (a restore) never was."""
        key = _key(body)
        body["metadata"].pop("managedFields", None)
        text = zlib.compress(json.dumps(body).encode(), 1)
        self._bodies[key] = _Packed(*_identity(body), dig(body, "status", "stage") or "", text)
        self._watch(key, frozenset(_depends_on(key, body.get("spec"))))

    def renew(self, body: Body) -> None:
        """Take the answer to a request of ours, unless the rollout was let go meanwhile."""
        if _key(body) in self:
            self.put(body)

    def drop(self, key: Key, uid: str) -> bool:
        """Forget a rollout that is gone, if it is not another of the same name."""
        known = self._bodies.get(key)
        if known is None or known.uid != uid:
            return False
        self._dropped[uid] = None
        if len(self._dropped) > REMEMBERED:
            del self._dropped[next(iter(self._dropped))]
        del self._bodies[key]
        self._watch(key, frozenset())
        self._watched.pop(key)
        return True

    def is_doubtful(self, key: Key) -> bool:
        """Tell whether a rollout was dropped before: a watch may tell old events after the last."""
        known = self._bodies.get(key)
        return known is not None and known.uid in self._dropped

    def confirm(self, body: Body) -> None:
        """Take a body that the API server gave when it was asked: this one is there."""
        self._dropped.pop(body["metadata"]["uid"], None)
        self.replace(body)

    def watchers(self, watched: Watched) -> frozenset[Key]:
        """Give the rollouts that depend on an object."""
        return frozenset(self._watchers.get(watched, ()))

    def _watch(self, key: Key, watched: frozenset[Watched]) -> None:
        before = self._watched.get(key, frozenset())
        for gone in before - watched:
            self._watchers[gone].discard(key)
            if not self._watchers[gone]:
                del self._watchers[gone]
        for new in watched - before:
            self._watchers[new].add(key)
        self._watched[key] = watched


METADATA: Final = ("uid", "generation", "annotations", "labels", "finalizers", "deletionTimestamp")
EVIDENCE: Final = ("signals", "figures", "figuresAt", "slo", "message", "conditions")
"""Fields of the status that do not say what is to be true in the cluster."""


def same_but_evidence(known: Body, found: Body) -> bool:
    """Tell whether nothing but a status's evidence differs."""
    before, after = known["metadata"], found["metadata"]
    if any(before.get(name) != after.get(name) for name in METADATA):
        return False
    old, new = known.get("status") or {}, found.get("status") or {}
    return all(old.get(name) == new.get(name) for name in (old.keys() | new.keys()) - {*EVIDENCE})


def _key(body: Body) -> Key:
    return Key(body["metadata"]["namespace"], body["metadata"]["name"])


def _identity(body: Body) -> tuple[str, int]:
    return body["metadata"]["uid"], int(body["metadata"]["resourceVersion"])


def _depends_on(key: Key, spec: object) -> Iterator[Watched]:
    """Name what a spec points at; one that cannot be read points at nothing."""
    if not isinstance(spec, dict):
        return
    existing = (spec.get("canary") or {}).get("existing") or {}
    target = spec.get("target") or {}
    for part in (target, existing):
        deployment, config_map = part.get("deployment"), part.get("configMap")
        if isinstance(deployment, str):
            yield Watched("deployments", key.namespace, deployment)
            yield Watched("deployments", key.namespace, clone_name(deployment))
        if isinstance(config_map, str):
            yield Watched("configmaps", key.namespace, config_map)
