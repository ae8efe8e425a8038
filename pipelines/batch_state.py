"""What a batch remembers in its folder: which job made what, of what, and how long it took.

    DIR/.talkgen-batch/jobs/NAME.json   what a job made, and the key of what it was made of
                       work/            what is being made, a folder a job and attempt
                       digests.json     SHA-256 of inputs, by path, size and time of change
                       log.jsonl        a line for each job that was done or failed
                       run.lock, worker-N.lock

A job's files are made in `work` and moved to their places when the job is done, then its record is
written: killed at any moment, a run leaves whole files only, and the next one does what lacks.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from talkgen import hub
from talkgen.errors import CheckpointError, InputError, OutputError
from talkgen.hub import sha256
from talkgen.io.output import make_folder, output_error, whole_file

STATE = ".talkgen-batch"
SUMMARY = "summary.csv"


class Digests:
    """SHA-256 of files, remembered by path, size and time of change."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._known: dict[str, list[Any]] = {}
        if path is not None and path.is_file():
            try:
                self._known = json.loads(path.read_text("utf-8"))
            except ValueError:
                self._known = {}

    def of(self, path: Path) -> str:
        """Return the digest of a file, or of all files of a folder."""
        if path.is_dir():
            inside = sorted(p for p in path.rglob("*") if p.is_file())
            parts = [f"{p.relative_to(path).as_posix()} {self.of(p)}" for p in inside]
            return hashlib.sha256("\n".join(parts).encode()).hexdigest()
        stat = path.stat()
        known = self._known.get(str(path))
        if known is None or known[:2] != [stat.st_size, stat.st_mtime_ns]:
            known = self._known[str(path)] = [stat.st_size, stat.st_mtime_ns, sha256(path)]
        return str(known[2])

    def save(self) -> None:
        """Write what is known, for the next run."""
        if self._path is not None:
            with whole_file(self._path) as part:
                part.write_text(json.dumps(self._known), "utf-8")


def inside(folder: Path, name: str) -> str:
    """Return `name`, a path relative to `folder`, with slashes; raise InputError where it would
    leave the folder or meet the batch's own files."""
    posix, windows = PurePosixPath(name.replace("\\", "/")), PureWindowsPath(name)
    if not name.strip() or "\0" in name or not posix.name:
        raise InputError(f"output {name!r} is no file name")
    if posix.name.startswith(".") and posix.name != "..":
        raise InputError(f"output {name!r} is a hidden file; give a name without the dot")
    if posix.is_absolute() or windows.drive or windows.root or ".." in posix.parts:
        raise InputError(f"output {name!r} leaves the batch's folder; give a path below it")
    home = folder.resolve()
    real = (home / Path(*posix.parts)).parent.resolve()
    if not real.is_relative_to(home):
        raise InputError(f"output {name!r} leaves the batch's folder by a link; give another path")
    within = (real / posix.name).relative_to(home)
    if within.parts[0] == STATE or within.as_posix() == SUMMARY:
        raise InputError(f"output {name!r} is a file of the batch itself; give another name")
    return within.as_posix()


