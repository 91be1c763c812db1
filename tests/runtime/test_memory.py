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
print(gc.get_freeze_count() > 1000, *gc.get_threshold())
"""


def run(script: str, *arguments: str) -> str:
    command = [sys.executable, "-c", script, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_what_an_answer_took_is_given_back() -> None:
    kept, given_back = (int(run(GROWTH, how)) for how in ("as it is", "economise"))
    assert given_back < 2 << 20
    assert given_back < kept / 2, "a C library that gives back by itself needs no help"


def test_collections_leave_out_what_was_imported() -> None:
    assert run(ECONOMISED) == "True 10000 10 50"
