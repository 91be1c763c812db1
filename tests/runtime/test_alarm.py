"""The alarm ends a process, also one that was stopped when it ran out, before anything else."""

import os
import signal
import subprocess
import sys
import time

CHILD = """
import os, signal, sys
from pecr_rollout.runtime import alarm
alarm.prepare()
alarm.wind(0.2)
{then}
print("went on")
"""
ALARM = 14


def child(then: str) -> subprocess.Popen[str]:
    program = [sys.executable, "-c", CHILD.format(then=then)]
    return subprocess.Popen(program, stdout=subprocess.PIPE, text=True)


def test_a_stopped_process_never_comes_to_itself() -> None:
    with child("os.kill(os.getpid(), signal.SIGSTOP)") as process:
        os.waitid(os.P_PID, process.pid, os.WSTOPPED)
        time.sleep(0.3)  # until the alarm has run out
        process.send_signal(signal.SIGCONT)
        said, _ = process.communicate(timeout=10)
    assert (process.returncode, said) == (ALARM, "")


def test_a_busy_process_is_ended() -> None:
    with child("while True: pass") as process:
        assert process.wait(timeout=10) == ALARM


def test_an_alarm_that_was_wound_off_does_nothing() -> None:
    with child("alarm.wind(0); signal.sigtimedwait([], 0.4)") as process:
        said, _ = process.communicate(timeout=10)
    assert (process.returncode, said) == (0, "went on\n")
