"""Ports are handed out once, also to clusters that start at the same time."""

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
