"""Ready examples: a button fills a tab's fields with files that the program ships."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import gradio as gr

from talkgen.apps.work import PRIVATE

if TYPE_CHECKING:
    from talkgen.apps.page import Page

PORTRAIT, SPEECH, CLIP = "portrait.jpg", "speech.flac", "clip.mp4"
"""Files of the folder `examples`."""


def tries(*, several: bool = False) -> gr.Row:
    """Return the row of what can be tried at once, named; `with` it, buttons are put in."""
    with gr.Row(elem_classes="tries") as row:
        gr.HTML(f"<span>Example{'s' if several else ''}</span>", elem_classes="tries-name")
    return row


def example_button(page: Page, name: str, elem_id: str, *files: str) -> gr.Button | None:
    """Return a button for an example of those files in a row of its own; None where one misses."""
    if not set(files) <= page.examples.keys():
        return None
    with tries():
        return gr.Button(name, size="sm", elem_id=elem_id)


def fills(page: Page, button: gr.Button | None, given: Mapping[Any, str]) -> None:
    """Let a button put files of the examples into fields."""
    if button is None:
        return
    files = [str(page.examples[name]) for name in given.values()]
    button.click(
        lambda: files if len(files) > 1 else files[0], None, list(given), show_progress="hidden",
        api_visibility=PRIVATE,
    )  # fmt: skip
