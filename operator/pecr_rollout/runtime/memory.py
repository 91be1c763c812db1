"""How the process keeps memory: thousands of rollouts stay, and large answers come and go."""

import ctypes
import gc
from contextlib import suppress
from typing import Final

GARBAGE: Final = (10_000, 10, 5)
"""New objects after which a collection looks at them (by default 700), how many such collections
make one look at older ones, and how many of those one at all. The last bounds what requests leave
that fail slowly: errors that hold each other through their tracebacks, 40 KiB a reconcile."""
LARGE: Final = 128 * 1024
"""Bytes from which on memory is taken from the system and given back by itself."""
_MMAP_THRESHOLD: Final = -3
_ARENA_MAX: Final = -8
"""Both from mallopt(3)."""


def economise() -> None:
    """Look for garbage less often, and give back what an answer took.

    What was imported stays, and collections leave it out: they were a quarter of a restart. By
    default the C library keeps a hole for the largest answer that each thread ever read.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GARBAGE)
    with suppress(AttributeError, OSError):  # a C library without it
        libc = ctypes.CDLL(None)
        libc.mallopt(_MMAP_THRESHOLD, LARGE)
        libc.mallopt(_ARENA_MAX, 1)
