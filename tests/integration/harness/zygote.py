"""Starts operators as processes of their own, without importing everything anew for each.

`python zygote.py` imports the operator once, then forks a child for every line on its standard
input: `{"arguments": [...], "environment": {...}, "log": path, "ahead": seconds}`. A child is
`pecr-rollout` with these arguments, in a session of its own, its wall clock ahead of the true one.
Imports cost two to five seconds of a core; a suite that starts the operator two hundred times would
spend its time there.

It answers each line with one line: the child's pid, or with `{"wait": pid}` its exit status.
"""

import ctypes
import json
import os
import signal
import sys
import time
import traceback

import pecr_rollout.cli.app
import pecr_rollout.runtime.main  # noqa: F401 - what a child would import
from pecr_rollout.cli.main import run

DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG


def main() -> None:
    _answer("ready")
    for line in sys.stdin:
        asked = json.loads(line)
        _answer(_wait(asked["wait"]) if "wait" in asked else _fork(asked))


def _answer(what: object) -> None:
    sys.stdout.write(f"{what}\n")
    sys.stdout.flush()


def _wait(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _fork(asked: dict) -> int:
    pid = os.fork()
    if pid:
        return pid
    try:
        _become(asked)
    except Exception:  # noqa: BLE001
        traceback.print_exc()  # into the child's log, where tests look for it
    finally:
        os._exit(70)  # never back into the zygote's loop


def _become(asked: dict) -> None:
    os.setsid()
    ctypes.CDLL(None).prctl(DIE_WITH_PARENT, signal.SIGKILL)
    log = os.open(asked["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(source, target)
    os.environ.clear()
    os.environ.update(asked["environment"])
    if asked["ahead"]:
        right = time.time
        time.time = lambda: right() + asked["ahead"]
    status = run(asked["arguments"])
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


main()
