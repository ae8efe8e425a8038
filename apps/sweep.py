"""Files that nobody used for some hours are removed, and folders of servers that are no more."""

from __future__ import annotations

import contextlib
import logging
import os
import shutil
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, TextIO

from talkgen.apps.files import MADE, Files

log = logging.getLogger("talkgen")

PREFIX = "talkgen-demo-"
"""What the folder of a server begins with, below the temporary folder."""
LOCK = ".lock"
"""A file in it that is locked as long as the server lives."""
EVERY_S = 300.0
BEGINS_S = 30.0
"""How young a folder is whose server may not have locked it yet."""
BROKEN_S = 3600.0
"""How long a piece of an upload that broke off stays."""


def new_root(parent: Path | None = None) -> tuple[Path, TextIO]:
    """Return a new folder that only this user can enter, and its lock: close that at the end."""
    root = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
    return root, _locked(root)


def hold(root: Path) -> TextIO:
    """Return the lock of a folder that is there; raise BlockingIOError where a server has it."""
    return _locked(root)


def remove_abandoned(parent: Path | None = None) -> list[Path]:
    """Remove the folders of servers that ended without doing so; return them."""
    gone = []
    for root in sorted(Path(parent or tempfile.gettempdir()).glob(f"{PREFIX}*")):
        with contextlib.suppress(OSError):  # another user's, or a server lives there
            state = root.lstat()
            if root.is_symlink() or state.st_uid != getattr(os, "getuid", lambda: 0)():
                continue
            if time.time() - state.st_mtime < BEGINS_S:
                continue  # perhaps it has no lock yet
            with _locked(root):
                shutil.rmtree(root)
            gone.append(root)
    return gone


def sweep(files: Files, keep_s: float, jobs: Any = None) -> int:
    """Remove files that nobody used for `keep_s` seconds, and jobs as old; return how many.

    Reading is use as far as the file system notes it, changing is; what the page itself shows
    stays.
    """
    count = 0 if jobs is None else jobs.sweep(keep_s)
    now = time.time()
    made = files.root / MADE
    for path in list(files.root.rglob("*")):
        with contextlib.suppress(OSError):
            if path.name == LOCK or path.is_symlink() or not path.is_file():
                continue
            state = path.stat()
            age = now - _used(state)
            is_piece = path.parent == files.root and path.name.startswith("tmp")
            limit = min(keep_s, BROKEN_S) if is_piece else keep_s
            if age > limit and not files.is_public(path) and not _is_live(path, made, jobs):
                files.forget(path)
                count += 1
    for folder in sorted((p for p in files.root.rglob("*") if p.is_dir()), reverse=True):
        with contextlib.suppress(OSError):
            if folder != made and now - folder.stat().st_mtime > keep_s:
                folder.rmdir()  # only where it is empty
    return count


class Sweeper:
    """Sweeps now and then in a thread of its own, from `start` to `close`."""

    def __init__(self, files: Files, keep_s: float, jobs: Any = None) -> None:
        self._files, self._keep_s, self._jobs = files, keep_s, jobs
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="talkgen-sweep", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """End."""
        self._end.set()
        if self._thread.is_alive():
            self._thread.join(5)

    def _run(self) -> None:
        while not self._end.wait(min(EVERY_S, self._keep_s / 4)):
            try:
                sweep(self._files, self._keep_s, self._jobs)
            except Exception:  # one sweep may fail; the server goes on
                log.warning("files could not be swept", exc_info=True)


def _used(state: os.stat_result) -> float:
    """Return when a file was used last."""
    return max(state.st_atime, state.st_mtime, state.st_ctime)


def _is_live(path: Path, made: Path, jobs: Any) -> bool:
    """Return whether a file belongs to a job that is not over."""
    if jobs is None or made not in path.parents:
        return False
    parts = path.relative_to(made).parts
    running = [job for job in jobs.of(parts[0]) if job.state in ("waiting", "working")]
    return any(job.folder in path.parents for job in running)


def _locked(root: Path) -> TextIO:
    """Return the lock file of a folder, locked; raise OSError where another process has it."""
    lock = (root / LOCK).open("a")
    try:
        import fcntl
    except ImportError:  # Windows: an open file cannot be removed there
        return lock
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        raise
    return lock
