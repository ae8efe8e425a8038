"""What the commands say: progress and errors on standard error, tables on standard output.

Every error leaves as one line and the right exit code: 0 done, 1 a defect of talkgen, 2 bad input,
130 Ctrl-C, 143 stopped.
"""

from __future__ import annotations

import logging
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any, NoReturn

import typer

from talkgen.errors import TalkgenError

NAME = "talkgen"
EXIT_DEFECT, EXIT_INPUT, EXIT_INTERRUPT, EXIT_TERMINATED = 1, 2, 130, 143


def print_table(text: Any) -> None:
    """Print a rich table, or text, on standard output."""
    from rich.console import Console

    Console(width=None if sys.stdout.isatty() else 240).print(text)


class Say:
    """Progress on standard error: a bar on a terminal, plain lines elsewhere, or nothing."""

    def __init__(self, quiet: bool) -> None:
        self.quiet = quiet
        self.lively = not quiet and sys.stderr.isatty()
        self._bar: Any = None
        self._task: Any = None

    def stage(self, text: str) -> None:
        """Name what is being done now."""
        if not self.quiet:
            print(f"{NAME}: {text}", file=sys.stderr, flush=True)

    def note(self, text: str) -> None:
        """Say what was found or decided on the way, which is worth keeping."""
        self.stage(text)

    def loaded(self, make: Callable[..., Any], **options: Any) -> Any:
        """Return `make(**options)`: a pipeline with its models."""
        return make(**options)

    def done(self, path: Path, note: str = "") -> None:
        """Name what was written."""
        if not self.quiet:
            print(f"{NAME}: wrote {path}{f' ({note})' if note else ''}", file=sys.stderr)

    def expect(self, total: int) -> None:
        """Set how many steps the running count has."""
        if self._bar is not None:
            self._bar.update(self._task, total=total or None)

    @contextmanager
    def counted(self, text: str, total: int) -> Iterator[Callable[[int], None]]:
        """Give a function to call with the number of steps just done."""
        if not self.lively:
            self.stage(f"{text}, {total} frames" if total else text)
            yield lambda _: None
            return
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TimeRemainingColumn

        console = Console(stderr=True)
        columns = (BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
        with Progress("{task.description}", *columns, console=console, transient=True) as bar:
            self._bar, self._task = bar, bar.add_task(text, total=total or None)
            yield lambda count: bar.advance(self._task, count)
            self._bar = None


_VOICE: ContextVar[Say | None] = ContextVar("voice", default=None)


@contextmanager
def heard_by(voice: Say) -> Iterator[None]:
    """Let the commands that run meanwhile speak through `voice`, and raise their errors."""
    token = _VOICE.set(voice)
    try:
        yield
    finally:
        _VOICE.reset(token)


class Terminated(KeyboardInterrupt):
    """SIGTERM, which unwinds like Ctrl-C so that nothing half-written stays."""


@contextmanager
def reported(quiet: bool, debug: bool) -> Iterator[Say]:
    """Run a command's body; every error leaves as one line and the right exit code.

    Within `heard_by`, it is that voice which speaks, and errors leave as they are.
    """
    if (voice := _VOICE.get()) is not None:
        yield voice
        return
    _listen()
    try:
        yield Say(quiet)
    except TalkgenError as error:
        _fail(str(error), error.exit_code, debug)
    except Terminated:
        _fail("stopped; nothing was written", EXIT_TERMINATED, debug)
    except KeyboardInterrupt:
        _fail("interrupted; nothing was written", EXIT_INTERRUPT, debug)
    except MemoryError:
        _fail("out of memory; try a smaller --size", EXIT_INPUT, debug)
    except (typer.Exit, typer.Abort, SystemExit):
        raise
    except Exception as error:  # a defect: say so in one line, the traceback on request
        kind = type(error).__name__
        _fail(f"unexpected {kind}: {error}; --debug shows where", EXIT_DEFECT, debug)


def _fail(message: str, code: int, debug: bool) -> NoReturn:
    if debug:
        import traceback

        traceback.print_exc()
    print(f"{NAME}: error: {' '.join(message.split())}", file=sys.stderr, flush=True)
    raise typer.Exit(code)


def _listen() -> None:
    """Send warnings of the library to standard error as one line each; heed SIGTERM."""
    log = logging.getLogger("talkgen")
    if not any(isinstance(handler, _Lines) for handler in log.handlers):
        log.addHandler(_Lines())
        log.propagate = False

    def stop(*_: object) -> None:
        raise Terminated

    try:
        signal.signal(signal.SIGTERM, stop)
    except ValueError:  # not the main thread
        return


class _Lines(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        level = record.levelname.lower()
        print(f"{NAME}: {level}: {record.getMessage()}", file=sys.stderr, flush=True)
