"""The page for everybody: screen readers, keyboards, phones, dark and light."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.apps.visitor import Visitor

PHONE = {"width": 360, "height": 740}
TABS = ["Talk", "Emotion", "Dub", "Drive", "Edit still", "Score"]


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
        wrong[name] = visitor.violations()
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
