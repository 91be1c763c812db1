"""The table and the plot, from the results of all sizes."""

from pathlib import Path


def write(results: Path, docs: Path) -> None:
    """Later."""
