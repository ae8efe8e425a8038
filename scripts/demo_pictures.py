"""Pictures of every tab of a running `talkgen demo`: in light and dark, and as a phone shows it.

    talkgen demo --port 7860 --no-open &
    python scripts/demo_pictures.py http://127.0.0.1:7860 pictures
    python scripts/demo_pictures.py http://127.0.0.1:7860 pictures --readme results/demo.jpg

`--readme` is one picture of the Talk tab with a finished video, under 150 kB.
"""

from __future__ import annotations

import argparse
import io
import shutil
from collections.abc import Callable
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]
DESKTOP, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
COVER = {"width": 1240, "height": 980}
"""Of the README's picture: the video, and the first lines of its report."""
VIEWS = {
    "light": (DESKTOP, "light"), "dark": (DESKTOP, "dark"),
    "phone": (PHONE, "light"), "phone-dark": (PHONE, "dark"),
}  # fmt: skip
SETTLE_MS = 1500
"""For the page to come to rest."""
RUN_MS = 180_000
MOST_BYTES = 150_000


def main() -> None:
    """Parse, take the pictures, say where they are."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("url")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--view", action="append", choices=VIEWS, help="default: all")
    parser.add_argument("--made", action="store_true", help="with the first example's results")
    parser.add_argument("--readme", type=Path, help="one picture of a finished video")
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        for view in asked.view or VIEWS:
            page = opened(browser, asked.url, view)
            for name in tab_names(page):
                choose(page, name)
                if asked.made and name in EXAMPLES:
                    EXAMPLES[name](page)
                page.wait_for_timeout(SETTLE_MS)
                path = asked.folder / f"{name.lower().replace(' ', '-')}-{view}.png"
                page.screenshot(path=path, full_page=True)
                print(path)
            page.context.close()
        if asked.readme:
            page = opened(browser, asked.url, "light")
            page.set_viewport_size(COVER)
            talk(page)
            write_small(page.screenshot(), asked.readme)
            print(asked.readme)


def opened(browser: Browser, url: str, view: str) -> Page:
    """Return the page in one of `VIEWS`."""
    size, scheme = VIEWS[view]
    page = browser.new_context(viewport=size, color_scheme=scheme).new_page()
    page.goto(url)
    page.get_by_role("tab").first.wait_for()
    page.wait_for_timeout(SETTLE_MS)
    return page


def tab_names(page: Page) -> list[str]:
    """Return the names of all tabs, those that a narrow page keeps in a menu too."""
    hidden = page.locator(".overflow-dropdown button").all_text_contents()
    return [name.strip() for name in [*page.get_by_role("tab").all_inner_texts(), *hidden]]


def choose(page: Page, name: str) -> None:
    """Bring a tab to the front."""
    tab = page.get_by_role("tab", name=name, exact=True)
    if not tab.count():
        page.get_by_role("button", name="More tabs").click()
        tab = page.locator(".overflow-dropdown").get_by_role("button", name=name, exact=True)
    tab.click()


def talk(page: Page) -> None:
    """Make the first example's video, and wait until it is measured."""
    page.get_by_role("button", name="Cheerful").click()
    page.locator("#talk-portrait img").wait_for()
    page.wait_for_timeout(SETTLE_MS)
    page.get_by_role("button", name="Make the video").click()
    page.get_by_role("status").filter(has_text="Done in").wait_for(timeout=RUN_MS)
    page.locator("#talk-video video").evaluate("v => { v.pause(); v.currentTime = 2.0; }")
    page.evaluate("scrollTo(0, 0)")
    page.mouse.move(0, 0)
    page.wait_for_timeout(SETTLE_MS)


EXAMPLES: dict[str, Callable[[Page], None]] = {"Talk": talk}
"""What is made in a tab before its picture is taken."""


def write_small(png: bytes, path: Path) -> None:
    """Write a picture as JPEG below `MOST_BYTES`."""
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    for quality in range(92, 30, -4):
        data = io.BytesIO()
        picture.save(data, "JPEG", quality=quality, optimize=True, progressive=True)
        if data.tell() <= MOST_BYTES:
            break
    path.write_bytes(data.getvalue())


if __name__ == "__main__":
    main()
