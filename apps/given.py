"""Whose portrait a visitor gave: the file and the face, as a command is told of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from talkgen.apps.faces import FacePicker, face_values
from talkgen.apps.uploads import picture, visitor_of
from talkgen.apps.work import at

if TYPE_CHECKING:
    import gradio as gr

    from talkgen.apps.page import Page

SIZES = ("source", "256", "384", "512", "768", "1024", "2048")
"""Longer sides to choose from; others can be typed."""


def portrait_given(
    page: Page, field: Any, picker: FacePicker, values: Mapping[Any, Any], request: gr.Request
) -> tuple[Path, dict[str, int | Path]]:
    """Return the picture in a field, checked, and `face` or `landmarks` where one was chosen."""
    with at("portrait"):
        path = picture(values[field], page, request)
        folder = page.folder(visitor_of(request))
        return path, face_values(values[picker.number], values[picker.landmarks], folder)
