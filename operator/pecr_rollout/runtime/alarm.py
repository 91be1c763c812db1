"""A dead man's switch: the kernel ends this process, unless it is wound up again in time.

A process that was stopped goes on in the middle of what it did, be it between asking whether it may
still write and writing. A timer's signal is delivered before that: it runs out while the process is
stopped, and a handler in C runs before anything else does. (The default action would not do: the
kernel does not apply it to process 1 of a container.)
"""

import ctypes
import signal


def prepare() -> None:
    """Let the alarm end the process: `_exit`, called with the signal's number as its status."""
    libc = ctypes.CDLL(None)
    libc.signal.restype = ctypes.c_void_p
    libc.signal(signal.SIGALRM, ctypes.cast(libc["_exit"], ctypes.c_void_p))


def wind(seconds: float) -> None:
    """Have the process ended in some seconds; 0: never."""
    signal.setitimer(signal.ITIMER_REAL, seconds)
