"""Fixtures of the guard's tests."""

from pathlib import Path

import pytest

from guard.harness import Guard


@pytest.fixture
def guard(tmp_path: Path) -> Guard:
    """Give a guard with healthy input files."""
    return Guard(tmp_path)
