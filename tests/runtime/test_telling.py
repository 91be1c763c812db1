"""Telling Events: what the API server does not take stays on record, and is not asked at once."""

from typing import Any

import pytest

from cluster.builders import rollout, rollout_body
from pecr_rollout.api.status import Message, Status
from pecr_rollout.cluster.errors import AlreadyExistsError, UnavailableError
from pecr_rollout.runtime import telling
from pecr_rollout.runtime.telling import TRY_AGAIN, Teller
from runtime.conftest import knowing


class Events:
    """Takes Events, each name once; fails where it is told to."""

    def __init__(self) -> None:
        self.notes: dict[str, str] = {}
        self.asked = 0
        self.failing = False

    async def create(self, _: object, body: dict[str, Any], **_more: bool) -> None:
        self.asked += 1
        if self.failing:
            raise UnavailableError("the API server does not answer")
        name = body["metadata"]["name"]
        if name in self.notes:
            raise AlreadyExistsError(name)
        self.notes[name] = body["note"]


def message(key: str) -> Message:
    return Message(key=key, at="2026-01-01T00:00:00Z", reason="Told", message=f"about {key}")


THERE = rollout().model_copy(update={"status": Status(outbox=[message("a"), message("b")])})


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [0.0]
    monkeypatch.setattr(telling.time, "monotonic", lambda: now[0])
    return now


async def test_each_is_an_event_and_a_repeat_is_none() -> None:
    events = Events()
    teller = Teller(events)
    assert (await teller.tell(THERE)).events == {"a", "b"}
    assert (await Teller(events).tell(THERE)).events == {"a", "b"}, "it has been told"
    assert sorted(events.notes.values()) == ["about a", "about b"]


async def test_an_empty_outbox_asks_for_nothing() -> None:
    events = Events()
    told = await Teller(events).tell(rollout())
    assert not told.events
    assert not told.owner
    assert events.asked == 0


async def test_what_fails_is_tried_again_after_a_while(clock: list[float]) -> None:
    events = Events()
    teller = Teller(events)
    events.failing = True
    assert not (await teller.tell(THERE)).events
    assert events.asked == 1, "the others wait, too"
    events.failing = False
    clock[0] = TRY_AGAIN - 1
    assert not (await teller.tell(THERE)).events
    assert events.asked == 1
    clock[0] = TRY_AGAIN
    assert (await teller.tell(THERE)).events == {"a", "b"}


async def test_the_last_words_of_a_rollout_that_is_gone_are_told() -> None:
    events = Events()
    reconciler = knowing(events)
    body = rollout_body()
    body["status"] = {"outbox": [message("last").model_dump(mode="json", exclude_none=True)]}
    await reconciler.tell_last(body)
    assert list(events.notes.values()) == ["about last"]
    del body["spec"]["target"]
    await reconciler.tell_last(body)  # one that cannot be read says nothing, and raises nothing
