"""The post: letters are delivered in the background, each to every receiver, until all have it."""

import asyncio
import time
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

MOST_COPIES: Final = 512
"""Copies under way at once; what is more stays in its rollout's outbox, and is offered again."""
REMEMBERED: Final = 4096
"""Letters of which it is known who has them; a forgotten one would be delivered again."""
FIRST_PAUSE: Final = 1.0
LONGEST_PAUSE: Final = 300.0
"""Seconds between two tries of a copy: doubled from the first to the longest."""
NO_RECEIVER: Final = "none"

Count = Callable[[str, bool], None]
"""Told of each try: the service, and whether it took the letter."""


class Post:
    """Delivers a copy of each letter to each receiver; nobody waits for it.

    A receiver is sent one copy at a time, in a thread that no other receiver needs.
    """

    def __init__(self, file: Path, wake: Callable[[Key], None], count: Count) -> None:
        """Begin with no letter.

        Args:
            file: the receivers' URLs, read again and again.
            wake: called for a rollout after each copy that was delivered.
            count: told of each try.
        """
        prepare()
        self._file, self._wake, self._count = file, wake, count
        self._threads = ThreadPoolExecutor(MOST_RECEIVERS, thread_name_prefix="post")
        self._lanes: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._under_way: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._took: dict[str, set[str]] = {}

    def deliver(self, letter: Letter) -> bool:
        """Begin what is not under way yet; tell whether every receiver has the letter."""
        urls = read_urls(self._file)
        if not urls:
            self._count(NO_RECEIVER, False)
            logs.LOGGER.warning("%s: nobody to notify: the file has no URL", letter.title)
            return False
        left = [url for url in urls if url not in self._took.get(letter.id, ())]
        for url in left:
            self._begin(letter, url)
        return not left

    def close(self) -> None:
        """Give up what is under way: it is in the outboxes, and the next process delivers it."""
        for task in self._under_way.values():
            task.cancel()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _begin(self, letter: Letter, url: str) -> None:
        copy = (letter.id, url)
        if copy not in self._under_way and len(self._under_way) < MOST_COPIES:
            task = asyncio.create_task(self._deliver(letter, url))
            self._under_way[copy] = task
            task.add_done_callback(partial(self._ended, letter, copy))

    def _ended(self, letter: Letter, copy: tuple[str, str], task: asyncio.Task[None]) -> None:
        del self._under_way[copy]
        error = None if task.cancelled() else task.exception()
        if error is not None:  # only its kind is told: its text may quote the URL
            kind = type(error).__name__
            logs.LOGGER.error("%s: notifying failed by a bug: %s", letter.title, kind)

    async def _deliver(self, letter: Letter, url: str) -> None:
        """Send a copy until it is taken, of no use any more, or the receiver another one."""
        pause = FIRST_PAUSE
        while not await self._send(letter, url):
            if time.time() + pause > letter.until or url not in read_urls(self._file):
                return
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)
        self._took.setdefault(letter.id, set()).add(url)
        if len(self._took) > REMEMBERED:
            del self._took[next(iter(self._took))]
        self._wake(letter.rollout)

    async def _send(self, letter: Letter, url: str) -> bool:
        async with self._lanes.setdefault(url, asyncio.Lock()):
            loop = asyncio.get_running_loop()
            service, taken = await loop.run_in_executor(self._threads, send, url, letter)
        self._count(service, taken)
        if not taken:
            logs.LOGGER.warning(
                "%s: %s did not take the notification; it is tried again", letter.title, service
            )
        return taken
