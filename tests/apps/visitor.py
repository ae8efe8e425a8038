"""What a visitor of the page does and sees, in the page's own words: labels and roles."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

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

    def tab(self, name: str) -> Any:
        """Bring a tab to the front; return its panel."""
        tab = self.page.get_by_role("tab", name=name, exact=True)
        tab.click()
        panel = self.page.get_by_role("tabpanel").filter(visible=True).first
        panel.wait_for()
        return panel

    def group(self, panel: Any, label: str) -> Any:
        """Return the part of a panel that has this label."""
        return panel.get_by_role("group", name=label, exact=True).filter(visible=True)

    def upload(self, panel: Any, label: str, *files: Path) -> None:
        """Give files to the part with this label, and wait until the server has them."""
        part = self.group(panel, label)
        with self.page.expect_response(re.compile("/upload")):
            part.locator("input[type=file]").first.set_input_files(list(files))
