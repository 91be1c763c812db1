"""What was seen of the cluster: never older than what a watch told, and of many at once."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import replace

import pytest

from cluster.builders import UID, rollout_body
from pecr_rollout.api.rollout import ControllerRollout
from pecr_rollout.api.status import Phase, Stage, Status
from pecr_rollout.cluster.errors import UnavailableError, UnreachableError
from pecr_rollout.cluster.whole import NotWholeError
from pecr_rollout.lifecycle.observation import Cluster, Lock, Progress, Workload
from pecr_rollout.runtime import looks as module
from pecr_rollout.runtime.looks import MANY, Looks
from pecr_rollout.runtime.queue import Key
from pecr_rollout.runtime.table import Table
from runtime.conftest import JUDGING, KEY, look


@pytest.fixture
def looks() -> Looks:
    return Looks(None, Table())


async def test_one_look_is_enough_while_nothing_changes(looks: Looks, found: list[Cluster]) -> None:
    first = await looks.at(KEY, JUDGING)
    assert await looks.at(KEY, JUDGING) == first
    assert len(found) == 1


async def test_a_change_makes_it_look_again(looks: Looks, found: list[Cluster]) -> None:
    first = await looks.at(KEY, JUDGING)
    looks.outdate(KEY)
    assert await looks.at(KEY, JUDGING) != first


@pytest.mark.parametrize(
    "meanwhile",
    [(Looks.outdate,), (Looks.forget, Looks.outdate)],
    ids=["changed", "another of its name"],
)
async def test_what_changed_during_a_look_is_looked_at_again(
    looks: Looks,
    found: list[Cluster],
    monkeypatch: pytest.MonkeyPatch,
    meanwhile: tuple[Callable[[Looks, Key], None], ...],
) -> None:
    still = module.observe
    looks.outdate(KEY)

    async def interrupted(*arguments: object) -> Cluster:
        seen = await still(*arguments)
        for happens in meanwhile:
            happens(looks, KEY)
        return seen

    monkeypatch.setattr(module, "observe", interrupted)
    first = await looks.at(KEY, JUDGING)
    monkeypatch.setattr(module, "observe", still)
    assert await looks.at(KEY, JUDGING) != first


async def test_a_look_of_which_one_answer_was_an_old_one_is_not_kept(
    looks: Looks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No watch tells of it: the pods of no ReplicaSet would be judged for half an hour."""
    whole = Workload("web", "u", "1", 3, "t", None, Progress.COMPLETE, "", ("web-1",), 3)
    torn = replace(whole, replica_sets=(), ready=0)
    seen = [Cluster(one, None, ()) for one in (torn, whole)]
    to_come = iter(seen)

    async def observe(*_: object) -> Cluster:
        return next(to_come)

    monkeypatch.setattr(module, "observe", observe)
    assert [await looks.at(KEY, JUDGING) for _ in range(3)] == [*seen, seen[1]]


async def test_while_pods_roll_every_look_is_new(looks: Looks, found: list[Cluster]) -> None:
    status = Status(phase=Phase.CANARY, stage=Stage.ROLLING_OUT)
    rolling = JUDGING.model_copy(update={"status": status})
    first = await looks.at(KEY, rolling)
    assert await looks.at(KEY, rolling) != first


