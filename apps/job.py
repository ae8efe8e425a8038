"""What a visitor asked for: some calls in one folder, and how far they are."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import shutil
import threading
import time
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Literal

from talkgen.apps.call import Call
from talkgen.apps.pace import Pace

State = Literal["waiting", "working", "done", "failed", "cancelled"]
ENDED = ("done", "failed", "cancelled")


class Job:
    """Some calls, one after the other, in one folder. Made by `Jobs.submit`.

    id, visitor : of the job, and who asked for it
    folder : where its files are; calls : what is run; number : of the call that is at work
    state : "waiting", "working", "done", "failed" or "cancelled"; cancelling : soon to be that
    stage : what is being done; done, total : steps of it, total 0 where it is not known
    files : by output parameter, what has been made so far; whole files only
    notes : what was found and warned of; printed : what the commands printed, call by call
    error : why it failed, one line as the command has it; error_call : in which of the calls;
        error_at : the parameter that seems to have caused it, or None
    """

    def __init__(
        self,
        calls: Sequence[Call],
        visitor: str,
        home: Path,
        *,
        cancel: Callable[[Job], object],
        place: Callable[[Job], tuple[int, float | None]],
    ) -> None:
        self.id = secrets.token_hex(8)
        self.visitor = visitor
        self.folder = home / self.id
        self.calls = tuple(calls)
        self.number = 0
        self.state: State = "waiting"
        self.cancelling = False
        self.stage, self.done, self.total = "", 0, 0
        self.files: dict[str, Path] = {}
        self.notes: list[str] = []
        self.printed: list[str] = []
        self.error: str | None = None
        self.error_call: int | None = None
        self.error_at: str | None = None
        self.ended_at: float | None = None
        self._pace = Pace()
        self._began: float | None = None
        self._took = 0.0
        self._changes = 0
        self._over = threading.Event()
        self._cancel, self._place = cancel, place

    @property
    def call(self) -> Call:
        """The call at work, or the last one."""
        return self.calls[min(self.number, len(self.calls) - 1)]

    @property
    def ended(self) -> bool:
        """Whether nothing more will come."""
        return self.state in ENDED

    @property
    def ahead(self) -> int:
        """How many requests will be begun before this one; 0 once it is begun."""
        return self._place(self)[0] if self.state == "waiting" else 0

    @property
    def begins_in(self) -> float | None:
        """Seconds until its turn comes, as far as earlier work of the same kind tells."""
        return self._place(self)[1] if self.state == "waiting" else None

    @property
    def seconds(self) -> float:
        """How long it has been at work."""
        if self._began is None or self.ended:
            return self._took
        return time.monotonic() - self._began

    @property
    def seconds_left(self) -> float | None:
        """How long this stage will still take, None where that is not known."""
        if self.state != "working" or self.cancelling:
            return None
        return self._pace.left(self.total, time.monotonic())

    def shell(self) -> list[str]:
        """Return what a person would type to get the same, a line for each call."""
        return [call.shell(self.calls[:number]) for number, call in enumerate(self.calls)]

    def cancel(self) -> None:
        """End it, if it has not ended; what it has made stays."""
        self._cancel(self)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait in a thread until it has ended; return whether it has."""
        return self._over.wait(timeout)

    async def updates(self, every: float = 0.25) -> AsyncIterator[Job]:
        """Yield itself now and whenever something changed, each second too; last when it ended.

        every : seconds between two looks
        """
        seen, shown = -1, 0.0
        while True:
            changes, ended, now = self._changes, self.ended, time.monotonic()
            if changes != seen or now - shown >= 1.0 or ended:
                seen, shown = changes, now
                yield self
            if ended:
                return
            await asyncio.sleep(every)

    # What follows is for `Jobs` alone.

    def changed(self) -> None:
        """Let those who watch look again."""
        self._changes += 1

    def begin(self) -> None:
        """Go to work."""
        self.state, self._began = "working", time.monotonic()
        self.changed()

    def at(self, stage: str, done: int, total: int) -> None:
        """Take how far the worker is."""
        if stage != self.stage or done < self.done:
            self._pace.begin()
        self._pace.at(done, time.monotonic())
        if not self.cancelling:
            self.stage, self.done, self.total = stage, done, total
        self.changed()

    def end(self, state: State) -> None:
        """Come to an end; nothing stays in the folder but what was made."""
        self._took = self.seconds
        kept = {path.name for path in self.files.values()}
        for path in self.folder.iterdir() if self.folder.is_dir() else ():
            if path.name not in kept:
                _remove(path)
        if not kept:
            with contextlib.suppress(OSError):
                self.folder.rmdir()
                self.folder.parent.rmdir()
        self.state, self.ended_at, self._began = state, time.time(), None
        self.changed()
        self._over.set()

    def forget(self) -> None:
        """Remove its files."""
        _remove(self.folder)
        self.files = {}


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
