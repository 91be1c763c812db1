"""What large answers took is given back, and collections leave out what stays."""

import subprocess
import sys

GROWTH = """
import resource, sys
from pathlib import Path
from pecr_rollout.runtime.memory import economise

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()

if sys.argv[1] == "economise":
    economise()
bytearray(24 << 20)  # after it the C library takes as much from its heap, by default
before, kept = resident(), []
for size in range(23, 2, -1):
    answer = bytearray(b"x") * (size << 20)
    kept.append(bytearray(4000))  # what is made of an answer lies behind it
    del answer
print(resident() - before)
"""
ECONOMISED = """
import gc
from pecr_rollout.runtime.memory import economise
economise()
print(gc.get_freeze_count() > 1000, gc.get_threshold()[0])
"""
OUTAGE = """
import gc
from collections import deque
from pecr_rollout.runtime.memory import economise
economise()
most, waiting = 0, deque(maxlen=100_000)
for number in range(2_000_000):  # each waits long enough to be old when it fails
    error = []
    error.append(error)
    waiting.append(error)
    if number % 50_000 == 0:
        most = max(most, len(gc.get_objects()))
print(most)
"""


def run(script: str, *arguments: str) -> str:
    command = [sys.executable, "-c", script, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_what_an_answer_took_is_given_back() -> None:
    kept, given_back = (int(run(GROWTH, how)) for how in ("as it is", "economise"))
    assert given_back < 2 << 20
    assert given_back < kept / 2, "a C library that gives back by itself needs no help"


def test_collections_leave_out_what_was_imported() -> None:
    assert run(ECONOMISED) == "True 10000"


def test_what_failed_slowly_does_not_pile_up() -> None:
    """It did: an outage of both servers took 100 KiB more each minute for a rollout."""
    assert int(run(OUTAGE)) < 800_000
