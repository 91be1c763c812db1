"""Files that are written whole or not at all."""
# pathlib would take a tenth of the guard's cold start.
# ruff: noqa: PTH103, PTH105, PTH108, PTH112, PTH116, PTH118, PTH123

import os
import stat
from collections.abc import Iterable, Mapping

from pecr_rollout.cli.problem import Refused


def write_whole(path: str, text: str) -> None:
    """Write a text so that a reader finds all of it, or what was there before.

    Raises:
        Refused: the file cannot be written.
    """
    write_all({path: text})


def write_all(texts: Mapping[str, str]) -> None:
    """Write several files: nothing is put in place before all of them are on the disk.

    Raises:
        Refused: one cannot be written; none of them is there then.
    """
    staged: dict[str, str] = {}
    path = ""
    try:
        for path, text in texts.items():
            if _is_special(path):
                _write_through(path, text)
            else:
                staged[path] = _stage(path, text)
        for path, temporary in staged.items():
            os.replace(temporary, os.path.realpath(path))
    except OSError as error:
        discard([*staged.values(), *texts])
        raise Refused(f"{path}: cannot be written: {error.strerror}") from error


def discard(paths: Iterable[str]) -> None:
    """Remove files, so that none of them is taken for a verdict. What is no plain file stays."""
    for path in paths:
        try:
            if stat.S_ISREG(os.stat(path).st_mode):
                os.unlink(os.path.realpath(path))
        except OSError:
            continue  # not there, or not ours to remove


def _is_special(path: str) -> bool:
    """Tell a terminal, pipe or device, which is written to, from a file, which is replaced."""
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        return False
    return not stat.S_ISREG(mode) and not stat.S_ISDIR(mode)


def _write_through(path: str, text: str) -> None:
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def _stage(path: str, text: str) -> str:
    target = os.path.realpath(path)
    if os.path.isdir(target):
        raise IsADirectoryError(21, "it is a folder")
    folder, name = os.path.split(target)
    os.makedirs(folder, exist_ok=True)
    temporary = os.path.join(folder, f".{name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "x", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        discard([temporary])
        raise
    return temporary
