"""The server of the page: its address, its folder, its guard, and its clean end."""

from __future__ import annotations

import contextlib
import errno
import importlib.util
import logging
import os
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from talkgen.apps.files import Files
from talkgen.apps.settings import Settings
from talkgen.errors import InputError, MissingDependencyError

WELCOME = "This page asks for a name and a password."
MOST_CALLS = 1000
"""Calls of all visitors that may wait for a handler."""
SPARE = 40
"""Handlers that run at a time beside the requests that wait for a worker."""
_OURS = ("GRADIO_TEMP_DIR", "GRADIO_ANALYTICS_ENABLED", "GRADIO_EXAMPLES_CACHE")
_THEIRS = (
    "GRADIO_ALLOWED_PATHS", "GRADIO_DEBUG", "GRADIO_SHARE", "GRADIO_WATCH_DIRS",
    "GRADIO_MCP_SERVER", "GRADIO_LOCAL_DEV_MODE",
)  # fmt: skip
"""Settings of Gradio's that would open what is closed here."""


@dataclass(frozen=True)
class Serving:
    """A server that runs: its address, its parts, what it knows of files."""

    url: str
    settings: Settings
    page: Any
    blocks: Any
    files: Files


@contextlib.contextmanager
def serving(
    settings: Settings, build: Callable[[Any], Any] | None = None, **look: Any
) -> Iterator[Serving]:
    """Run the page until the block is left; then everything ends and its files are removed.

    build : makes the page (a `gr.Blocks`) of what it is given, the one of talkgen for None
    look : options of `Blocks.launch` for the looks
    Raises InputError for an address that cannot be had, MissingDependencyError without Gradio.
    """
    need_gradio()
    settings = replace(settings, port=free_port(settings.host, settings.port))
    with contextlib.ExitStack() as stack:
        root = stack.enter_context(_root(settings))
        stack.enter_context(_environment(root))
        yield _started(settings, root, build, look, stack)


def _started(
    settings: Settings,
    root: Path,
    build: Callable[[Any], Any] | None,
    look: dict[str, Any],
    stack: contextlib.ExitStack,
) -> Serving:
    """Return the running server; `stack` ends it."""
    from starlette.middleware import Middleware

    from talkgen.apps import gradio_app
    from talkgen.apps.guard import Guard
    from talkgen.apps.jobs import Jobs
    from talkgen.apps.look import look as own_look
    from talkgen.apps.page import EXAMPLES, Page
    from talkgen.apps.stills import Stills
    from talkgen.apps.sweep import Sweeper
    from talkgen.apps.warm import warm_calls

    warm = warm_calls(EXAMPLES / "portrait.jpg", root)
    jobs = Jobs(root, workers=settings.workers, waiting=settings.waiting, warm=warm)
    stack.callback(jobs.close)
    stills = Stills()
    page = Page(settings=settings, jobs=jobs, stills=stills, root=root)
    blocks = (build or gradio_app.build)(page)
    files = Files(root)
    files.publish()
    blocks.queue(api_open=False, default_concurrency_limit=None, max_size=MOST_CALLS)
    stack.callback(_end, blocks)
    blocks.launch(
        server_name=_bracketed(settings.host), server_port=settings.port, quiet=True, share=False,
        prevent_thread_lock=True, inbrowser=False, inline=False, ssr_mode=False, num_workers=0,
        mcp_server=False, pwa=False, enable_monitoring=False, run_history=False,
        footer_links=["api"], show_error=False, max_file_size=settings.most_bytes,
        auth=passwords(settings), auth_message=WELCOME,
        app_kwargs={"middleware": [Middleware(Guard, settings=settings, files=files)]},
        max_threads=settings.waiting + jobs.workers + SPARE, **(look or own_look()),
    )  # fmt: skip
    jobs.start()
    sweeper = Sweeper(files, settings.keep_hours * 3600, jobs)
    stack.callback(sweeper.close)
    sweeper.start()
    threading.Thread(target=_warm, args=(stills,), name="talkgen-warm", daemon=True).start()
    return Serving(address(settings), settings, page, blocks, files)


def need_gradio() -> None:
    """Raise MissingDependencyError where Gradio is not installed."""
    if importlib.util.find_spec("gradio") is None:
        raise MissingDependencyError("gradio is not installed; pip install 'talkgen[demo]'")


def free_port(host: str, port: int) -> int:
    """Return the port to listen on, a free one for 0; raise InputError where it cannot be had."""
    try:
        places = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
    except OSError as error:
        raise InputError(
            f"`host` is {host!r}, which is no address; give 127.0.0.1 or one of this machine"
        ) from error
    family, kind, proto, _, place = places[0]
    with socket.socket(family, kind, proto) as probe:
        if os.name == "posix":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(place)
            probe.listen(1)
        except OSError as error:
            raise InputError(_no_port(error, host, port)) from error
        return int(probe.getsockname()[1])


def _no_port(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} is in use; choose another with --port, or 0 for any free one"
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"port {port} needs more rights than this user has; choose one above 1023"
    return f"`host` is {host!r}, which is no address of this machine; 0.0.0.0 stands for all"


def address(settings: Settings) -> str:
    """Return what to type into a browser on this machine."""
    host = settings.host.strip("[]")
    if host in ("0.0.0.0", "::"):
        host = "127.0.0.1" if host == "0.0.0.0" else "::1"
    return f"http://{_bracketed(host)}:{settings.port}"


def passwords(settings: Settings) -> Callable[[str, str], Any] | None:
    """Return what checks a visitor's name and password, None where nobody needs one."""
    if not settings.auth:
        return None
    import asyncio

    from talkgen.apps.door import WRONG_S, same

    async def check(user: str, password: str) -> bool:
        good = [same(user, name) & same(password, word) for name, word in settings.auth]
        if not any(good):
            await asyncio.sleep(WRONG_S)
        return any(good)

    return check


def _bracketed(host: str) -> str:
    return f"[{host.strip('[]')}]" if ":" in host else host


@contextlib.contextmanager
def _root(settings: Settings) -> Iterator[Path]:
    """Give the server's folder, which is removed at the end."""
    from talkgen.apps import sweep

    if settings.root is None:
        sweep.remove_abandoned()
        root, lock = sweep.new_root()
    else:
        root = settings.root.resolve()
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            lock = sweep.hold(root)
        except BlockingIOError as error:
            raise InputError(f"a server has {str(root)!r} already; give another folder") from error
    try:
        yield root
    finally:
        shutil.rmtree(root, ignore_errors=True)
        lock.close()


@contextlib.contextmanager
def _environment(root: Path) -> Iterator[None]:
    """Tell Gradio, which reads the environment, where its files go and to ask no other host."""
    before = {name: os.environ.get(name) for name in (*_OURS, *_THEIRS, "NO_PROXY", "no_proxy")}
    local = "localhost,127.0.0.1,::1"
    for name in _THEIRS:
        os.environ.pop(name, None)
    os.environ |= {
        "GRADIO_TEMP_DIR": str(root), "GRADIO_ANALYTICS_ENABLED": "False",
        "GRADIO_EXAMPLES_CACHE": str(root / "examples"),
        "NO_PROXY": local, "no_proxy": local,
    }  # fmt: skip
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _warm(stills: Any) -> None:
    with contextlib.suppress(Exception):  # the first preview loads them, and says what is wrong
        stills.warm()


def _end(blocks: Any) -> None:
    """End the web server, connections that stay open too."""
    server = getattr(blocks, "server", None)
    if server is not None:
        server.config.timeout_graceful_shutdown = 1
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)  # of each cut connection
    blocks.close(verbose=False)
