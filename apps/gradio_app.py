"""The page: a header and the tabs, each of which runs one command."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable

import gradio as gr

from talkgen.apps.page import Page

TABS = {
    "talk": "Talk", "emotion": "Emotion", "dub": "Dub", "drive": "Drive", "edit": "Edit still",
    "score": "Score",
}  # fmt: skip


def build(page: Page) -> gr.Blocks:
    """Return the page; `talkgen.apps.look.look()` are the options to launch it with."""
    with gr.Blocks(title="talkgen", analytics_enabled=False) as blocks:
        gr.HTML('<h1 class="talkgen-name">talkgen</h1>')
        with gr.Tabs(elem_id="tabs") as page.tabs:
            for name, title in TABS.items():
                if (make := _tab(name)) is not None:
                    with gr.Tab(title, id=name, elem_id=f"tab-{name}"):
                        make(page)

        def left(request: gr.Request) -> None:
            page.left(request.session_hash or "")

        blocks.unload(left)
    return blocks


def _tab(name: str) -> Callable[[Page], None] | None:
    """Return `<name>_tab` of `apps/tabs/<name>.py`, None where there is no such file."""
    module = f"talkgen.apps.tabs.{name}"
    if importlib.util.find_spec(module) is None:
        return None
    made: Callable[[Page], None] = getattr(importlib.import_module(module), f"{name}_tab")
    return made
