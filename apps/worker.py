"""A process that runs the page's commands one after the other and tells how far it is.

It keeps the models that it loaded. A command is cancelled when its voice next says something; the
process goes on with the next one.
"""

from __future__ import annotations

import contextlib
import gc
import multiprocessing
import multiprocessing.connection as connections
import os
import queue
import signal
import threading
import time
from collections.abc import Callable, Iterator
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Any

from talkgen.commands.runner import APP, CommandRunner, KeepingVoice
from talkgen.pipelines.batch_workers import death, end_with
from talkgen.raster.bands import THREADS

Runner = Callable[[Any, Path], dict[str, Any]]
"""Does a task in a folder, see `CommandRunner`."""
MakeRunner = Callable[["TellingVoice"], Runner]
"""Makes, in the worker, what does its tasks; picklable."""
Message = tuple[str, str, Any]
"""What a worker says: "at", "note" or "done"; of which task; (stage, done, total), text, answer."""

MOST_KEPT = 8
"""Pipelines that stay loaded: of every command that the page has."""
TELL_S = 0.1
"""Least time between two messages of one count."""
NICE = 5
"""So much the workers stand back behind the page itself and its previews."""


class Cancelled(BaseException):
    """The visitor does not want it any more; unwinds like Ctrl-C, so nothing half-written stays."""


class TellingVoice(KeepingVoice):
    """Tells the page how far a command is, and ends it when it is cancelled.

    tell : is given the kind of a message and its content; cancelled : whether to stop
    """

    def __init__(
        self, tell: Callable[[str, Any], object], cancelled: Callable[[], bool] = lambda: False
    ) -> None:
        super().__init__(MOST_KEPT)
        self._tell = tell
        self._cancelled = cancelled
        self._text, self._done, self._total = "", 0, 0
        self._told = 0.0

    def stage(self, text: str) -> None:
        """Tell what is being done now."""
        self._heed()
        self._text, self._done, self._total = text, 0, 0
        self._at()

    def note(self, text: str) -> None:
        """Tell what was found."""
        self.stage(text)
        self._tell("note", text)

    def loaded(self, make: Callable[..., Any], **options: Any) -> Any:
        """Return `make(**options)`, or what it returned before."""
        if self.keeps(make, **options):
            self._heed()
        else:
            self.stage("loading the models")
        ready = super().loaded(make, **options)
        self._heed()
        return ready

    def expect(self, total: int) -> None:
        """Tell how many steps the running count has."""
        self._heed()
        self._total = total
        self._at()

    @contextlib.contextmanager
    def counted(self, text: str, total: int) -> Iterator[Callable[[int], None]]:
        """Give a function to call with the number of steps just done."""
        self.stage(text)
        self.expect(total)

        def step(count: int) -> None:
            self._heed()
            self._done += count
            if self._done == count or time.monotonic() - self._told > TELL_S:
                self._at()

        yield step
        self._at()

    def _at(self) -> None:
        self._told = time.monotonic()
        self._tell("at", (self._text, self._done, self._total))

    def _heed(self) -> None:
        if self._cancelled():
            raise Cancelled


def command_runner(voice: TellingVoice) -> Runner:
    """Return what runs the program's commands."""
    return CommandRunner(APP, voice)


@contextlib.contextmanager
def _deaf() -> Iterator[None]:
    """Start processes that Ctrl-C does not reach."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # else it is started on the way, and lets Ctrl-C through
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class Worker:
    """A worker as the page's process sees it.

    process : the process; pipe : where its messages come from
    """

    def __init__(self, number: int, make: MakeRunner, threads: int) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, its = context.Pipe()
        self._sending = threading.Lock()
        self.process = context.Process(
            target=_work, args=(its, make, threads), name=f"talkgen-worker-{number}", daemon=True
        )
        with _deaf():  # Ctrl-C may come before it can ignore it
            self.process.start()
        its.close()

    def do(self, name: str, task: Any, place: Path) -> None:
        """Give it a task."""
        self._send(("do", name, task, place))

    def cancel(self, name: str) -> None:
        """Ask it to give a task up, if that is the one it is at."""
        self._send(("cancel", name))

    def messages(self) -> Iterator[Message]:
        """Yield what it has said since; EOFError when it has died."""
        while self.pipe.poll():
            yield self.pipe.recv()

    def died(self) -> str:
        """Return how it ended."""
        self.process.join(5)
        return death(self.process.exitcode)

    def kill(self) -> None:
        """End it at once."""
        self.process.kill()
        self.process.join(5)

    def close(self) -> None:
        """End it at once, for good."""
        self.kill()
        self.pipe.close()

    def _send(self, message: tuple[Any, ...]) -> None:
        with self._sending, contextlib.suppress(OSError):  # died: who listens to it sees that
            self.pipe.send(message)


def _work(pipe: Any, make: MakeRunner, threads: int) -> None:
    """Do tasks until the pipe ends: the body of a worker."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the page hears it and ends the workers
    os.environ[THREADS] = str(threads)
    with contextlib.suppress(OSError, AttributeError):
        os.nice(NICE)
    if (parent := multiprocessing.parent_process()) is not None:
        threading.Thread(target=end_with, args=(parent,), daemon=True).start()
    tasks: queue.SimpleQueue[Any] = queue.SimpleQueue()
    unwanted: set[str] = set()
    threading.Thread(target=_listen, args=(pipe, tasks, unwanted), daemon=True).start()
    name = ""
    runner = make(TellingVoice(lambda kind, what: pipe.send((kind, name, what)),
                               lambda: name in unwanted))  # fmt: skip
    while (given := tasks.get()) is not None:
        name, task, place = given
        try:
            answer = {"cancelled": True} if name in unwanted else runner(task, place)
        except Cancelled:
            answer = {"cancelled": True}
        gc.collect()  # frames and sounds of what was made
        unwanted.discard(name)
        pipe.send(("done", name, answer))


def _listen(pipe: Any, tasks: queue.SimpleQueue[Any], unwanted: set[str]) -> None:
    """Hear what the page says, a command running or not."""
    with contextlib.suppress(EOFError, OSError):
        while True:
            what, *rest = pipe.recv()
            if what == "cancel":
                unwanted.add(rest[0])
            else:
                tasks.put(tuple(rest))
    tasks.put(None)


def wait(workers: list[Worker], other: Any, timeout: float | None) -> list[Any]:
    """Return which pipes and processes of workers have something to be seen, or `other` has."""
    watched = [x for w in workers for x in (w.pipe, w.process.sentinel)]
    return connections.wait([*watched, other], timeout)
