"""Whose face of a video it is: chosen by a click on its first picture, where that shows several."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

import gradio as gr

from talkgen.apps.faces import FacePicker, face_picker
from talkgen.apps.fields import Film, Picture
from talkgen.apps.uploads import video, visitor_of
from talkgen.apps.work import PRIVATE
from talkgen.errors import TalkgenError

if TYPE_CHECKING:
    from talkgen.apps.page import Page


def film_picker(page: Page, film: Film, elem_id: str) -> FacePicker:
    """Return the picker of a video field's face, made where this is called.

    Commands count the faces of the first frame that shows any, largest first; here it is the first
    frame. elem_id : of the hidden field that the picture is put into
    """
    first = Picture("First picture of the video", visible="hidden", elem_id=elem_id)
    picker = face_picker(page, first, markable=False)

    def show(path: str | None, request: gr.Request) -> str | None:
        try:
            given = video(path, page, request) if path else None
            folder = page.folder(visitor_of(request))
            return None if given is None else str(first_picture(given, folder))
        except TalkgenError:  # said beside the field
            return None

    film.change(
        show, film, first, show_progress="hidden", concurrency_limit=None,
        trigger_mode="always_last", api_visibility=PRIVATE,
    )  # fmt: skip
    return picker


def first_picture(film: Path, folder: Path) -> Path:
    """Return the first picture of a video as a new file below a folder."""
    from PIL import Image

    from talkgen.io.video import open_video

    name = hashlib.sha256(str(film).encode()).hexdigest()[:12]
    path = folder / "first" / f"{name}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(next(iter(open_video(film).frames()))).save(path)
    return path
