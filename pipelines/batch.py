"""Many jobs: each done once, those that are there already left alone, one failure no hindrance."""

from __future__ import annotations

import csv
import datetime
import logging
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from talkgen.errors import InputError, OutputError
from talkgen.io.lock import held, holder
from talkgen.io.output import whole_file
from talkgen.pipelines.batch_state import SUMMARY, StateFolder
from talkgen.pipelines.batch_workers import Done, Pool

RETRIES = 2
"""How often a job is begun again after its worker died."""
ORPHANS_S = 20.0
"""How long to wait for the workers of a run that was killed."""

log = logging.getLogger("talkgen")


@dataclass(frozen=True)
class Job:
    """One job.

    name : its own, made of what it writes; row : where it stands in the table; command : of talkgen
    task : what the runner needs, to be pickled; scoring : the task that only scores, or None
    key : changes with all that the result hangs on; outputs : what it writes, below the folder
    after : names of the jobs whose files it reads
    """

    name: str
    row: int
    command: str
    task: Any
    key: str
    outputs: tuple[str, ...]
    after: frozenset[str] = frozenset()
    scoring: Any = None


@dataclass(eq=False)
class Outcome:
    """How a job ended: `status` is "made", "kept" or "failed"; `seconds`: of making, once."""

    job: Job
    status: str
    seconds: float = 0.0
    attempts: int = 0
    worker: str = ""
    error: str = ""
    defect: bool = False
    notes: list[str] = field(default_factory=list)
    scores: dict[str, float] = field(default_factory=dict)


@contextmanager
def locked(state: StateFolder) -> Iterator[None]:
    """Hold a batch's folder; raise InputError where another run does."""
    with ExitStack() as stack:
        if not stack.enter_context(held(state.run_lock, wait_s=1.0)):
            raise InputError(
                f"process {holder(state.run_lock)} runs a batch in {str(state.folder)!r}; "
                "wait for it, or give another folder"
            )
        for lock in state.worker_locks():  # of a run that was killed
            with held(lock, wait_s=ORPHANS_S) as had:
                if not had:
                    raise InputError(
                        f"worker {holder(lock)} of an earlier run still works in "
                        f"{str(state.folder)!r}; end it, or wait"
                    )
            lock.unlink(missing_ok=True)
        yield


def missing(jobs: Sequence[Job], state: StateFolder, *, scored: bool = False) -> list[Job]:
    """Return the jobs that are still to be done; `scored`: those that lack scores too."""
    lacking = {
        job.name for job in jobs
        if not is_done(state, job)
        or (scored and job.scoring is not None and not _was_scored(state, job))
    }  # fmt: skip
    while more := {job.name for job in jobs if job.after & lacking} - lacking:
        lacking |= more  # these too, if what they read changes
    return [job for job in jobs if job.name in lacking]


def is_done(state: StateFolder, job: Job) -> bool:
    """Return whether a job's files are there, made of what there is now."""
    return state.is_done(job.name, job.key, job.outputs, job.after)


def _was_scored(state: StateFolder, job: Job) -> bool:
    return bool((state.record(job.name) or {}).get("scored"))


