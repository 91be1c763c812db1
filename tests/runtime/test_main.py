"""The end of the process."""

import asyncio
import signal

from pecr_rollout.runtime.main import _unhandle_signals


async def test_a_further_signal_ends_the_process_at_once_and_says_nothing():
    """In the middle of the loop's end its handlers have nothing to write to, and say so."""
    before = {told: signal.getsignal(told) for told in (signal.SIGINT, signal.SIGTERM)}
    try:
        for told in before:
            asyncio.get_running_loop().add_signal_handler(told, print)
        _unhandle_signals()
        assert {signal.getsignal(told) for told in before} == {signal.SIG_DFL}
        assert signal.set_wakeup_fd(-1) == -1
    finally:
        for told, handler in before.items():
            signal.signal(told, handler)
