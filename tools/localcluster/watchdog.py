"""Ends a cluster's processes when the process that started them is gone.

It is run as `python -m localcluster.watchdog STATE` with a pipe as its standard input: the pipe
ends when the other side dies, however that happens, and also when it was stopped in order.
"""

import signal
import sys
from pathlib import Path

from localcluster import processes
from localcluster.errors import LocalClusterError
from localcluster.state import StateFolder


def main() -> None:
    """Wait for the end of standard input, then end what the state file records."""
    # A Ctrl-C or a hang-up is for the other side, which ends the cluster itself if it can.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    sys.stdin.buffer.read()
    folder = StateFolder(Path(sys.argv[1]))
    try:
        state = folder.load()
    except LocalClusterError:
        return  # stopped in order
    processes.stop(list(state.processes.values()), grace=0.5)
    folder.forget()


if __name__ == "__main__":
    main()
