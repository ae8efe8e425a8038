"""Where a tab shows what was made: files to keep, remarks, and what to type for the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import gradio as gr

from talkgen.apps.call import Call
from talkgen.apps.job import Job
from talkgen.apps.page import Page
from talkgen.apps.work import Updates, command_lines, notes_html, plain


@dataclass(frozen=True)
class Outcome:
    """The parts of a result that all tabs have.

    blank : what stands there until something is made; files : a button for each, by file name
    given : a button for the file that the page wrote for the command: points, or who says what
    notes : remarks of the commands; command : what to type; more : the fold around it
    """

    blank: gr.HTML
    files: Mapping[str, gr.DownloadButton]
    given: gr.DownloadButton
    notes: gr.HTML
    command: gr.Textbox
    more: gr.Accordion

    def outputs(self) -> list[gr.Component]:
        """All of them."""
        return [self.blank, *self.files.values(), self.given, self.notes, self.command, self.more]

    def empty(self) -> Updates:
        """Return the updates that take away what an earlier run made."""
        return {
            self.blank: gr.update(visible=True), self.more: gr.update(visible=False),
            self.notes: gr.update(value="", visible=False),
            **{b: gr.update(visible=False) for b in (*self.files.values(), self.given)},
        }  # fmt: skip

    def shown(self, page: Page, job: Job, calls: Sequence[Call]) -> Updates:
        """Return the updates for what a job has made so far."""
        out: Updates = {}
        for name, button in self.files.items():
            if (path := file_of(job, name)) is not None:
                out[button] = gr.update(value=str(path), visible=True)
        if job.files:
            out[self.blank] = gr.update(visible=False)
            out[self.command] = command_lines(calls)
            out[self.more] = gr.update(visible=True)
            for path in written_for(calls):
                out[self.given] = gr.update(value=str(path), label=path.name, visible=True)
        if notes := notes_html([plain(page, note) for note in dict.fromkeys(job.notes)]):
            out[self.notes] = gr.update(value=notes, visible=True)
        return out


def blank(text: str) -> gr.HTML:
    """Return what stands where a result will be, made where this is called."""
    return gr.HTML(f'<div class="blank"><p>{text}</p></div>')


def outcome(name: str, waiting: gr.HTML, files: Sequence[str]) -> Outcome:
    """Return the parts below a result, made where this is called.

    name : of the tab; waiting : its `blank`; files : names of what can be kept
    """
    with gr.Row(elem_classes="downloads"):
        buttons = {
            file: gr.DownloadButton(
                file, size="sm", visible=False, elem_id=f"{name}-{file.replace('.', '-')}"
            )
            for file in files
        }
        given = gr.DownloadButton("points.json", size="sm", visible=False, elem_id=f"{name}-given")
    notes = gr.HTML("", visible=False, elem_id=f"{name}-notes")
    with gr.Accordion("The same on the command line", open=False, visible=False) as more:
        command = gr.Textbox(
            label="Commands", lines=2, buttons=["copy"], interactive=False, elem_classes="shell"
        )
    return Outcome(waiting, buttons, given, notes, command, more)


def file_of(job: Job, name: str) -> Path | None:
    """Return a file that a job has made, None while it is not there."""
    return next((path for path in job.files.values() if path.name == name), None)


def written_for(calls: Sequence[Call]) -> list[Path]:
    """Return the lists that the page wrote for commands to read; uploads are never such."""
    values = [value for call in calls for value in call.values.values()]
    return [v for v in values if isinstance(v, Path) and v.suffix == ".json"]
