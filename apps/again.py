"""A button that takes up again the last video that the visitor made, in whichever tab."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import gradio as gr

from talkgen.apps.status import error_html
from talkgen.apps.uploads import visitor_of
from talkgen.apps.work import PRIVATE, Updates
from talkgen.errors import InputError

if TYPE_CHECKING:
    from talkgen.apps.fields import Film
    from talkgen.apps.jobs import Jobs
    from talkgen.apps.page import Page

VIDEOS = (".mp4", ".mkv", ".mov")


def again_button(elem_id: str) -> gr.Button:
    """Return the button, made where this is called; `takes_last` ties it to a field."""
    with gr.Row(elem_classes="tries"):
        return gr.Button("Your last video", size="sm", elem_id=elem_id)


def takes_last(page: Page, button: gr.Button, film: Film, place: gr.HTML) -> None:
    """Let a button put the visitor's last video into a field.

    place : of the field's errors, where it is said that there is none yet
    """

    def take(request: gr.Request) -> Updates:
        try:
            path = last_video(page.jobs, visitor_of(request))
        except InputError as error:
            return {place: gr.update(value=error_html(str(error)), visible=True)}
        return {film: str(path), place: gr.update(value="", visible=False)}

    button.click(take, None, [film, place], show_progress="hidden", api_visibility=PRIVATE)


def last_video(jobs: Jobs, visitor: str) -> Path:
    """Return the video that was made last for a visitor and is still there."""
    for job in reversed(jobs.of(visitor)):
        for path in job.files.values():
            if path.suffix.lower() in VIDEOS and path.is_file():
                return path
    raise InputError("no video was made here yet; make one in Talk, or upload one")
