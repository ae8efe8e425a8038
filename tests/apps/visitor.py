"""What a visitor of the page does and sees, in the page's own words: labels and roles."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
PORTRAIT, SPEECH = EXAMPLES / "portrait.jpg", EXAMPLES / "speech.flac"
INSIDE = ("data", "blob", "about")
"""Addresses that ask nothing of any host."""


class Visitor:
    """One visitor's page, `.page` for all that Playwright can do.

    elsewhere : addresses asked of another host; failures : errors of the page's scripts
    """

    def __init__(self, page: Any, url: str) -> None:
        self.page = page
        self.elsewhere: list[str] = []
        self.failures: list[str] = []
        host = urlsplit(url).netloc

        def asked(request: Any) -> None:
            address = urlsplit(request.url)
            if address.scheme not in INSIDE and address.netloc != host:
                self.elsewhere.append(request.url)

        page.on("request", asked)
        page.on("websocket", lambda socket: self.elsewhere.append(socket.url))
        page.on("pageerror", lambda error: self.failures.append(str(error)))
        page.goto(url)
        page.get_by_role("tab").first.wait_for()

    def tabs(self) -> list[str]:
        """Return the names of all tabs, those that a narrow page keeps in a menu too."""
        hidden = self.page.locator(".overflow-dropdown button").all_text_contents()
        shown = self.page.get_by_role("tab").all_inner_texts()
        return [name.strip() for name in [*shown, *hidden]]

    def tab(self, name: str) -> Any:
        """Bring a tab to the front; return its panel."""
        tab = self.page.get_by_role("tab", name=name, exact=True)
        if not tab.count():  # a narrow page keeps some in a menu
            self.page.get_by_role("button", name="More tabs").click()
            menu = self.page.locator(".overflow-dropdown")
            tab = menu.get_by_role("button", name=name, exact=True)
        tab.click()
        panel = self.page.get_by_role("tabpanel").filter(visible=True).first
        panel.wait_for()
        return panel

    def group(self, panel: Any, label: str) -> Any:
        """Return the part of a panel that has this label."""
        return panel.get_by_role("group", name=label, exact=True).filter(visible=True)

    def give(self, panel: Any, label: str, *files: Path) -> None:
        """Choose files for the part with this label, whatever comes of it."""
        part = self.group(panel, label)
        part.locator("input[type=file]").first.set_input_files(list(files))

    def upload(self, panel: Any, label: str, *files: Path) -> None:
        """Give files to the part with this label, and wait until the server has them."""
        with self.page.expect_response(re.compile("/upload")):
            self.give(panel, label, *files)

    def clear(self, panel: Any, label: str) -> None:
        """Take away what is in the part with this label, if anything is."""
        button = self.group(panel, label).get_by_role("button", name=re.compile("Clear|Remove"))
        if button.count():
            button.first.click()

    def download(self, button: Any, folder: Path) -> Path:
        """Press a button that downloads; return the file."""
        with self.page.expect_download() as started:
            button.click()
        path = folder / started.value.suggested_filename
        started.value.save_as(path)
        return path

    def press_until(self, target: Any, most: int = 120) -> None:
        """Move by the Tab key alone until an element has the focus."""
        for _ in range(most):
            if target.count() and target.first.evaluate("e => e === document.activeElement"):
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"{most} presses of Tab do not reach {target}")

    def violations(self) -> list[str]:
        """Return what axe finds wrong with the page as it stands, one line for each element."""
        axe: Any = pytest.importorskip(
            "axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed"
        )
        looked = axe.Axe().run(self.page, options={"resultTypes": ["violations"]})
        return [
            f"{rule['id']}: {' '.join(node['html'].split())[:160]} | {_why(node)}"
            for rule in looked.response["violations"]
            for node in rule["nodes"]
        ]

    def by_day_and_night(self) -> list[str]:
        """Return what axe finds wrong in the colours that the page has, and in the others."""
        first = self.violations()
        self.page.get_by_role("button", name="Light or dark").click()
        self.page.wait_for_timeout(500)  # colours change over a moment
        return first + self.violations()


def _why(node: dict[str, Any]) -> str:
    return next((check["message"] for check in [*node["any"], *node["all"], *node["none"]]), "")


def plays(video: Any) -> tuple[float, float]:
    """Play a video element; return its length and how far it got in a moment, in seconds."""
    video.evaluate("""v => new Promise((done, fail) => {
        v.onerror = () => fail(v.error && v.error.message);
        v.muted = true;
        if (v.readyState >= 1) done(); else { v.onloadedmetadata = () => done(); v.load(); }
    })""")
    moved = video.evaluate("""async v => {
        v.currentTime = 0;
        await v.play();
        await new Promise(wait => setTimeout(wait, 600));
        v.pause();
        return v.currentTime;
    }""")
    return video.evaluate("v => v.duration"), moved
