"""`talkgen demo`: the whole engine in a browser."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from talkgen.apps.settings import (
    HOST,
    KEEP_HOURS,
    MOST_MB,
    MOST_SECONDS,
    PORT,
    WAITING,
    Settings,
)
from talkgen.errors import InputError
from talkgen.options import Debug, Quiet
from talkgen.terminal import Say, reported

log = logging.getLogger("talkgen")

AUTH, SECRET = "TALKGEN_DEMO_AUTH", "TALKGEN_DEMO_SECRET"
"""Names in the environment: what stands there is not seen in the list of processes."""


def demo(
    host: Annotated[
        str, typer.Option(help="Address to listen on; 0.0.0.0 lets other machines in.")
    ] = HOST,
    port: Annotated[int, typer.Option(help="Port to listen on; 0 is any free one.")] = PORT,
    open_page: Annotated[
        bool, typer.Option("--open/--no-open", help="Open the page in this machine's browser.")
    ] = False,
    workers: Annotated[
        int | None,
        typer.Option(help="Commands that run at a time; one for two processors if left out."),
    ] = None,
    waiting: Annotated[int, typer.Option(help="Requests that may wait; more are refused.")] = (
        WAITING
    ),
    auth: Annotated[
        list[str] | None,
        typer.Option(
            metavar="USER:PASSWORD", help=f"Who may come in; may be given again. Also {AUTH}."
        ),
    ] = None,
    auth_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Such users, one on each line.")
    ] = None,
    secret: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT",
            help="What a visitor must know: typed on the page, in its address as ?secret=TEXT, or "
            f"as `Authorization: Bearer TEXT`. Also {SECRET}.",
        ),
    ] = None,
    most_mb: Annotated[float, typer.Option(help="Largest upload in megabytes.")] = MOST_MB,
    most_seconds: Annotated[float, typer.Option(help="Longest upload in seconds.")] = (
        MOST_SECONDS
    ),
    keep_hours: Annotated[
        float, typer.Option(help="Hours until files that nobody uses are removed.")
    ] = KEEP_HOURS,
    quiet: Quiet = False,
    debug: Debug = False,
) -> None:
    """Open a page in the browser for everything that the commands do."""
    with reported(quiet, debug) as say:
        from talkgen.apps.server import need_gradio, serving

        need_gradio()
        users = [*(auth or _environment_auth()), *(_lines(auth_file) if auth_file else [])]
        settings = Settings(
            host=host, port=port, workers=workers, waiting=waiting, most_mb=most_mb,
            most_seconds=most_seconds, keep_hours=keep_hours, open_page=open_page,
            auth=tuple(_user(text, number) for number, text in enumerate(users, 1)),
            secret=secret if secret is not None else os.environ.get(SECRET) or None,
        )  # fmt: skip
        end = _ends()
        say.stage("starting the page")
        with serving(settings) as server:
            _announce(server.url, settings, say)
            if settings.open_page:
                _open(server.url)
            end.wait()
        say.stage("stopped")
        _leave()


def _ends() -> threading.Event:
    """Return what is set by Ctrl-C or SIGTERM: the way to end a server, no failure."""
    end = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: end.set())
    return end


def _leave() -> NoReturn:
    """End at once: a thread that still computes would abort the interpreter on its way out."""
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def _announce(url: str, settings: Settings, say: Say) -> None:
    print(f"talkgen is at {url}", flush=True)
    if settings.is_local:
        say.stage("only this machine can open it; Ctrl-C ends it")
    elif settings.is_guarded:
        say.stage(
            f"{settings.host} lets other machines in, with what they must know; Ctrl-C ends it"
        )
    else:
        log.warning(
            "%s lets everybody in who can reach this machine; --auth or --secret keeps others out",
            settings.host,
        )


def _open(url: str) -> None:
    import webbrowser

    webbrowser.open(url)


def _environment_auth() -> list[str]:
    return [text for text in os.environ.get(AUTH, "").split() if text]


def _lines(path: Path) -> list[str]:
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"`auth_file` {str(path)!r} cannot be read as text ({error})") from error
    found = [line.strip() for line in text.splitlines()]
    found = [line for line in found if line and not line.startswith("#")]
    if not found:
        raise InputError(f"`auth_file` {str(path)!r} names nobody; write USER:PASSWORD on a line")
    return found


def _user(text: str, number: int) -> tuple[str, str]:
    user, found, password = text.partition(":")
    if not (found and user.strip() and password):
        raise InputError(f"user {number} of --auth is not USER:PASSWORD; give both, with a colon")
    return user.strip(), password
