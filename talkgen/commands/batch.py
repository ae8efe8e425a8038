"""`talkgen batch`: the jobs of a table, each a row, by several workers."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from talkgen.options import Debug, Quiet
from talkgen.terminal import (
    EXIT_DEFECT,
    EXIT_INPUT,
    EXIT_INTERRUPT,
    EXIT_TERMINATED,
    NAME,
    Say,
    Terminated,
    reported,
)

if TYPE_CHECKING:
    from talkgen.pipelines.batch import Job, Outcome

MOST_WORKERS = 256


def batch(
    table: Annotated[
        Path,
        typer.Argument(
            metavar="JOBS.csv|jsonl",
            help="A row a job: `command` (talk if left out) and that command's own options and "
            "arguments as columns; several values of a cell with ';' between. Paths that are read "
            "are relative to the table.",
        ),
    ],
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="Where all outputs go, and summary.csv.")
    ],
    workers: Annotated[
        int | None,
        typer.Option(metavar="N", help="How many jobs at a time; half the cores if left out."),
    ] = None,
    ray: Annotated[
        str | None,
        typer.Option(
            metavar="auto|ADDRESS",
            help="Work on a Ray cluster whose machines share DIR and the inputs; auto: the one "
            "this machine belongs to, else one of its own.",
        ),
    ] = None,
    score: Annotated[
        bool, typer.Option("--score", help="Measure each video, into summary.csv.")
    ] = False,
    allow_url: Annotated[
        bool, typer.Option("--allow-url", help="Fetch inputs that are http or https addresses.")
    ] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Only check the table and say what is to be done.")
    ] = False,
    retries: Annotated[
        int, typer.Option(help="How often a job is begun again whose worker died.")
    ] = 2,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Do the jobs of a table; run again, it does only what is missing or changed."""
    with reported(quiet, debug) as say:
        from talkgen.commands.plan import Plan
        from talkgen.commands.runner import CommandRunner
        from talkgen.errors import InputError
        from talkgen.io.output import make_folder
        from talkgen.pipelines.batch import Batch, locked, missing
        from talkgen.pipelines.batch_state import StateFolder
        from talkgen.raster.bands import cores

        if workers is not None and not 1 <= workers <= MOST_WORKERS:
            raise InputError(f"`workers` is {workers}, a number from 1 to {MOST_WORKERS} is needed")
        if not 0 <= retries <= 100:
            raise InputError(f"`retries` is {retries}, a number from 0 to 100 is needed")
        if not table.is_file():
            raise InputError(f"no such job table: {str(table)!r}")
        if ray is not None:
            from talkgen.pipelines.batch_ray import check_ray

            check_ray()
        make_folder(out)
        state, runner = StateFolder(out.resolve()), CommandRunner()
        with locked(state):
            say.stage("checking the table")
            plan = Plan(state, runner, allow_url=allow_url, scored=score)
            jobs = plan(table)
            _refuse(plan.faults)
            todo = missing(jobs, state, scored=score)
            say.stage(f"{len(jobs)} jobs, {len(jobs) - len(todo)} of them done already")
            if check:
                for job in todo:
                    say.stage(f"row {job.row}: {job.command} {', '.join(job.outputs)}")
                return
            size = min(workers or max(1, cores() // 2), max(1, len(todo)))
            pool = _pool(ray, runner, size, state, say)
            _run(Batch(state, pool, scored=score, retries=retries), jobs, len(todo), say)


def _refuse(faults: dict[int, str]) -> None:
    """Say all that is wrong, by row; raise InputError where anything is."""
    from talkgen.errors import InputError

    for number in sorted(faults):
        print(f"{NAME}: row {number}: {' '.join(faults[number].split())}", file=sys.stderr)
    if faults:
        rows = "1 row is" if len(faults) == 1 else f"{len(faults)} rows are"
        raise InputError(f"{rows} wrong, named above by line; nothing was started")


def _pool(ray: str | None, runner: Any, size: int, state: Any, say: Say) -> Any:
    if ray is None:
        from talkgen.pipelines.batch_workers import ProcessPool

        return ProcessPool(runner, size, state.worker_lock)
    from talkgen.pipelines.batch_ray import RayPool

    say.stage("joining the Ray cluster")
    return RayPool(runner, size, state.home, address=ray)


def _run(work: Any, jobs: list[Job], todo: int, say: Say) -> None:
    from talkgen.pipelines.batch import Remaining

    remaining, ended = Remaining(todo), list[Any]()

    def on_end(outcome: Outcome) -> None:
        ended.append(outcome)
        if outcome.attempts or outcome.status == "failed":
            left = remaining.step()
            step(1)
            _tell(outcome, f"{len(ended)}/{len(jobs)}", left, say)

    try:
        with say.counted(f"working, {work.pool.size} at a time", 0) as step:
            say.expect(todo)
            outcomes = work(jobs, on_end=on_end)
    except KeyboardInterrupt as stop:
        done = sum(o.status != "failed" for o in ended)
        ended_by = "stopped" if isinstance(stop, Terminated) else "interrupted"
        text = f"{ended_by}; {done} of {len(jobs)} jobs are done, run it again to go on"
        print(f"{NAME}: error: {text}", file=sys.stderr, flush=True)
        code = EXIT_TERMINATED if isinstance(stop, Terminated) else EXIT_INTERRUPT
        raise typer.Exit(code) from stop
    count = {s: sum(o.status == s for o in outcomes) for s in ("made", "kept", "failed")}
    say.done(work.state.folder / "summary.csv", ", ".join(f"{n} {s}" for s, n in count.items()))
    if count["failed"]:
        defect = any(o.defect for o in outcomes)
        print(
            f"{NAME}: error: {count['failed']} of {len(jobs)} jobs failed; summary.csv says why",
            file=sys.stderr, flush=True,
        )  # fmt: skip
        raise typer.Exit(EXIT_DEFECT if defect else EXIT_INPUT)


def _tell(outcome: Outcome, place: str, left: str, say: Say) -> None:
    job = outcome.job
    what = f"row {job.row}, {job.command} {', '.join(job.outputs)}"
    if outcome.status == "failed":
        logging.getLogger("talkgen").warning("%s failed: %s", what, outcome.error)
    elif not say.lively:
        took = f"{outcome.status} in {outcome.seconds:.1f} s"
        say.stage(f"{place} {what}: {took}{f', {left}' if left else ''}")
