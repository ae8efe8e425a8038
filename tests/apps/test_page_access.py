"""The page for everybody: screen readers, keyboards, phones, dark and light."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.apps.visitor import Visitor

PHONE = {"width": 360, "height": 740}
TABS = ["Talk", "Emotion", "Dub", "Drive", "Edit still", "Score"]
NOT_OURS: frozenset[str] = frozenset()
"""Rules of axe that Gradio's own parts break, and that a page cannot mend."""


def violations(visitor: Visitor) -> list[str]:
    """Return what axe finds wrong with the page as it stands, one line for each element."""
    axe: Any = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed"
    )
    found = axe.Axe().run(visitor.page).response["violations"]
    return [
        f"{rule['id']}: {' '.join(node['html'].split())[:160]} | {_why(node)}"
        for rule in found
        if rule["id"] not in NOT_OURS
        for node in rule["nodes"]
    ]


def _why(node: dict[str, Any]) -> str:
    return next((check["message"] for check in [*node["any"], *node["all"], *node["none"]]), "")


def test_the_page_says_what_it_is(visit: Callable[..., Visitor]) -> None:
    visitor = visit()
    assert visitor.page.title() == "talkgen"
    heading = visitor.page.get_by_role("heading", level=1)
    heading.wait_for()
    assert heading.count() == 1
    assert visitor.tabs() == TABS


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_axe_finds_nothing_wrong(visit: Callable[..., Visitor], dark: bool) -> None:
    visitor = visit(dark=dark)
    wrong = {}
    for name in visitor.tabs():
        panel = visitor.tab(name)
        for closed in panel.get_by_role("button", expanded=False).all():
            closed.click()
        visitor.page.wait_for_timeout(400)
        wrong[name] = violations(visitor)
    assert not any(wrong.values()), "\n".join(
        f"{name}: {line}" for name, lines in wrong.items() for line in lines
    )


def test_nothing_is_scrolled_sideways_on_a_phone(visit: Callable[..., Visitor]) -> None:
    visitor = visit(**PHONE)
    for name in visitor.tabs():
        visitor.tab(name)
        wide = visitor.page.evaluate(
            """() => [...document.querySelectorAll('body *')].filter(e => e.checkVisibility()
                 && e.getBoundingClientRect().right > innerWidth + 1
                 && getComputedStyle(e).position !== 'fixed').map(e => e.outerHTML.slice(0, 120))"""
        )
        scrolled = visitor.page.evaluate("document.scrollingElement.scrollWidth - innerWidth")
        assert scrolled <= 0, f"{name} is {scrolled} pixels too wide: {wide[:5]}"
