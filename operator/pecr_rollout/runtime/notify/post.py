"""The post: letters are delivered in the background, each until every receiver has taken it."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Final
from weakref import WeakValueDictionary

from pecr_rollout.runtime import logs
from pecr_rollout.runtime.notify.letter import Letter
from pecr_rollout.runtime.notify.receivers import (
    MOST_RECEIVERS,
    prepare,
    read_urls,
    send,
)
from pecr_rollout.runtime.queue import Key

MOST_LETTERS: Final = 512
"""Letters under way at once; further ones stay in their rollout's outbox, and are offered again."""
REMEMBERED: Final = 4096
"""Letters that are known to be delivered; a forgotten one would be delivered again."""
FIRST_PAUSE: Final = 1.0
LONGEST_PAUSE: Final = 300.0
"""Seconds between two tries of a letter: doubled from the first to the longest."""
NO_RECEIVER: Final = "none"

Count = Callable[[str, bool], None]
"""Told of each try: the service, and whether it took the letter."""


class Post:
    """Delivers letters; nobody waits for it.

    Each receiver is sent one letter at a time, in a thread that no other receiver needs.
    """

    def __init__(self, urls: Path, wake: Callable[[Key], None], count: Count) -> None:
        """Begin with no letter.

        Args:
            urls: file with the receivers' URLs, read for every try.
            wake: called for a rollout whose letter was delivered.
            count: told of each try.
        """
        prepare()
        self._urls, self._wake, self._count = urls, wake, count
        self._threads = ThreadPoolExecutor(MOST_RECEIVERS, thread_name_prefix="post")
        self._lanes: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._under_way: dict[str, asyncio.Task[None]] = {}
        self._delivered: OrderedDict[str, None] = OrderedDict()

    def deliver(self, letter: Letter) -> bool:
        """Take a letter on, unless it is under way; tell whether every receiver has it."""
        if letter.id in self._delivered:
            return True
        if letter.id not in self._under_way and len(self._under_way) < MOST_LETTERS:
            task = asyncio.create_task(self._deliver(letter))
            self._under_way[letter.id] = task
            task.add_done_callback(partial(self._ended, letter))
        return False

    def _ended(self, letter: Letter, task: asyncio.Task[None]) -> None:
        del self._under_way[letter.id]
        error = None if task.cancelled() else task.exception()
        if error is not None:  # only its kind is told: its text may quote a URL
            kind = type(error).__name__
            logs.LOGGER.error("%s: notifying failed by a bug: %s", letter.title, kind)

    def close(self) -> None:
        """Give up what is under way: it is in the outboxes, and the next process delivers it."""
        for task in self._under_way.values():
            task.cancel()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _deliver(self, letter: Letter) -> None:
        took: set[str] = set()
        pause = FIRST_PAUSE
        while not await self._try(letter, took):
            if time.time() + pause > letter.until:
                return  # the outbox gives it up, too, and says so
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)
        self._delivered[letter.id] = None
        if len(self._delivered) > REMEMBERED:
            self._delivered.popitem(last=False)
        self._wake(letter.rollout)

    async def _try(self, letter: Letter, took: set[str]) -> bool:
        """Send a letter to those that did not take it yet; tell whether all have it now."""
        urls = read_urls(self._urls)
        if not urls:
            self._count(NO_RECEIVER, False)
            logs.LOGGER.warning("%s: nobody to notify: the file has no URL", letter.title)
            return False
        left = [url for url in urls if url not in took]
        taken = await asyncio.gather(*(self._send(url, letter) for url in left))
        took.update(url for url, taken_it in zip(left, taken, strict=True) if taken_it)
        return all(taken)

    async def _send(self, url: str, letter: Letter) -> bool:
        async with self._lanes.setdefault(url, asyncio.Lock()):
            loop = asyncio.get_running_loop()
            service, taken = await loop.run_in_executor(self._threads, send, url, letter)
        self._count(service, taken)
        if not taken:
            logs.LOGGER.warning(
                "%s: %s did not take the notification; it is tried again", letter.title, service
            )
        return taken
