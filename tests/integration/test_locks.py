"""Two rollouts on one target: one writes, the other waits and says for whom."""

import pytest

from integration.harness.phases import in_canary, stays
from integration.harness.specs import ADAPTIVE, CONFIG_MAP, RLM, spec
from integration.harness.world import HELD, holder

pytestmark = pytest.mark.cluster

OTHER = {"adaptiveParallelism": False}


def test_the_second_waits_until_the_first_is_completed(install):
    world = install()
    first = world.rollout(spec(), "first")
    first.reach("Canary")
    second = world.rollout(spec(delta=OTHER), "second")
    status = second.says("held by rollout first")
    assert status["phase"] == "Pending"
    assert second.body["metadata"].get("finalizers") is None
    first.reach("Completed", "Idle")
    second.reach("Canary", "Writing")  # nobody has to touch it
    second.reach("Completed", "Idle")
    data = world.kube.get("configmaps", CONFIG_MAP)["data"]
    assert data == {**world.places["pecr-controller"].data, **RLM, ADAPTIVE: "false"}
    assert world.locks() == {}


def test_the_second_starts_when_the_first_is_deleted(install):
    world = install()
    first = in_canary(world)
    second = world.rollout(spec(delta=OTHER), "second")
    second.says("held by rollout rlm-engine")
    stays(second, lambda s: s["phase"] == "Pending")
    world.holds(first, canary_flags=RLM, locks=HELD)
    first.delete()
    first.gone()
    second.reach("Canary", "Judging")
    world.holds(second, canary_flags={ADAPTIVE: "false"}, locks=HELD)


def test_both_at_once_and_only_one_wins(install):
    world = install()
    world.operator.freeze()
    try:
        rollouts = [world.rollout(spec(delta=OTHER), name) for name in ("one", "two")]
    finally:
        world.operator.thaw()
    wins = {"one": 0, "two": 0}
    locks = rollouts[0].tape.await_(
        lambda takes: [t for t in takes if t.status.get("phase") == "Canary"],
        60,
        lambda: "none starts",
    )
    wins[locks[0].name] += 1
    winner, loser = sorted(rollouts, key=lambda r: -wins[r.name])
    winner.reach("Canary", "Judging")
    assert {holder(lease) for lease in world.locks().values()} == {winner.uid}
    loser.says(f"held by rollout {winner.name}")
    assert loser.status["phase"] == "Pending"
