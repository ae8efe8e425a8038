"""A file that one process at a time holds; the system lets go of it when that process ends."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from talkgen.io.output import output_error

POLL_S = 0.05


@contextmanager
def held(path: Path, wait_s: float = 0.0) -> Iterator[bool]:
    """Give whether the lock was had within `wait_s` seconds; it is let go when the block is done.

    The file holds the number of the process that has, or had, the lock.
    """
    try:
        file = path.open("a+")
    except OSError as error:
        raise output_error(path, error) from error
    with file:
        until = time.monotonic() + wait_s
        had = _taken(file)
        while not had and time.monotonic() < until:
            time.sleep(POLL_S)
            had = _taken(file)
        if had:
            file.truncate(0)
            file.write(f"{os.getpid()}\n")
            file.flush()
        yield had


def holder(path: Path) -> str:
    """Return the number of the process that last held a lock, "" where that is not known."""
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def _taken(file: Any) -> bool:
    """Try to lock an open file, at once."""
    try:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except ImportError:  # Windows
        import msvcrt

        try:
            file.seek(0)
            getattr(msvcrt, "locking")(file.fileno(), getattr(msvcrt, "LK_NBLCK"), 1)  # noqa: B009
        except OSError:
            return False
    except OSError:
        return False
    return True