class Batch:
    """Runs jobs in a folder that is `locked`.

    pool : does them; scored : give each video scores; retries : after a worker's death
    """

    def __init__(
        self, state: StateFolder, pool: Pool, *, scored: bool = False, retries: int = RETRIES
    ) -> None:
        self.state = state
        self.pool = pool
        self.scored = scored
        self.retries = retries

    def __call__(
        self, jobs: Sequence[Job], *, on_end: Callable[[Outcome], object] | None = None
    ) -> list[Outcome]:
        """Return how each job ended, in their order; what is done already is kept.

        on_end : called with each outcome as it comes about
        Stopped by an exception, an interrupt too, what was done stays, and the summary is written.
        """
        self.state.clear_work()
        outcomes: dict[str, Outcome] = {}

        def end(outcome: Outcome) -> None:
            outcomes[outcome.job.name] = outcome
            if on_end is not None:
                on_end(outcome)

        todo = {job.name for job in missing(jobs, self.state, scored=self.scored)}
        waiting: deque[tuple[Job, int]] = deque()
        for job in jobs:
            if job.name in todo:
                waiting.append((job, 1))
            else:
                end(self._kept(job))
        running: dict[str, tuple[Job, int]] = {}
        try:
            while waiting or running:
                self._feed(waiting, running, outcomes, end)
                if not running:
                    continue
                for done in self.pool.wait():
                    job, attempt = running[done.name]
                    if attempt != done.attempt:
                        continue  # an attempt that was given up
                    del running[done.name]
                    again = self._ended(job, done, end)
                    if again:
                        waiting.appendleft((job, attempt + 1))
        finally:
            self.pool.close()
            self.state.clear_work()
            self.state.digests.save()
            write_summary(self.state.folder / SUMMARY, [outcomes[job.name] for job in jobs
                                                        if job.name in outcomes])  # fmt: skip
        return [outcomes[job.name] for job in jobs]

    def _feed(
        self, waiting: deque[tuple[Job, int]], running: dict[str, tuple[Job, int]],
        outcomes: dict[str, Outcome], end: Callable[[Outcome], None],
    ) -> None:  # fmt: skip
        """Give the pool what it takes of the jobs whose inputs are there."""
        later: list[tuple[Job, int]] = []
        while waiting and self.pool.free():
            job, attempt = waiting.popleft()
            ended = [outcomes[name] for name in job.after if name in outcomes]
            if failed := [o for o in ended if o.status == "failed"]:
                row = failed[0].job.row
                end(Outcome(job, "failed", error=f"it reads what row {row} was to make"))
            elif len(ended) < len(job.after):
                later.append((job, attempt))
            elif self._nothing_to_do(job):  # what it reads has been made anew, and is the same
                end(self._kept(job))
            else:
                place = self.state.begin(job.name, attempt)
                only = self._only_scores(job)
                self.pool.submit(job.name, attempt, job.scoring if only else job.task, place)
                running[job.name] = (job, attempt)
        waiting.extendleft(reversed(later))

    def _only_scores(self, job: Job) -> bool:
        return job.scoring is not None and is_done(self.state, job)

    def _nothing_to_do(self, job: Job) -> bool:
        unscored = self.scored and job.scoring is not None and not _was_scored(self.state, job)
        return is_done(self.state, job) and not unscored

    def _ended(self, job: Job, done: Done, end: Callable[[Outcome], None]) -> bool:
        """Take note of an attempt that ended; return whether it is to be made again."""
        answer = done.answer
        if answer is None:
            self.state.log(job=job.name, row=job.row, attempt=done.attempt, died=done.why)
            if done.attempt <= self.retries:
                log.warning("row %d: %s; it is begun again", job.row, done.why)
                return True
            answer = {"error": f"{done.why}, {done.attempt} times"}
        outcome = Outcome(
            job, "made", answer.get("seconds", round(done.seconds, 3)), done.attempt, done.worker,
            answer.get("error", ""), answer.get("defect", False), answer.get("notes", []),
            answer.get("scores", {}),
        )  # fmt: skip
        if not outcome.error:
            self._commit(outcome, answer.get("checkpoints", []))
        if outcome.error:
            outcome.status = "failed"
        self.state.log(
            job=job.name, row=job.row, attempt=done.attempt, status=outcome.status,
            worker=done.worker, seconds=outcome.seconds, error=outcome.error,
            **{name: answer[name] for name in ("trace",) if name in answer},
        )  # fmt: skip
        end(outcome)
        return False

    def _commit(self, outcome: Outcome, checkpoints: Sequence[str]) -> None:
        job = outcome.job
        if self._only_scores(job):
            known = self.state.record(job.name) or {}
            outcome.status, outcome.seconds = "kept", float(known.get("seconds", 0.0))
            scores = {"scores": outcome.scores, "scored": True, "notes": outcome.notes}
            self.state.note(job.name, {**known, **scores})
            return
        about = {
            "row": job.row, "command": job.command, "key": job.key, "seconds": outcome.seconds,
            "attempts": outcome.attempts, "worker": outcome.worker, "notes": outcome.notes,
            "scores": outcome.scores, "scored": self.scored, "read": self.state.read(job.after),
            "checkpoints": {name: self.state.checkpoint(name) for name in checkpoints},
            "made": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        }  # fmt: skip
        place = self.state.place(job.name, outcome.attempts)
        try:
            self.state.commit(job.name, place, job.outputs, about)
        except (OutputError, InputError) as error:
            outcome.error = str(error)

    def _kept(self, job: Job) -> Outcome:
        known = self.state.record(job.name) or {}
        return Outcome(
            job, "kept", float(known.get("seconds", 0.0)), notes=known.get("notes", []),
            scores=known.get("scores", {}),
        )  # fmt: skip


def write_summary(path: Path, outcomes: Sequence[Outcome]) -> None:
    """Write a line a job: row, command, status, files, seconds, attempts, worker, error, scores."""
    names = list(dict.fromkeys(name for outcome in outcomes for name in outcome.scores))
    with whole_file(path) as part, part.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        columns = ("row", "command", "status", "outputs", "seconds", "attempts", "worker", "error",
                   "notes")  # fmt: skip
        table.writerow([*columns, *names])
        for one in outcomes:
            table.writerow([
                one.job.row, one.job.command, one.status, ";".join(one.job.outputs), one.seconds,
                one.attempts or "", one.worker, one.error, "; ".join(one.notes),
                *(one.scores.get(name, "") for name in names),
            ])  # fmt: skip


class Remaining:
    """How long it will take still, by what jobs took so far.

    total : jobs to do; size : workers
    """

    def __init__(self, total: int) -> None:
        self._left = total
        self._done = 0
        self._start = time.monotonic()

    def step(self) -> str:
        """Take note of a job that ended; return the time left in words, "" where none is."""
        self._done += 1
        left = (time.monotonic() - self._start) / self._done * (self._left - self._done)
        if left < 1:
            return ""
        if left < 90:
            return f"{left:.0f} s left"
        return f"{left / 60:.0f} min left" if left < 5400 else f"{left / 3600:.1f} h left"
