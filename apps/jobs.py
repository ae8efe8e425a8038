"""All that visitors asked for: they take turns, workers do it, each may end what is theirs."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import multiprocessing
import re
import shutil
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from talkgen.apps.call import Call, written
from talkgen.apps.files import MADE
from talkgen.apps.job import Job
from talkgen.apps.line import FairLine
from talkgen.apps.pace import Usual, begins_in
from talkgen.apps.worker import MakeRunner, Worker, command_runner, wait
from talkgen.errors import InputError
from talkgen.io.output import make_folder
from talkgen.raster.bands import cores

log = logging.getLogger("talkgen")

PATIENCE_S = 3.0
"""How long a worker that shall cancel may go on before it is ended."""
ITS_SHARE = 0.5
"""So much of the waiting line may be one visitor's."""
ITS_JOBS = 30
"""So many ended jobs of a visitor are kept with their files; older ones go."""
TROUBLE_S = 1.0
"""How long nothing is tried when something went wrong that nobody's job is to blame for."""
LEAST_FREE = 500_000_000
"""Bytes of the disk that jobs leave free."""


class _Bench:
    """A worker with what it does: a job, warming up, or nothing."""

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        self.job: Job | None = None
        self.warming: list[str] = []
        self.folder: Path | None = None
        self.known: set[str] = set()
        self.deadline: float | None = None

    def cool(self) -> None:
        """Remove what warming up has made."""
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)
            self.folder = None


