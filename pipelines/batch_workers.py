"""Workers: processes that each load the models once and do one job after the other.

A worker that dies takes only its job along, which is then done by a new one. Workers whose parent
is gone, killed or not, end at once.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import multiprocessing.connection as connections
import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from talkgen.io.lock import held
from talkgen.raster.bands import THREADS, cores

Runner = Callable[[Any, Path], dict[str, Any]]
"""Does a task in a folder; returns what is to be known of it, with "error" where it failed."""

START_S = 120.0


@dataclass(frozen=True)
class Done:
    """A task that came to an end.

    answer : what the runner returned, None where the worker died; why : how it died
    """

    name: str
    attempt: int
    answer: dict[str, Any] | None
    worker: str
    seconds: float
    why: str = ""


class Pool(Protocol):
    """What does tasks, several at a time."""

    size: int

    def free(self) -> int:
        """Return how many more tasks are taken now."""

    def submit(self, name: str, attempt: int, task: Any, place: Path) -> None:
        """Take a task."""

    def wait(self) -> list[Done]:
        """Return tasks that ended, one at least."""

    def close(self) -> None:
        """End all workers, at once."""


@dataclass
class _Worker:
    number: int
    process: Any
    pipe: Any
    job: tuple[str, int] | None = None
    since: float = 0.0


class ProcessPool:
    """Workers on this machine.

    runner : what does the tasks, a picklable callable; size : how many workers
    locks : worker number to the file that it holds as long as it lives
    """

    def __init__(self, runner: Runner, size: int, locks: Callable[[int], Path]) -> None:
        self.size = size
        self._runner = runner
        self._locks = locks
        self._context = multiprocessing.get_context("spawn")
        self._threads = max(1, cores() // size)
        self._workers: dict[int, _Worker] = {}
        self._numbers = iter(range(1, 1_000_000))

    def free(self) -> int:
        """Return how many more tasks are taken now."""
        return self.size - sum(w.job is not None for w in self._workers.values())

    def submit(self, name: str, attempt: int, task: Any, place: Path) -> None:
        """Give a task to a worker; a new one is started where none is idle."""
        idle = next((w for w in self._workers.values() if w.job is None), None)
        worker = idle or self._started()
        worker.job, worker.since = (name, attempt), time.monotonic()
        with contextlib.suppress(OSError):  # died while idle: `wait` sees it
            worker.pipe.send((task, place))

    def wait(self) -> list[Done]:
        """Return tasks that ended, one at least; dead workers are cleared away."""
        out: list[Done] = []
        while not out:
            busy = [w for w in self._workers.values() if w.job is not None]
            found = connections.wait([x for w in busy for x in (w.pipe, w.process.sentinel)])
            for worker in busy:
                if worker.pipe in found or worker.process.sentinel in found:
                    out.append(self._ended(worker))
        return out

    def _ended(self, worker: _Worker) -> Done:
        answer, why = None, ""
        try:
            answer = worker.pipe.recv() if worker.pipe.poll() else None
        except (EOFError, OSError):
            answer = None
        name, attempt = worker.job or ("", 0)
        worker.job = None
        if answer is None:
            worker.process.join(5)
            why = death(worker.process.exitcode)
            worker.pipe.close()
            del self._workers[worker.number]
        seconds = time.monotonic() - worker.since
        return Done(name, attempt, answer, f"process {worker.process.pid}", seconds, why)

    def close(self) -> None:
        """End all workers, at once."""
        for worker in self._workers.values():
            worker.process.kill()
        for worker in self._workers.values():
            worker.process.join(5)
            worker.pipe.close()
        self._workers.clear()

    def _started(self) -> _Worker:
        number = next(self._numbers)
        mine, its = self._context.Pipe()
        process = self._context.Process(
            target=_work, args=(its, self._runner, self._locks(number), self._threads),
            name=f"talkgen-worker-{number}", daemon=True,
        )  # fmt: skip
        process.start()
        its.close()
        self._workers[number] = _Worker(number, process, mine)
        return self._workers[number]


def _work(pipe: Any, runner: Runner, lock: Path, threads: int) -> None:
    """Do tasks until the pipe ends: the body of a worker."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent hears it and ends the workers
    os.environ[THREADS] = str(threads)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=end_with, args=(parent,), daemon=True).start()
    with held(lock, wait_s=START_S):
        while True:
            try:
                task, place = pipe.recv()
            except (EOFError, OSError):
                return
            pipe.send(runner(task, place))


def end_with(parent: Any) -> None:
    """End this process as soon as its parent has ended."""
    connections.wait([parent.sentinel])
    os._exit(1)


def death(code: int | None) -> str:
    """Return how a process died, by its exit code."""
    if code is not None and code < 0:
        names = {s.value: s.name for s in signal.Signals}
        name = names.get(-code, f"signal {-code}")
        more = ", perhaps for lack of memory" if name == "SIGKILL" else ""
        return f"the worker was ended by {name}{more}"
    return f"the worker ended with code {code}"
