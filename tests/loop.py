"""An event loop that ends with nothing open: what a test leaves behind fails that test, no other.

aiohttp does not wait until the connection of a request that was given up is closed (with TLS both
ends take part), not even when the session is closed. A loop that ends then leaves a socket, which
the garbage collector finds in the middle of some later test.
"""

import asyncio
import selectors
import time

PATIENCE = 5.0


class TidyLoop(asyncio.SelectorEventLoop):
    """Closes when its last connection has."""

    def __init__(self) -> None:
        self._watched = selectors.DefaultSelector()
        super().__init__(self._watched)
        # Its own: the pipe by which other threads and signals wake it.
        self._own = set(self._watched.get_map())

    def close(self) -> None:
        """Wait for what is being closed.

        Raises:
            RuntimeError: something is open still after `PATIENCE` seconds.
        """
        if self.is_closed():
            return
        limit = time.monotonic() + PATIENCE
        while (left := set(self._watched.get_map()) - self._own) and time.monotonic() < limit:
            self.run_until_complete(asyncio.sleep(0.001))
        # A socket is no longer watched one turn before it is closed.
        self.run_until_complete(asyncio.sleep(0))
        super().close()
        if left:
            raise RuntimeError(f"a test left files or connections open: {sorted(left)}")
