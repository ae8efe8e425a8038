"""A command run inside a worker: its models stay loaded for the next one."""

from __future__ import annotations

import contextlib
import importlib
import io
import logging
import os
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from talkgen import hub
from talkgen.commands.rows import Commands, Row
from talkgen.errors import TalkgenError
from talkgen.terminal import Say, heard_by

log = logging.getLogger("talkgen")

APP = "talkgen.cli:app"
"""Where workers find the commands; by name, since they lie above this layer."""
MOST_KEPT = 4
"""Pipelines that stay loaded."""


@dataclass(frozen=True)
class Task:
    """What a worker does.

    row : with absolute paths of what is read; outputs : column to paths below the work folder
    scored : video and source to score, or None; `row` None: only that
    """

    row: Row | None
    outputs: dict[str, list[str]]
    scored: tuple[str, str | None] | None = None


class Checked(BaseException):
    """A command has looked at all that it was given, and would begin its work now."""


class CheckingVoice(Say):
    """Ends a command as soon as it has checked its input: with the first word that it says."""

    def __init__(self) -> None:
        super().__init__(quiet=True)

    def stage(self, text: str) -> None:
        """End the command."""
        raise Checked

    def loaded(self, make: Callable[..., Any], **options: Any) -> Any:
        """End the command."""
        raise Checked

    @contextlib.contextmanager
    def counted(self, text: str, total: int) -> Iterator[Callable[[int], None]]:
        """End the command."""
        raise Checked
        yield


class KeepingVoice(Say):
    """Says nothing, and keeps the pipelines that were used last. most : how many"""

    def __init__(self, most: int = MOST_KEPT) -> None:
        super().__init__(quiet=True)
        self._most = most
        self._kept: dict[str, Any] = {}

    def loaded(self, make: Callable[..., Any], **options: Any) -> Any:
        """Return `make(**options)`, or what it returned before."""
        if make.__module__ == "talkgen.pipelines.adapt":  # changes the networks that it is given
            return make(**options)
        key = _key(make, options)
        if not self.keeps(make, **options):
            while len(self._kept) >= self._most:
                del self._kept[next(iter(self._kept))]
            self._kept[key] = make(**options)
        self._kept[key] = self._kept.pop(key)  # the one used last goes last
        return self._kept[key]

    def keeps(self, make: Callable[..., Any], **options: Any) -> bool:
        """Return whether that is loaded already."""
        return _key(make, options) in self._kept


class CommandRunner:
    """Runs tasks; picklable, each worker has its own.

    app : where the commands are; voice : what they speak through, None: one that says nothing
    """

    def __init__(self, app: str = APP, voice: KeepingVoice | None = None) -> None:
        self._app = app
        self._commands: Commands | None = None
        self._voice = voice

    def __reduce__(self) -> tuple[Any, ...]:
        """Travel without what is loaded."""
        return CommandRunner, (self._app,)

    @property
    def commands(self) -> Commands:
        """The program's commands."""
        if self._commands is None:
            import typer

            module, name = self._app.split(":")
            app = getattr(importlib.import_module(module), name)
            self._commands = Commands(typer.main.get_command(app))
        return self._commands

    def check(self, row: Row) -> None:
        """Run the row's command as far as it checks its input; what is wrong is raised."""
        context = self.commands.parsed(row)
        quiet = contextlib.redirect_stdout(io.StringIO())
        with contextlib.suppress(Checked), heard_by(CheckingVoice()), _noted(), quiet, context:
            context.command.invoke(context)

    def __call__(self, task: Task, place: Path) -> dict[str, Any]:
        """Do a task in the folder `place`; return notes and scores, or "error" in one line.

        "notes" are warnings, "printed" is what the command printed, "seconds" what it took
        """
        self._voice = self._voice or KeepingVoice()
        notes: list[str] = []
        printed = ""
        start = time.monotonic()
        try:
            with _noted() as notes, heard_by(self._voice):
                if task.row is not None:
                    printed = self._run(task.row, task.outputs, place)
                took = round(time.monotonic() - start, 3)
                scores = {} if task.scored is None else self._scores(*task.scored, place)
            return {
                "notes": list(dict.fromkeys(notes)), "scores": scores, "seconds": took,
                "checkpoints": sorted(hub.RESOLVED), "printed": printed,
            }  # fmt: skip
        except TalkgenError as error:
            return {"error": _plain(error, place), "notes": notes}
        except MemoryError:
            return {"error": "out of memory; try a smaller size or fewer workers"}
        except Exception as error:
            return {
                "error": " ".join(f"unexpected {type(error).__name__}: {error}".split()),
                "defect": True, "trace": traceback.format_exc(),
            }  # fmt: skip

    def _run(self, row: Row, outputs: dict[str, list[str]], place: Path) -> str:
        written = {name: [str(place / file) for file in files] for name, files in outputs.items()}
        for file in (Path(f) for files in written.values() for f in files):
            file.parent.mkdir(parents=True, exist_ok=True)
        context = self.commands.parsed(Row(row.number, row.command, row.values | written))
        with contextlib.redirect_stdout(io.StringIO()) as printed, context:
            context.command.invoke(context)
        return printed.getvalue()

    def _scores(self, video: str, source: str | None, place: Path) -> dict[str, float]:
        from talkgen.pipelines.score import ScorePipeline

        assert self._voice is not None
        pipeline = self._voice.loaded(ScorePipeline.from_pretrained)
        made = place / video
        try:
            judged = pipeline(made if made.exists() else Path(video), source=source)
        except TalkgenError as error:  # the video is there all the same
            log.warning("not scored: %s", _plain(error, place))
            return {}
        return {name: float(f"{s.value:.5g}") for name, s in judged.report.scores.items()}


def _key(make: Callable[..., Any], options: dict[str, Any]) -> str:
    given = ", ".join(f"{name}={options[name]!r}" for name in sorted(options))
    return f"{make.__module__}.{make.__qualname__}({given})"


def _plain(error: Exception, place: Path) -> str:
    """Return an error in one line, with what is made in `place` as the table names it."""
    return " ".join(str(error).replace(str(place) + os.sep, "").split())


@contextlib.contextmanager
def _noted() -> Iterator[list[str]]:
    """Give the list that warnings of the library go to instead of the terminal."""
    notes: list[str] = []

    class Noting(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.levelno >= logging.WARNING:
                notes.append(record.getMessage())

    logger, handler = logging.getLogger("talkgen"), Noting()
    before, passed_on = list(logger.handlers), logger.propagate
    logger.handlers, logger.propagate = [handler], False
    try:
        yield notes
    finally:
        logger.handlers, logger.propagate = before, passed_on
