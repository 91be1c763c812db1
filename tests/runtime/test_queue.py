"""The queue of due rollouts: in order of time, each once, never twice at once."""

import asyncio

import pytest

from pecr_rollout.runtime.queue import DueQueue, Key

A, B, C = (Key("ns", name) for name in "abc")


async def take(queue: DueQueue) -> Key:
    return await asyncio.wait_for(queue.take(), 2)


class TestDueQueue:
    @pytest.fixture
    async def queue(self) -> DueQueue:
        return DueQueue(asyncio.get_running_loop().time)

    async def test_due_rollouts_come_in_order_of_their_times(self, queue: DueQueue) -> None:
        for delay, key in ((0.03, C), (0.0, A), (0.01, B)):
            queue.add(key, delay)
        assert [await take(queue) for _ in range(3)] == [A, B, C]

    async def test_the_earliest_of_several_times_counts_and_only_once(
        self, queue: DueQueue
    ) -> None:
        queue.add(A, 5)
        queue.add(A, 0)
        queue.add(A, 3)
        assert await take(queue) == A
        queue.done(A)
        assert len(queue) == 0

    async def test_a_busy_rollout_waits_until_it_is_done(self, queue: DueQueue) -> None:
        queue.add(A)
        assert await take(queue) == A
        queue.add(A)
        queue.add(B, 0.01)
        assert await take(queue) == B, "A is busy, although it was due first"
        queue.done(A)
        assert await take(queue) == A

    async def test_a_new_rollout_wakes_the_one_who_waits(self, queue: DueQueue) -> None:
        waiting = asyncio.create_task(queue.take())
        await asyncio.sleep(0)
        queue.add(A)
        assert await asyncio.wait_for(waiting, 2) == A

    @pytest.mark.parametrize("turns", range(6))
    async def test_whoever_waits_can_be_stopped_at_any_moment(
        self, queue: DueQueue, turns: int
    ) -> None:
        queue.add(A, 60)
        waiting = asyncio.create_task(queue.take())
        await asyncio.sleep(0.01)
        queue.add(B, 50)
        for _ in range(turns):
            await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait([waiting], timeout=2)
        assert waiting.cancelled()

    async def test_a_dropped_rollout_never_comes(self, queue: DueQueue) -> None:
        queue.add(A)
        queue.add(B, 0.01)
        queue.drop(A)
        assert await take(queue) == B
