"""Ports are handed out once, also to clusters that start at the same time; who is held is."""

import signal
import sys

import pytest

from localcluster import processes
from localcluster.errors import LocalClusterError


def test_two_that_start_together_get_other_ports(monkeypatch):
    monkeypatch.setattr(processes, "_PORTS", range(19900, 19908))
    first, kept = processes.free_ports(4)
    with kept:
        second, others = processes.free_ports(3)
        with others:
            assert not set(first) & set(second)
            with pytest.raises(LocalClusterError, match="No 4 free ports"):
                processes.free_ports(4)


def test_what_is_not_kept_any_more_is_free(monkeypatch):
    monkeypatch.setattr(processes, "_PORTS", range(19908, 19912))
    first, kept = processes.free_ports(4)
    kept.close()
    again, kept = processes.free_ports(4)
    kept.close()
    assert sorted(first) == sorted(again)


def test_who_is_held_has_stopped_with_every_thread(tmp_path):
    """A signal that was only sent let Prometheus answer one more query."""
    threads = "import threading, time; [threading.Thread(target=time.sleep, args=(60,)).start()"
    command = [sys.executable, "-c", f"{threads} for _ in range(8)]"]
    record = processes.start(command, tmp_path / "log", {})
    try:
        assert processes.wait_until(lambda: len(processes._states(record.pid)) == 9, 10)
        assert processes.hold(record)
        assert processes._states(record.pid) == ["T"] * 9
        processes.send(record, signal.SIGCONT)
        assert processes.wait_until(lambda: "T" not in processes._states(record.pid), 10)
    finally:
        processes.stop([record], 0.0)
