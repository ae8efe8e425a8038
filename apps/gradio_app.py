"""The page: a header and the tabs, each of which runs one command."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable

import gradio as gr

from talkgen.apps.api import endpoints
from talkgen.apps.page import Page

TABS = {
    "talk": "Talk", "emotion": "Emotion", "dub": "Dub", "drive": "Drive", "edit": "Edit still",
    "score": "Score",
}  # fmt: skip
HEADER = """
<header class="head">
  <h1><svg viewBox="0 0 32 32" aria-hidden="true"><rect width="32" height="32" rx="8"
    fill="var(--color-accent)"/><path d="M7 17c2.5-2.6 5.4-3.9 9-3.9s6.5 1.3 9 3.9c-2.3 4-5.3 6-9 6
    s-6.7-2-9-6z" fill="var(--button-primary-text-color)"/><path d="M10 17.3h12" stroke-width="1.6"
    stroke="var(--color-accent)"/></svg>talkgen</h1>
  <p>A portrait and speech become a talking video.</p>
  <button type="button" aria-label="Light or dark" title="Light or dark">&#9680;</button>
</header>
"""
NIGHT = """
element.addEventListener("click", (event) => {
  if (event.target.closest("button")) document.body.classList.toggle("dark");
});
"""
"""Script of the header: its button turns day into night."""


def build(page: Page) -> gr.Blocks:
    """Return the page; `talkgen.apps.look.look()` are the options to launch it with."""
    with gr.Blocks(title="talkgen", analytics_enabled=False) as blocks:
        gr.HTML(HEADER, js_on_load=NIGHT, apply_default_css=False)
        with gr.Tabs(elem_id="tabs") as page.tabs:
            for name, title in TABS.items():
                if (make := _tab(name)) is not None:
                    with gr.Tab(title, id=name, elem_id=f"tab-{name}"):
                        make(page)

        def left(request: gr.Request) -> None:
            page.left(request.session_hash or "")

        blocks.unload(left)
        endpoints(page)
    return blocks


def _tab(name: str) -> Callable[[Page], None] | None:
    """Return `<name>_tab` of `apps/tabs/<name>.py`, None where there is no such file."""
    module = f"talkgen.apps.tabs.{name}"
    if importlib.util.find_spec(module) is None:
        return None
    made: Callable[[Page], None] = getattr(importlib.import_module(module), f"{name}_tab")
    return made
