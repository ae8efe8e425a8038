"""`talkgen demo` started once, and visitors who open it in a real Chromium."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.apps.visitor import Visitor

BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync",
    "--disable-component-update", "--no-first-run", "--disable-quic",
    "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
)  # fmt: skip
STARTS_WITHIN = 90.0
"""Seconds; a machine of two idle cores takes less than ten."""


@dataclass(frozen=True)
class Demo:
    """A running server: its address, process, log, and the seconds until it said its address."""

    url: str
    process: subprocess.Popen[str]
    log: Path
    seconds: float


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """The server on a free port, as a user starts it."""
    if importlib.util.find_spec("gradio") is None:
        pytest.skip("gradio is not installed: pip install 'talkgen[demo]'")
    folder = tmp_path_factory.mktemp("demo")
    log = folder / "log.txt"
    command = [sys.executable, "-u", "-m", "talkgen", "demo", "--port", "0", "--no-open"]
    environment = os.environ | {"TMPDIR": str(folder), "COLUMNS": "200"}
    start = time.monotonic()
    with log.open("w") as out:
        process = subprocess.Popen(
            command, stdout=out, stderr=subprocess.STDOUT, text=True, env=environment
        )
    try:
        while not (said := re.search(r"http://[\w.:\[\]]+\d", log.read_text())):
            if process.poll() is not None or time.monotonic() - start > STARTS_WITHIN:
                pytest.fail(f"talkgen demo did not start:\n{log.read_text()}")
            time.sleep(0.1)
        yield Demo(said.group(), process, log, time.monotonic() - start)
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A headless Chromium. For one module: while it is open, this thread has an event loop."""
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        pytest.skip("no Chromium here: apt-get install chromium-headless-shell")
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=program, args=list(FLAGS))
        yield opened
        opened.close()


@pytest.fixture
def visit(
    browser: Any, demo: Demo, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Callable[..., Visitor]]:
    """A maker of visitors, each with cookies of their own, who have opened the page.

    Afterwards: nothing was asked of another host, and no script failed.
    """
    with contextlib.ExitStack() as stack:
        visitors: list[Visitor] = []

        def open_page(*, width: int = 1280, height: int = 900, dark: bool = False) -> Visitor:
            context = browser.new_context(
                viewport={"width": width, "height": height},
                color_scheme="dark" if dark else "light",
                permissions=["clipboard-read", "clipboard-write", "microphone", "camera"],
                accept_downloads=True,
            )
            stack.callback(context.close)
            context.set_default_timeout(20_000)
            visitors.append(Visitor(context.new_page(), demo.url))
            return visitors[-1]

        yield open_page
        for number, visitor in enumerate(visitors):
            if not visitor.page.is_closed():
                visitor.page.screenshot(path=tmp_path / f"{request.node.name}_{number}.png")
            assert not visitor.elsewhere, f"asked of another host: {visitor.elsewhere}"
            assert not visitor.failures, f"scripts of the page failed: {visitor.failures}"