class StateFolder:
    """The state of a batch in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / STATE
        self.work = self.home / "work"
        self._run = uuid.uuid4().hex[:8]  # what still runs elsewhere of a killed run stays apart
        self.run_lock = self.home / "run.lock"
        make_folder(self.home / "jobs")
        self.digests = Digests(self.home / "digests.json")

    def worker_lock(self, number: int) -> Path:
        """Return the file that a worker holds as long as it lives."""
        return self.home / f"worker-{number}.lock"

    def worker_locks(self) -> list[Path]:
        """Return those of earlier runs."""
        return sorted(self.home.glob("worker-*.lock"))

    def clear_work(self) -> None:
        """Remove what killed runs left half done."""
        shutil.rmtree(self.work, ignore_errors=True)
        make_folder(self.work)

    def record(self, name: str) -> dict[str, Any] | None:
        """Return what is known of a job that was done, None where nothing is."""
        try:
            found = json.loads(self._record_path(name).read_text("utf-8"))
        except (OSError, ValueError):
            return None
        return found if isinstance(found, dict) else None

    def is_done(
        self, name: str, key: str, outputs: Sequence[str], after: Collection[str] = ()
    ) -> bool:
        """Return whether a job was done with this key, its files are as it left them, and so are
        the checkpoints that it used and what the jobs `after` which it comes have made."""
        found = self.record(name)
        if found is None or found.get("key") != key or found.get("read", {}) != self.read(after):
            return False
        if any(self.checkpoint(n) != was for n, was in found.get("checkpoints", {}).items()):
            return False
        files: Mapping[str, Any] = found.get("files", {})
        empty = found.get("empty", [])
        for out in outputs:
            there = out in empty and (self.folder / out).is_dir()
            if not there and not any(f == out or f.startswith(out + "/") for f in files):
                return False
        return all(self._unchanged(self.folder / file, about) for file, about in files.items())

    def read(self, after: Collection[str]) -> dict[str, dict[str, str]]:
        """Return the digests of what some jobs have made, by job and file."""
        files = {name: (self.record(name) or {}).get("files", {}) for name in sorted(after)}
        return {
            name: {file: about["sha256"] for file, about in made.items()}
            for name, made in files.items()
        }

    def checkpoint(self, name: str) -> str:
        """Return the digest of a checkpoint, "" where there is none."""
        try:
            return self.digests.of(hub.resolve(name))
        except (CheckpointError, OSError):
            return ""

    @staticmethod
    def _unchanged(path: Path, about: Mapping[str, Any]) -> bool:
        try:
            stat = path.stat()
        except OSError:
            return False
        if stat.st_size != about["size"]:
            return False
        return stat.st_mtime_ns == about["mtime_ns"] or sha256(path) == about["sha256"]

    def place(self, name: str, attempt: int) -> Path:
        """Return the folder in which one attempt of a job works."""
        return self.work / f"{self._run}-{name}-{attempt}"

    def begin(self, name: str, attempt: int) -> Path:
        """Return that folder, made."""
        return make_folder(self.place(name, attempt))

    def commit(self, name: str, place: Path, outputs: Sequence[str], about: dict[str, Any]) -> None:
        """Move what a job made to its place and write its record.

        Raises OutputError where a file that was to be made is not there.
        """
        lacking = [out for out in outputs if not (place / out).exists()]
        if lacking:
            raise OutputError(f"{lacking[0]!r} was not made, though nothing failed")
        empty = [o for o in outputs if (place / o).is_dir() and not any(_files(place / o))]
        for out in empty:
            make_folder(self.folder / out)
        files = {}
        try:
            for path in _files(place):
                file = inside(self.folder, path.relative_to(place).as_posix())
                digest = sha256(path)
                target = self.folder / file
                target.parent.mkdir(parents=True, exist_ok=True)
                os.replace(path, target)
                stat = target.stat()
                files[file] = {"size": stat.st_size, "mtime_ns": stat.st_mtime_ns, "sha256": digest}
        except OSError as error:
            raise output_error(self.folder, error) from error
        self.note(name, {**about, "files": files, "empty": empty})
        shutil.rmtree(place, ignore_errors=True)

    def note(self, name: str, about: dict[str, Any]) -> None:
        """Write a job's record."""
        with whole_file(self._record_path(name)) as part:
            part.write_text(json.dumps(about, indent=1, ensure_ascii=False), "utf-8")

    def log(self, **about: Any) -> None:
        """Add a line to the log."""
        line = json.dumps({"time": round(time.time(), 3), **about}, ensure_ascii=False)
        path = self.home / "log.jsonl"
        try:
            with path.open("a", encoding="utf-8") as file:
                file.write(line + "\n")
        except OSError as error:
            raise output_error(path, error) from error

    def _record_path(self, name: str) -> Path:
        return self.home / "jobs" / f"{name}.json"


def _files(folder: Path) -> Iterator[Path]:
    """Yield the files below a folder, without hidden ones that a writer may have left."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.name.startswith("."):
            yield path
