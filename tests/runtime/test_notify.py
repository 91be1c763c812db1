"""Messages to the rollback owner, through apprise to real receivers."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from cluster.builders import rollout
from pecr_rollout.api.status import Message, OwnerMessage, Status, instant
from pecr_rollout.runtime.metrics import Metrics
from pecr_rollout.runtime.notify import post as posting
from pecr_rollout.runtime.notify.letter import Letter, letter
from pecr_rollout.runtime.notify.post import Post
from pecr_rollout.runtime.notify.receivers import MOST_RECEIVERS, read_urls, send
from pecr_rollout.runtime.queue import Key
from pecr_rollout.runtime.telling import Teller
from runtime.receivers import TOKEN, dead, key_of, smtp, web

# apprise's own, on Python before 3.13
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

KEY = Key("ns", "rlm-engine")


def message(number: int = 1, at: float | None = None) -> Message:
    owner = OwnerMessage(
        evidence="9 of 100 requests were slow.",
        done="It writes X=false to the cohort.",
        comes_next="Once the cause is gone: kubectl annotate … pecr.dev/acknowledge=u-1-1",
    )
    return Message(
        key=f"u-1/FallbackStep/{number}",
        at=instant(time.time() if at is None else at),
        run=1,
        reason="FallbackStep",
        message="Fallback step X: p95 is over its limit.",
        warning=True,
        owner=owner,
    )


def one(number: int = 1, at: float | None = None) -> Letter:
    told = message(number, at)
    assert told.owner is not None
    return letter(rollout(), told, told.owner)


class Office:
    """A post with its file of URLs and its metrics."""

    def __init__(self, file: Path) -> None:
        self.file, self.metrics, self.woken = file, Metrics(), list[Key]()
        self.post = Post(file, self.woken.append, self.metrics.notified)

    def urls(self, *urls: str) -> None:
        self.file.write_text("\n".join(("# the team's", "", *urls)))

    def count(self, service: str, outcome: str) -> float:
        labels = {"service": service, "outcome": outcome}
        name = "pecr_rollout_notifications_total"
        return self.metrics.registry.get_sample_value(name, labels) or 0

    async def until(self, true: Callable[[], object], within: float = 20) -> None:
        async with asyncio.timeout(within):
            while not true():  # noqa: ASYNC110 - what is awaited is in threads and other ends
                await asyncio.sleep(0.01)


@pytest.fixture
async def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Office]:
    monkeypatch.setattr(posting, "FIRST_PAUSE", 0.05)
    office = Office(tmp_path / "urls")
    yield office
    office.post.close()
    office.post._threads.shutdown()


async def test_a_web_receiver_gets_all_that_was_promised(office: Office) -> None:
    with web() as receiver:
        office.urls(receiver.url)
        assert not office.post.deliver(one())
        await office.until(lambda: office.post.deliver(one()))
    (body,) = receiver.got
    assert body["title"] == "ns/rlm-engine: FallbackStep"
    assert body["type"] == "warning"
    uid = rollout().metadata.uid[:8]
    for part in (
        "What happened",
        "p95 is over its limit.",
        "Evidence: 9 of 100 requests were slow.",
        "What the operator did: It writes X=false to the cohort.",
        "kubectl annotate … pecr.dev/acknowledge=u-1-1",
        f"Rollout rlm-engine in namespace ns, run {uid}-1",
        f"{rollout().spec.rollback_owner.name} ({rollout().spec.rollback_owner.contact})",
        "Key: u-1/FallbackStep/1",
    ):
        assert part in body["message"]
    assert office.woken == [KEY]
    assert office.count("JSON", "sent") == 1


async def test_a_mail_gets_there_whole(office: Office) -> None:
    with smtp() as receiver:
        office.urls(receiver.url)
        await office.until(lambda: office.post.deliver(one()))
    (mail,) = receiver.mails
    assert mail["To"] == "oncall@example.com"
    assert mail["Subject"] == "ns/rlm-engine: FallbackStep"
    text = mail.get_body(("plain",)).get_content()
    assert "What comes next: Once the cause is gone: kubectl annotate … pecr.dev/" in text
    assert key_of(text) == "u-1/FallbackStep/1"


async def test_a_receiver_that_failed_gets_it_again_and_the_others_do_not(office: Office) -> None:
    with web() as well, web() as ill:
        ill.answer = 503
        office.urls(well.url, ill.url)
        office.post.deliver(one())
        await office.until(lambda: ill.refused >= 2)
        assert not office.post.deliver(one()), "it is not delivered before all have it"
        ill.answer = 200
        await office.until(lambda: office.post.deliver(one()))
    assert well.keys() == ill.keys() == ["u-1/FallbackStep/1"]


async def test_a_dead_receiver_holds_up_nobody_else(office: Office) -> None:
    with web() as well, dead() as silent:
        office.urls(silent, well.url)
        began = time.monotonic()
        for number in range(20):
            assert not office.post.deliver(one(number))
        await office.until(lambda: len(well.got) == 20, 3)
        assert time.monotonic() - began < 4, "the dead one's time limit is 4 s"
        office.urls(well.url)  # ends the wait for it


async def test_a_receiver_that_comes_back_does_not_wait_for_a_dead_one(office: Office) -> None:
    with web() as ill, dead() as silent:
        ill.answer = 503
        office.urls(silent, ill.url)
        for number in range(20):
            office.post.deliver(one(number))
        await office.until(lambda: ill.refused >= 20)
        ill.answer = 200
        await office.until(lambda: len(ill.got) == 20, 3)


async def test_a_changed_secret_is_used_for_what_waits(office: Office) -> None:
    with web() as old, web() as new:
        old.answer = 410
        office.urls(old.url)
        office.post.deliver(one())
        await office.until(lambda: old.refused)
        office.urls(new.url)
        await office.until(lambda: office.post.deliver(one()))
    assert new.keys() == ["u-1/FallbackStep/1"]


async def test_without_a_url_it_is_offered_again_and_says_so(office: Office) -> None:
    assert not office.post.deliver(one())
    assert office.count("none", "failed") == 1
    assert not office.post._under_way
    with web() as receiver:
        office.urls(receiver.url)
        await office.until(lambda: office.post.deliver(one()))


async def test_it_ends_when_nobody_wants_to_know_any_more(office: Office) -> None:
    office.urls("json://127.0.0.1:1/x")
    old = one(at=time.time() - 86_400)
    office.post.deliver(old)
    await office.until(lambda: not office.post._under_way)
    assert office.count("JSON", "failed") == 1
    assert not office.woken


async def test_a_letter_is_sent_once_however_often_it_is_handed_over(office: Office) -> None:
    with web() as receiver:
        office.urls(receiver.url)
        for _ in range(5):
            office.post.deliver(one())
        await office.until(lambda: office.post.deliver(one()))
        await office.until(lambda: not office.post._under_way)
        assert office.post.deliver(one())
    assert len(receiver.got) == 1


async def test_more_than_can_be_under_way_wait_in_their_outbox(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posting, "MOST_COPIES", 2)
    with web() as receiver:
        office.urls(receiver.url)
        letters = [one(number) for number in range(3)]
        assert [office.post.deliver(each) for each in letters] == [False] * 3
        await office.until(lambda: len(receiver.got) == 2 and not office.post._under_way)
        await office.until(lambda: office.post.deliver(letters[2]))


async def test_no_url_is_ever_shown(office: Office, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with web() as ill, dead() as silent:
        ill.answer = 500
        office.urls(ill.url, silent + "?rto=0.1", f"no-such-service://{TOKEN}", TOKEN)
        office.post.deliver(one())
        await office.until(lambda: office.count("unknown", "failed") >= 4)
        await office.until(lambda: office.count("JSON", "failed") >= 4)
    ours = [record.getMessage() for record in caplog.records if record.name != "urllib3"]
    assert any("JSON did not take the notification" in text for text in ours)
    shown = [r.getMessage() for r in caplog.records if r.levelno > logging.DEBUG]
    assert not [text for text in shown if TOKEN in text or "127.0.0.1" in text]
    assert "apprise" not in {record.name for record in caplog.records}


async def test_a_bug_is_told_without_its_text(
    office: Office, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(url: str, _: Letter) -> tuple[str, bool]:
        raise ValueError(url)

    monkeypatch.setattr(posting, "send", fails)
    office.urls(f"json://{TOKEN}")
    office.post.deliver(one())
    await office.until(lambda: not office.post._under_way)
    assert "notifying failed by a bug: ValueError" in caplog.text
    assert TOKEN not in caplog.text


def test_the_file_has_one_url_a_line(tmp_path: Path) -> None:
    file = tmp_path / "urls"
    assert read_urls(file) == ()
    file.write_text("# ours\n\n json://a \njson://b\njson://a\n")
    assert read_urls(file) == ("json://a", "json://b")
    file.write_bytes(b"\xff\xfe")
    assert read_urls(file) == ()
    file.write_text("\n".join(f"json://{n}" for n in range(99)))
    assert len(read_urls(file)) == MOST_RECEIVERS


def test_a_receiver_that_apprise_does_not_know_takes_nothing() -> None:
    assert send(TOKEN, one()) == ("unknown", False)


async def test_without_receivers_the_owner_need_not_be_told() -> None:
    waits = message().model_copy(update={"event": False})
    there = rollout().model_copy(update={"status": Status(outbox=[waits])})
    told = await Teller(None).tell(there)
    assert told.owner == {waits.key}
    assert told.events == frozenset()
