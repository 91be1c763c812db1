"""Who leads, by a Lease on the real API server; time is the test's."""

import asyncio
from dataclasses import dataclass, field

import pytest

from cluster.conftest import until
from pecr_rollout.cluster.client import Api
from pecr_rollout.cluster.election import Candidate, LeaseLostError, Pace, boot_time
from pecr_rollout.cluster.errors import NotFoundError
from pecr_rollout.cluster.resources import LEASES

pytestmark = pytest.mark.cluster

PACE = Pace(3)


@dataclass
class Clock:
    """Goes when it is told to."""

    now: float = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Several:
    """Candidates for one Lease, each with a clock of its own."""

    api: Api
    namespace: str
    alarms: list[float] = field(default_factory=list)

    def candidate(self, me: str) -> Candidate:
        clock = Clock()
        return Candidate(
            self.api, self.namespace, "leader", me, PACE, clock, renewed=self.alarms.append
        )

    async def lease(self):
        return await self.api.get(LEASES, self.namespace, "leader")

    async def change(self, **spec):
        await self.api.merge(LEASES, self.namespace, "leader", {"spec": spec})


@pytest.fixture
def several(api, namespace) -> Several:
    return Several(api, namespace.name)


async def stood(candidate: Candidate) -> asyncio.Task[str]:
    """Let a candidate stand, and look once."""
    task = asyncio.create_task(candidate.stand())
    await until(soon, lambda _: candidate.looking)
    return task


async def soon() -> None:
    await asyncio.sleep(0)


async def waits(task: asyncio.Task[str]) -> bool:
    """Tell whether it is still waiting after another look or two."""
    await asyncio.wait([task], timeout=3 * PACE.looks)
    return not task.done()


async def ended(*tasks: asyncio.Task) -> None:
    """End tasks before the connection is closed: one may be opening another one just then."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_the_first_leads_and_the_second_waits_until_nothing_is_renewed(several):
    one, two = several.candidate("one"), several.candidate("two")
    assert await one.stand() == ""
    assert one.left() == pytest.approx(PACE.acts)
    assert several.alarms == [pytest.approx(PACE.dies)]
    spec = (await several.lease())["spec"]
    assert (spec["holderIdentity"], spec["leaseDurationSeconds"]) == ("one", 3)
    standing = await stood(two)
    two.clock.now += 2.9
    assert await waits(standing)
    await one._renew()
    assert await waits(standing)
    two.clock.now += 2.9
    assert await waits(standing)
    two.clock.now += 0.2
    assert await standing == "one"
    spec = (await several.lease())["spec"]
    assert (spec["holderIdentity"], spec["leaseTransitions"]) == ("two", 2)
    with pytest.raises(LeaseLostError, match=r"Lease .*/leader is held by two now"):
        await one.keep()
    assert one.left() < 0


async def test_who_could_not_renew_in_time_is_through(several):
    one = several.candidate("one")
    await one.stand()
    one.clock.now += PACE.acts
    assert one.left() == 0
    with pytest.raises(
        LeaseLostError, match=r"was not renewed for 2\.1 s: this process did not run"
    ):
        await one.keep()
    await one.resign()
    assert (await several.lease())["spec"]["holderIdentity"] == "one", "it may be another's by now"
    assert several.alarms[-1] == PACE.duration


async def test_given_up_it_is_free_at_once(several):
    one, two = several.candidate("one"), several.candidate("two")
    await one.stand()
    standing = await stood(two)
    await one.resign()
    assert await standing == ""
    assert one.left() < 0
    assert several.alarms[1] == 0, "who leads no more need not end"


async def test_of_two_at_once_one_wins(several):
    candidates = [several.candidate(name) for name in ("one", "two", "three")]
    tasks = [await stood(each) for each in candidates]
    await asyncio.wait(tasks, timeout=3 * PACE.looks)
    assert [task.done() for task in tasks].count(True) == 1
    await ended(*tasks)


async def test_what_the_holder_promised_counts(several):
    one, two = several.candidate("one"), several.candidate("two")
    await one.stand()
    await several.change(leaseDurationSeconds=60)
    standing = await stood(two)
    two.clock.now += 59
    assert await waits(standing)
    two.clock.now += 1
    assert await standing == "one"


async def test_one_that_was_deleted_may_still_be_held(several):
    one, two, three = map(several.candidate, ("one", "two", "three"))
    await one.stand()
    standing = await stood(two)
    await several.api.delete(LEASES, await several.lease())
    assert await waits(standing)
    with pytest.raises(LeaseLostError, match="held by nobody now"):
        await one.keep()
    two.clock.now += PACE.duration
    assert await standing == ""
    standing = await stood(three)
    assert await waits(standing)
    await ended(standing)


async def test_an_answer_that_never_came_is_no_loss(several):
    one = several.candidate("one")
    await one.stand()
    await several.change(renewTime=None)  # it was renewed, or somebody wrote something else on it
    one.clock.now += 1
    await one._renew()
    assert one.left() == pytest.approx(PACE.acts)
    assert await several.candidate("one").stand() == "one"


async def test_a_place_that_is_not_there_is_told(several):
    several.namespace = "nowhere"
    with pytest.raises(NotFoundError, match="nowhere"):
        await several.candidate("one").stand()


def test_the_clock_goes_on():
    before = boot_time()
    assert boot_time() >= before > 0
