"""Parts of the mixer: rows of sliders that are one value, and a line of text that is heard at once.

Gradio's own sliders, one component each, would cost the browser a tenth of a second a move, and its
text field does not tell what was pasted from what a handler wrote.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from talkgen.errors import InputError

ASSETS = Path(__file__).with_name("assets")
SCRIPT = (ASSETS / "mixer.js").read_text("utf-8")
LINE = (ASSETS / "line.js").read_text("utf-8")
MOVED = "moved"


def mixer(groups: Mapping[str, Mapping[str, str]], elem_id: str) -> gr.HTML:
    """Return the sliders, made where this is called.

    groups : by heading ("" for none), names of the sliders and what they are called
    """
    return gr.HTML(
        levels({}), html_template="".join(_group(*group, elem_id) for group in groups.items()),
        js_on_load=SCRIPT, apply_default_css=False, elem_id=elem_id, elem_classes="mixer-rows",
    )  # fmt: skip


def text_line(label: str, elem_id: str, *, placeholder: str, most: int) -> gr.HTML:
    """Return a text field of one line, made where this is called; its value is the text.

    It says `input` of what is typed or pasted, `change` of what is written by a handler too.
    """
    field = (
        f'<input type="text" class="line" aria-label="{escape(label)}" maxlength="{most}" '
        f'placeholder="{escape(placeholder)}" autocomplete="off" spellcheck="false">'
    )
    return gr.HTML(
        "", html_template=field, js_on_load=LINE, apply_default_css=False, elem_id=elem_id
    )


def levels(values: Mapping[str, float]) -> str:
    """Return the value that shows these levels; those that are not named are 0."""
    return json.dumps({name: round(value, 2) for name, value in values.items()})


def moved(value: Any, names: Mapping[str, Any] | tuple[str, ...]) -> tuple[str, float]:
    """Return which slider was moved, and to what; raise InputError where the page sent no such."""
    try:
        found = json.loads(value)
        name, level = found[MOVED], float(found[found[MOVED]])
    except (TypeError, ValueError, KeyError) as error:
        raise InputError(f"the sliders say {str(value)[:40]!r}, numbers are needed") from error
    if name not in names or not 0 <= level <= 1:
        raise InputError(f"the slider {str(name)[:40]!r} is at {level:g}, 0 to 1 is possible")
    return name, level


def _group(heading: str, names: Mapping[str, str], elem_id: str) -> str:
    head = f'<p class="step">{escape(heading)}</p>' if heading else ""
    rows = "".join(_row(name, title, elem_id) for name, title in names.items())
    return f'{head}<div class="rows">{rows}</div>'


def _row(name: str, title: str, elem_id: str) -> str:
    title = escape(title)
    limits = 'min="0" max="1" step="0.01" value="0" autocomplete="off"'
    return (
        f'<div class="row-of" data-name="{name}" id="{elem_id}-{name}"><span>{title}</span>'
        f'<input type="range" {limits} aria-label="range slider for {title}">'
        f'<input type="number" {limits} aria-label="number input for {title}"></div>'
    )
