"""How the page looks: its colours, letters and style sheet; nothing is fetched from elsewhere."""

from __future__ import annotations

from typing import Any

import gradio as gr

from talkgen.apps import labels

FONT = ("ui-sans-serif", "system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif")
MONO = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace")


def look() -> dict[str, Any]:
    """Return the options of `Blocks.launch` that make the page look as it does."""
    theme = gr.themes.Base(primary_hue="teal", neutral_hue="slate", font=FONT, font_mono=MONO)
    return {"theme": theme, "head": labels.HEAD}
