"""Buttons that take up again what the visitor made last: a video as input, or a whole result."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr
from gradio.context import Context

from talkgen.apps.status import error_html
from talkgen.apps.uploads import visitor_of
from talkgen.apps.work import PRIVATE, Updates
from talkgen.errors import InputError

if TYPE_CHECKING:
    from talkgen.apps.fields import Film
    from talkgen.apps.job import Job
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


def shows_last(
    page: Page,
    button: gr.Button,
    command: str,
    show: Callable[[Job], Updates],
    outputs: Sequence[Any],
) -> None:
    """Let a button show the visitor's last result again, after the page was closed or reloaded.

    command : that the result is of; show : updates of `outputs`
    The button is only there where there is such a result when the page is opened.
    """

    def there(request: gr.Request) -> Any:
        return gr.update(visible=last_done(page.jobs, visitor_of(request), command) is not None)

    def back(request: gr.Request) -> Updates:
        job = last_done(page.jobs, visitor_of(request), command)
        return {button: gr.update(visible=False), **({} if job is None else show(job))}

    opened = Context.root_block
    assert opened is not None
    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": PRIVATE}
    opened.load(there, None, button, **quiet)
    button.click(back, None, [button, *outputs], **quiet)


def last_done(jobs: Jobs, visitor: str, command: str) -> Job | None:
    """Return a visitor's last job with that command that came to its end and has its files."""
    for job in reversed(jobs.of(visitor)):
        good = job.state == "done" and all(path.is_file() for path in job.files.values())
        if good and any(call.command == command for call in job.calls):
            return job
    return None


def last_video(jobs: Jobs, visitor: str) -> Path:
    """Return the video that was made last for a visitor and is still there."""
    for job in reversed(jobs.of(visitor)):
        for path in job.files.values():
            if path.suffix.lower() in VIDEOS and path.is_file():
                return path
    raise InputError("no video was made here yet; make one in Talk, or upload one")
