"""Whose the files of the server are: a visitor sees what they uploaded and what was made for them.

All of them lie below one folder, the root:

    root/made/<visitor>/...   what the commands made for a visitor
    root/<hash>/<name>        what was uploaded, and what Gradio keeps of shown pictures; the same
                              content has the same place, so a file may have several owners
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from talkgen.errors import InputError

FRESH_S = 60.0
"""How long a file counts as just used."""
MADE = "made"
"""Folder below the root with a folder for each visitor."""


class Files:
    """Knows the owners of the files below a root. Safe to use from several threads.

    root : the folder; its name occurs in the path of every file of the server
    """

    def __init__(self, root: Path) -> None:
        self.root = Path(os.path.realpath(root))
        self._owners: dict[str, set[str]] = {}
        self._public: set[str] = set()
        self._wrong: dict[str, str] = {}
        self._lock = threading.Lock()

    def publish(self) -> None:
        """Let every visitor have all files that are there now: those of the page itself."""
        made = self.root / MADE
        every = [p for p in self.root.rglob("*") if made not in p.parents and p.is_file()]
        found = {os.path.realpath(p) for p in every if not p.name.startswith(".")}
        with self._lock:
            self._public |= found

    def give(self, visitor: str, path: str | os.PathLike[str]) -> None:
        """Let a visitor have a file; what is not below the root is passed over."""
        real = os.path.realpath(path)
        if self._inside(real) and not self.is_public(real):
            with self._lock:
                self._owners.setdefault(real, set()).add(visitor)

    def may(self, visitor: str, path: str | os.PathLike[str]) -> bool:
        """Return whether a visitor may have a file, be it there or not."""
        if "\0" in (text := os.fspath(path)) or not os.path.isabs(text):
            return False
        real = os.path.realpath(text)
        if not self._inside(real):
            return False
        if real.startswith(os.path.join(self.root, MADE, visitor) + os.sep):
            return True
        with self._lock:
            return real in self._public or visitor in self._owners.get(real, ())

    def is_gone(self, path: str | os.PathLike[str]) -> bool:
        """Return whether a file was perhaps here once, and is nobody's now: swept, most likely."""
        if "\0" in (text := os.fspath(path)) or not os.path.isabs(text):
            return False
        real = os.path.realpath(text)
        made = str(self.root / MADE)
        return self._inside(real) and not real.startswith(made) and not os.path.lexists(real)

    def refuse(self, path: str | os.PathLike[str], why: str) -> None:
        """Empty an uploaded file that is no good; `wrong` then says why, in one line."""
        real = os.path.realpath(path)
        if self._inside(real) and not self.is_public(real):
            os.truncate(real, 0)
            with self._lock:
                self._wrong[real] = why

    def wrong(self, path: str | os.PathLike[str]) -> str | None:
        """Return why a file was refused, None if it was not."""
        with self._lock:
            return self._wrong.get(os.path.realpath(path))

    def own(self, visitor: str) -> Iterator[Path]:
        """Yield the files below the root that a visitor has."""
        with self._lock:
            listed = [path for path, owners in self._owners.items() if visitor in owners]
        yield from (Path(path) for path in listed)
        yield from (p for p in (self.root / MADE / visitor).rglob("*") if p.is_file())

    def num_bytes(self, visitor: str | None = None) -> int:
        """Return the bytes of a visitor's files, of all files for None."""
        total = 0
        for path in self.root.rglob("*") if visitor is None else self.own(visitor):
            try:
                total += path.stat().st_size
            except OSError:
                continue  # just removed
        return total

    def real(self, path: str | os.PathLike[str]) -> Path:
        """Return where a file below the root lies."""
        return Path(os.path.realpath(path))

    def forget(self, path: str | os.PathLike[str]) -> None:
        """Remove a file and who owns it; those of the page itself stay."""
        real = os.path.realpath(path)
        with self._lock:
            if real in self._public or not self._inside(real):
                return
            self._owners.pop(real, None)
            self._wrong.pop(real, None)
        Path(real).unlink(missing_ok=True)

    def is_public(self, path: str | os.PathLike[str]) -> bool:
        """Return whether a file belongs to the page itself."""
        with self._lock:
            return os.path.realpath(path) in self._public

    def checked(self, visitor: str, path: str | os.PathLike[str]) -> Path:
        """Return the file itself if the visitor may have it and it is there and good.

        Raises InputError. It does not tell whose a file is, nor whether another's is there.
        """
        name = Path(path).name[:100]
        if not self.may(visitor, path) or not (real := Path(os.path.realpath(path))).is_file():
            raise InputError(f"no such file: {name!r}; files are kept for some hours, upload again")
        if why := self.wrong(real):
            raise InputError(why)
        if time.time() - real.stat().st_mtime > FRESH_S:
            with contextlib.suppress(OSError):
                os.utime(real)  # it is used, so it stays
        return real

    def _inside(self, real: str) -> bool:
        return real.startswith(str(self.root) + os.sep)
