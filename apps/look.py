"""How the page looks: its colours, letters and style sheet; nothing is fetched from elsewhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from talkgen.apps.labels import HEAD
from talkgen.apps.status import CSS as STATUS

FONT = ("ui-sans-serif", "system-ui", "-apple-system", "Segoe UI", "Roboto", "sans-serif")
MONO = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace")
ASSETS = Path(__file__).with_name("assets")
SHEETS = ("page.css", "fit.css")

_COLOURS = {
    "body_background_fill": ("#f4f6f8", "#0e1216"),
    "body_text_color": ("#17202a", "#e3e8ee"),
    "body_text_color_subdued": ("#52606d", "#9fb0c0"),
    "background_fill_primary": ("#ffffff", "#151b21"),
    "background_fill_secondary": ("#f7f9fa", "#1a2129"),
    "border_color_primary": ("#dbe1e7", "#2a343e"),
    "border_color_accent": ("#0f766e", "#2dd4bf"),
    "color_accent_soft": ("#d7f2ee", "#123b38"),
    "link_text_color": ("#0f766e", "#5eead4"),
    "link_text_color_hover": ("#115e59", "#99f6e4"),
    "link_text_color_visited": ("#0f766e", "#5eead4"),
    "link_text_color_active": ("#0f766e", "#5eead4"),
    "block_background_fill": ("#ffffff", "#151b21"),
    "block_border_color": ("#dbe1e7", "#2a343e"),
    "block_label_background_fill": ("#ffffff", "#151b21"),
    "block_label_text_color": ("#3d4a57", "#b7c4d0"),
    "block_label_border_color": ("#dbe1e7", "#2a343e"),
    "block_title_text_color": ("#3d4a57", "#b7c4d0"),
    "block_info_text_color": ("#5b6875", "#94a5b5"),
    "input_background_fill": ("#ffffff", "#10161b"),
    "input_border_color": ("#c4ccd4", "#3a4652"),
    "input_border_color_focus": ("#0f766e", "#2dd4bf"),
    "input_placeholder_color": ("#66727f", "#8b9aa8"),
    "slider_color": ("#0f766e", "#2dd4bf"),
    "button_primary_background_fill": ("#0f766e", "#2dd4bf"),
    "button_primary_background_fill_hover": ("#115e59", "#5eead4"),
    "button_primary_text_color": ("#ffffff", "#04211e"),
    "button_primary_text_color_hover": ("#ffffff", "#04211e"),
    "button_secondary_background_fill": ("#ffffff", "#1d262e"),
    "button_secondary_background_fill_hover": ("#eef2f5", "#27323c"),
    "button_secondary_border_color": ("#c4ccd4", "#3a4652"),
    "button_secondary_text_color": ("#24303b", "#dbe3ea"),
    "button_cancel_background_fill": ("#ffffff", "#1d262e"),
    "button_cancel_background_fill_hover": ("#fdecec", "#3a1d1f"),
    "button_cancel_border_color": ("#b42318", "#f87171"),
    "button_cancel_text_color": ("#b42318", "#fca5a5"),
    "checkbox_background_color": ("#ffffff", "#10161b"),
    "checkbox_background_color_selected": ("#0f766e", "#0f766e"),
    "checkbox_border_color": ("#8a96a3", "#5b6b7a"),
    "checkbox_border_color_focus": ("#0f766e", "#2dd4bf"),
    "checkbox_border_color_selected": ("#0f766e", "#2dd4bf"),
    "checkbox_label_background_fill": ("#ffffff", "#1d262e"),
    "checkbox_label_background_fill_hover": ("#eef2f5", "#27323c"),
    "checkbox_label_background_fill_selected": ("#d7f2ee", "#123b38"),
    "checkbox_label_border_color": ("#c4ccd4", "#3a4652"),
    "checkbox_label_text_color": ("#24303b", "#dbe3ea"),
    "checkbox_label_text_color_selected": ("#0b4f4a", "#99f6e4"),
    "panel_background_fill": ("#ffffff", "#151b21"),
    "panel_border_color": ("#dbe1e7", "#2a343e"),
    "accordion_text_color": ("#24303b", "#dbe3ea"),
    "loader_color": ("#0f766e", "#2dd4bf"),
}
"""Parts of the theme: their colour by day and by night."""
_SHAPES = {
    "button_border_width": "1px", "input_border_width": "1px",
    "button_primary_border_color": "transparent",
    "button_primary_border_color_dark": "transparent", "button_large_padding": "10px 18px",
    "button_large_text_weight": "600", "button_small_text_weight": "500",
    "block_label_text_weight": "500", "block_title_text_weight": "500", "block_shadow": "none",
    "block_shadow_dark": "none", "block_label_shadow": "none", "input_shadow": "none",
    "input_shadow_focus": "0 0 0 2px color-mix(in srgb, var(--color-accent) 35%, transparent)",
    "input_shadow_dark": "none", "layout_gap": "12px", "block_padding": "10px 12px",
}  # fmt: skip


def look() -> dict[str, Any]:
    """Return the options of `Blocks.launch` that make the page look as it does."""
    return {"theme": _theme(), "css": style(), "head": HEAD}


def style() -> str:
    """Return the page's own style sheet."""
    return "".join((ASSETS / name).read_text("utf-8") for name in SHEETS) + STATUS


def _theme() -> gr.themes.Base:
    theme = gr.themes.Base(
        primary_hue="teal", secondary_hue="teal", neutral_hue="slate", font=FONT, font_mono=MONO,
        text_size="md", spacing_size="sm", radius_size="md",
    )  # fmt: skip
    day = {name: by_day for name, (by_day, _) in _COLOURS.items()}
    night = {f"{name}_dark": by_night for name, (_, by_night) in _COLOURS.items()}
    return theme.set(**day, **night, **_SHAPES)
