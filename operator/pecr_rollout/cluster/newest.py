"""What was seen of an object is never unseen: answers older than one before are recognised.

Resource versions of one kind count upwards, whatever object they are of (Kubernetes enhancement
5504). The API server itself reads the newest; what stands between, a caching proxy for example, may
not. Only etcd restored from a snapshot makes an older state the true one, and it says so each time.
"""

from collections import OrderedDict
from typing import Final

from pecr_rollout.cluster.resources import Json, Resource, dig

REMEMBERED: Final = 16_384
"""Objects whose version is remembered, those seen last: some 3 MiB."""


class Newest:
    """The newest version seen of each object that was read by its name, or written."""

    def __init__(self) -> None:
        """Begin with nothing seen."""
        self._versions: OrderedDict[str, int] = OrderedDict()

    def is_older(self, resource: Resource, answer: Json) -> bool:
        """Tell whether an object, or one in a list, is older than it was seen already.

        One of its name that was deleted since is older, too.
        """
        known = self._versions
        return any(_version(one) < known.get(_key(resource, one), 0) for one in _objects(answer))

    def saw(self, resource: Resource, answer: Json) -> None:
        """Remember what came another way, unless newer is known."""
        if not self.is_older(resource, answer):
            self.take(resource, answer)

    def take(self, resource: Resource, answer: Json) -> Json:
        """Take an answer for the truth, and give it back; a list makes no object remembered."""
        listed = "items" in answer
        for one in _objects(answer):
            key, version = _key(resource, one), _version(one)
            if version and (not listed or key in self._versions):
                self._remember(key, version)
        return answer

    def _remember(self, key: str, version: int) -> None:
        self._versions[key] = version
        self._versions.move_to_end(key)
        if len(self._versions) > REMEMBERED:
            self._versions.popitem(last=False)


def _objects(answer: Json) -> list[Json]:
    return answer["items"] or [] if "items" in answer else [answer]


def _key(resource: Resource, obj: Json) -> str:
    namespace, name = dig(obj, "metadata", "namespace"), dig(obj, "metadata", "name")
    return f"{resource.plural}/{namespace}/{name}"


def _version(obj: Json) -> int:
    """Give an object's version; 0 where it has none, since it was only tried, or is no object."""
    version = str(dig(obj, "metadata", "resourceVersion"))
    return int(version) if version.isdecimal() else 0