async def test_what_was_judged_is_written_without_another_look(
    looks: Looks, found: list[Cluster], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each look is nine requests before the cure; only the locks have no watch."""
    locks = (Lock("lease", "deployment/pecr-controller", "uid"),)

    async def read_locks(*_: object) -> tuple[Lock, ...]:
        return locks

    monkeypatch.setattr("pecr_rollout.cluster.observe.read_locks", read_locks)
    status = Status(phase=Phase.FALLBACK, stage=Stage.WRITING)
    writing = JUDGING.model_copy(update={"status": status})
    seen = await looks.at(KEY, JUDGING)
    assert await looks.at(KEY, writing) == replace(seen, locks=locks)
    assert len(found) == 1
    looks.outdate(KEY)
    await looks.at(KEY, writing)
    assert len(found) == 2, "a watch told of a change"


class TestTogether:
    """Many of a namespace are looked at together, as after a restart."""

    @pytest.fixture
    def keys(self, looks: Looks) -> list[Key]:
        for number in range(MANY):
            status = {"status": {"phase": "Canary", "stage": "Judging"}}
            looks._table.put(rollout_body("ns", f"r{number}") | status)
        return list(looks._table)

    @pytest.fixture
    def together(self, monkeypatch: pytest.MonkeyPatch) -> "Together":
        given = Together()
        monkeypatch.setattr(module, "observe_all", given.observe_all)
        return given

    async def test_one_look_serves_them_all(
        self, looks: Looks, keys: list[Key], together: "Together", found: list[Cluster]
    ) -> None:
        seen = await asyncio.gather(*(looks.at(key, JUDGING) for key in keys))
        assert seen == [look(key.name) for key in keys]
        assert together.asked == [[key.name for key in keys]]
        assert await looks.at(keys[0], JUDGING) == seen[0]
        assert found == []

    async def test_a_few_look_for_themselves(
        self, looks: Looks, keys: list[Key], together: "Together", found: list[Cluster]
    ) -> None:
        looks._table.drop(keys[0], UID)
        rolling = rollout_body("ns", "rolling") | {"status": {"stage": "RollingOut"}}
        looks._table.put(rolling)
        looks._table.put(rollout_body("other", "r") | {"status": {"stage": "Judging"}})
        await looks.at(keys[1], JUDGING)
        assert together.asked == []
        assert len(found) == 1

    async def test_who_changed_meanwhile_looks_again(
        self, looks: Looks, keys: list[Key], together: "Together", found: list[Cluster]
    ) -> None:
        together.meanwhile = lambda: looks.outdate(keys[1])
        first, second = await asyncio.gather(*(looks.at(key, JUDGING) for key in keys[:2]))
        assert first == look("r0")
        assert found == [second]

    @pytest.mark.parametrize(
        ("error", "again"), [(NotWholeError("large"), 1), (UnavailableError("away"), 2)]
    )
    async def test_where_that_fails_each_looks_for_itself(
        self,
        looks: Looks,
        keys: list[Key],
        together: "Together",
        found: list[Cluster],
        error: Exception,
        again: int,
    ) -> None:
        together.error = error
        assert await looks.at(keys[0], JUDGING) == found[0]
        looks.outdate(keys[0])
        await looks.at(keys[0], JUDGING)
        assert len(found) == 2
        assert len(together.asked) == again, "too large is too large the next time, too"

    async def test_where_nobody_listens_that_look_serves_them_all_too(
        self, looks: Looks, keys: list[Key], together: "Together", found: list[Cluster]
    ) -> None:
        """Two thousand that each try in vain, nine requests three times, take a whole core."""
        together.error = UnreachableError("nobody listens")
        looking = (looks.at(key, JUDGING) for key in keys)
        told = await asyncio.gather(*looking, return_exceptions=True)
        assert [str(error) for error in told] == ["nobody listens"] * len(keys)
        assert len({id(error) for error in told}) == len(keys)
        assert len(together.asked) == 1
        assert found == []


class Together:
    """Looks at many at once, and at all of them alike."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.error: Exception | None = None
        self.meanwhile: Callable[[], None] = lambda: None

    async def observe_all(
        self, _api: object, rollouts: Iterable[ControllerRollout]
    ) -> AsyncIterator[tuple[ControllerRollout, Cluster]]:
        given = list(rollouts)
        self.asked.append([one.metadata.name for one in given])
        if self.error is not None:
            raise self.error
        self.meanwhile()
        for one in given:
            await asyncio.sleep(0)
            yield one, look(one.metadata.name)