class Jobs:
    """Runs what visitors ask for, in worker processes that keep their models.

    root : the server's folder; files are made in `root/made/<visitor>/<job>`
    workers : how many at a time, None for half the cores; waiting : how many requests may wait
    runner : what the workers do, see `talkgen.apps.worker.MakeRunner`
    warm : calls, one after the other as those of a job, that a new worker runs for nothing, so that
        models are loaded before the first visitor asks; ended as soon as somebody does
    """

    def __init__(
        self,
        root: Path,
        *,
        workers: int | None = None,
        waiting: int = 30,
        runner: MakeRunner = command_runner,
        warm: Sequence[Call] = (),
    ) -> None:
        self.root = root
        self.workers = workers or max(1, cores() // 2)
        self.waiting = waiting
        self._runner = runner
        self._warm = tuple(warm)
        self._jobs: dict[str, Job] = {}
        self._line: FairLine[Job] = FairLine()
        self._benches: list[_Bench] = []
        self._started = 0
        self._usual = Usual()
        self._lock = threading.RLock()
        self._closing = False
        self._ears, self._bell = multiprocessing.Pipe(duplex=False)
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the workers; returns at once."""
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="talkgen-jobs", daemon=True)
                self._thread.start()

    def close(self) -> None:
        """End all jobs and workers, at once."""
        with self._lock:
            self._closing = True
            self._ring()
        if self._thread is not None:
            self._thread.join(10)
        with self._lock:
            for bench in self._benches:
                bench.worker.close()
            self._benches.clear()
            for job in self._jobs.values():
                if not job.ended:
                    job.end("cancelled")

    def submit(self, calls: Sequence[Call], visitor: str) -> Job:
        """Take what a visitor asks for: calls that run one after the other in one folder.

        A call reads what an earlier one wrote as `made("output")` (`talkgen.apps.call.made`).
        Raises InputError where a value is wrong as far as that can be told at once, or when too
        many wait already.
        """
        home = self.root / MADE / _folder_name(visitor)
        job = Job(calls, visitor, home, cancel=self._cancel, place=self._place)
        for number, call in enumerate(job.calls):
            call.task(job.folder, written(job.calls[:number]))
        with self._lock:
            if len(self._line) >= self.waiting:
                raise InputError(
                    f"{len(self._line)} requests are waiting, as many as are taken; "
                    "try again in a minute"
                )
            if (own := self._line.of(visitor)) >= max(1, round(self.waiting * ITS_SHARE)):
                raise InputError(
                    f"{own} of your requests are waiting, as many as one visitor may have; "
                    "wait for one, or cancel it"
                )
            if shutil.disk_usage(make_folder(self.root)).free < LEAST_FREE:
                raise InputError("the server's disk is full; tell who runs it, or try again later")
            make_folder(job.folder)
            self._jobs[job.id] = job
            self._line.put(job, visitor)
            self._ring()
        self._forget([one for one in self.of(visitor) if one.ended][:-ITS_JOBS])
        return job

    def of(self, visitor: str) -> list[Job]:
        """Return a visitor's jobs, the oldest first."""
        return [job for job in list(self._jobs.values()) if job.visitor == visitor]

    def get(self, name: str) -> Job | None:
        """Return a job by its id."""
        return self._jobs.get(name)

    def cancel_all(self, visitor: str) -> None:
        """End all that a visitor has asked for."""
        for job in self.of(visitor):
            job.cancel()

    def sweep(self, older_than_s: float) -> int:
        """Forget jobs that ended so many seconds ago, and remove their files; return how many."""
        with self._lock:
            before = time.time() - older_than_s
            old = [j for j in self._jobs.values() if j.ended_at is not None and j.ended_at < before]
        self._forget(old)
        return len(old)

    def pids(self) -> list[int]:
        """Return the workers' process ids."""
        with self._lock:
            return [bench.worker.process.pid for bench in self._benches]

    def is_warm(self) -> bool:
        """Return whether all workers have done their warming up, or work already."""
        with self._lock:
            return len(self._benches) == self.workers and not any(b.warming for b in self._benches)

    def _forget(self, jobs: Sequence[Job]) -> None:
        """Remove jobs that have ended, and their files."""
        with self._lock:
            gone = [job for job in jobs if self._jobs.pop(job.id, None) is not None]
        for job in gone:
            job.forget()

    def _place(self, job: Job) -> tuple[int, float | None]:
        """Return how many are begun before a job, and in how many seconds that is."""
        with self._lock:
            order = self._line.order()
            ahead = next((n for n, one in enumerate(order) if one is job), 0)
            working = [bench.job for bench in self._benches if bench.job is not None]
            rest = [(one, self._usual.of(one.calls)) for one in working]
            free = [None if usual is None else max(0.0, usual - one.seconds) for one, usual in rest]
            return ahead, begins_in(free, [self._usual.of(one.calls) for one in order[:ahead]])

    def _cancel(self, job: Job) -> None:
        with self._lock:
            if job.ended or job.cancelling:
                return
            bench = next((b for b in self._benches if b.job is job), None)
            if bench is None:
                self._line.leave(job)
                job.end("cancelled")
                self._moved()
                return
            job.cancelling = True
            job.changed()
            bench.worker.cancel(job.id)
            bench.deadline = time.monotonic() + PATIENCE_S
            self._ring()

    def _ring(self) -> None:
        """Make the thread look up."""
        with contextlib.suppress(OSError):
            self._bell.send_bytes(b"!")

    def _moved(self) -> None:
        """Those who wait have another place."""
        for job in self._line.order():
            job.changed()

    def _run(self) -> None:
        """Give out work and hear the workers: the body of the thread."""
        with contextlib.suppress(OSError), self._lock:
            for _ in range(self.workers):
                self._hire()
        while not self._closing:
            try:
                self._turn()
            except Exception:  # a full disk, no process to be had: the others go on
                log.exception("the page's jobs")
                time.sleep(TROUBLE_S)

    def _turn(self) -> None:
        """Give out work, wait until something happens, and see to it."""
        with self._lock:
            self._give_out()
            benches = list(self._benches)
            ends = [b.deadline for b in benches if b.deadline is not None]
        patience = max(0.0, min(ends) - time.monotonic()) if ends else None
        wait([b.worker for b in benches], self._ears, patience)
        while self._ears.poll():
            self._ears.recv_bytes()
        with self._lock:
            for bench in benches:
                self._look_at(bench)

    def _hire(self) -> _Bench:
        """Start a worker; raise OSError where there can be none."""
        folder = self.root / f"warm-{self._started + 1}"
        if self._warm:
            make_folder(folder)
        self._started += 1
        bench = _Bench(Worker(self._started, self._runner, max(1, cores() // self.workers)))
        self._benches.append(bench)
        bench.folder = folder if self._warm else None
        for number, call in enumerate(self._warm):
            bench.warming.append(f"{folder.name}-{number}")
            task = call.task(folder, written(self._warm[:number]))
            bench.worker.do(bench.warming[-1], task, folder)
        return bench

    def _give_out(self) -> None:
        """Give those who are next to workers that are free."""
        moved = False
        while len(self._line):
            free = [b for b in self._benches if b.job is None]
            if not free and len(self._benches) >= self.workers:
                break
            free = free or [self._hire()]
            job = self._line.take()
            moved = True
            bench = max(free, key=lambda b: (not b.warming, job.call.command in b.known))
            for name in bench.warming:
                bench.worker.cancel(name)
            bench.job = job
            job.begin()
            self._give(bench)
        if moved:
            self._moved()

    def _give(self, bench: _Bench) -> None:
        """Give a worker the next call of its job."""
        job = bench.job
        assert job is not None
        job.stage, job.done, job.total = "", 0, 0
        try:
            task = job.call.task(job.folder, written(job.calls[: job.number]))
        except InputError as error:
            self._failed(job, str(error))
            bench.job = None
            return
        bench.worker.do(job.id, task, job.folder)
        bench.known.add(job.call.command)

    def _look_at(self, bench: _Bench) -> None:
        """Hear what a worker said, see whether it lives, end it when it does not heed."""
        try:
            for kind, name, what in bench.worker.messages():
                self._heard(bench, kind, name, what)
        except (EOFError, OSError):
            self._lost(bench, bench.worker.died())
            return
        if bench.deadline is not None and time.monotonic() >= bench.deadline:
            bench.worker.kill()
            self._lost(bench, "")

    def _heard(self, bench: _Bench, kind: str, name: str, what: Any) -> None:
        job = bench.job
        if kind == "done" and name in bench.warming:
            bench.warming.remove(name)
            if not bench.warming:
                bench.cool()
        if job is None or name != job.id:
            return
        if kind == "at":
            job.at(*what)
        elif kind == "note":
            job.notes.append(what)
            job.changed()
        else:
            self._answered(bench, job, what)

    def _answered(self, bench: _Bench, job: Job, answer: Mapping[str, Any]) -> None:
        """A call of a job came to an end."""
        call = job.call
        job.notes += [note for note in answer.get("notes", ()) if note not in job.notes]
        if "trace" in answer:
            log.error("%s: %s\n%s", call.command, answer["error"], answer["trace"])
        if "error" in answer and not job.cancelling:
            self._failed(job, answer["error"])
        elif "error" in answer or answer.get("cancelled"):
            job.end("cancelled")
        else:
            self._usual.took(call, answer.get("seconds", 0.0))
            job.printed.append(answer.get("printed", ""))
            made = {name: job.folder / file for name, file in call.outputs.items()}
            job.files.update({name: path for name, path in made.items() if path.exists()})
            if job.number + 1 == len(job.calls):
                job.end("done")
            elif job.cancelling:
                job.end("cancelled")
            else:
                job.number += 1
                job.changed()
                self._give(bench)
                return
        bench.job, bench.deadline = None, None

    def _failed(self, job: Job, text: str) -> None:
        job.error, job.error_at = job.call.named(text)
        job.error_call = job.number
        job.end("failed")

    def _lost(self, bench: _Bench, why: str) -> None:
        """A worker has died; its job goes with it, another takes its place."""
        bench.worker.close()
        self._benches.remove(bench)
        bench.cool()
        job, bench.job = bench.job, None
        if job is None:
            return  # nobody is hurt; another is started when it is needed
        if job.cancelling:
            job.end("cancelled")
        else:
            self._failed(job, f"{why}; try again, or with a smaller size")
        if not self._closing:
            self._hire()


def _folder_name(visitor: str) -> str:
    """Return a visitor's folder; a name that might lead elsewhere is hashed."""
    if re.fullmatch(r"[A-Za-z0-9_-]{1,64}", visitor):
        return visitor
    return hashlib.sha256(visitor.encode()).hexdigest()[:32]
