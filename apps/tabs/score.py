"""Score: a talking video is measured; what was found in plain words, and the whole report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import gradio as gr

from talkgen.apps.again import again_button, takes_last
from talkgen.apps.at_once import checked_at_once
from talkgen.apps.call import Call
from talkgen.apps.examples import CLIP, example_button, fills
from talkgen.apps.faces import FacePicker
from talkgen.apps.fields import Film, Picture
from talkgen.apps.film_faces import film_picker
from talkgen.apps.job import Job
from talkgen.apps.outcome import blank, file_of, outcome
from talkgen.apps.page import Page
from talkgen.apps.results import report_html
from talkgen.apps.screen import REPORT, REPORT_PAGE, asked_of
from talkgen.apps.uploads import picture, spec, video
from talkgen.apps.work import Faults, Updates, at, work_area

PAGE_CSS = """
iframe { width: 100%; height: 85vh; box-sizing: border-box; background: #fff; border-radius: 8px;
  border: 1px solid var(--border-color-primary); }
"""


@dataclass(frozen=True)
class Fields:
    """What a visitor fills in."""

    video: Film
    source: Picture
    emotion: gr.Textbox
    reference: Film
    picker: FacePicker

    def inputs(self) -> list[Any]:
        """All that a report depends on."""
        return [self.video, self.source, self.emotion, self.reference, self.picker.number]


def score_tab(page: Page) -> None:
    """Build the tab."""
    faults = Faults(page)
    with gr.Row(elem_classes="bench"):
        with gr.Column(scale=4, min_width=320, elem_classes="controls"):
            fields = _fields(page, faults)
            area = work_area("Measure", "score", faults)
        with gr.Column(scale=6, min_width=320, elem_classes="stage"):
            waiting = blank("What is measured appears here.")
            said = gr.HTML("", visible=False, elem_id="score-report")
            kept = outcome("score", waiting, (REPORT_PAGE, REPORT))
            whole = gr.HTML("", visible=False, elem_id="score-page", css_template=PAGE_CSS)
    page.fields |= {"score.video": fields.video, "score.source": fields.source}
    page.fields |= {"score.emotion": fields.emotion}

    def make(values: Mapping[Any, Any], request: gr.Request) -> Sequence[Call]:
        return calls(page, fields, values, request)

    def show(job: Job, asked: Sequence[Call]) -> Updates:
        return kept.shown(page, job, asked) | _shown(said, whole, job, asked)

    empty = kept.empty() | {part: gr.update(value="", visible=False) for part in (said, whole)}
    area.runs(page, fields.inputs(), make, show, [*kept.outputs(), said, whole], empty)


def _fields(page: Page, faults: Faults) -> Fields:
    example = example_button(page, "A clip", "score-example", CLIP)
    again = again_button("score-again")
    film = Film("Talking video", sources=["upload"], elem_id="score-video", height=250)
    place = faults.slot("video", "VIDEO", "clip", "frames", "face")
    picker = film_picker(page, film, "score-first")
    takes_last(page, again, film, place)
    fills(page, example, {film: CLIP})
    checked_at_once(page, film, place, video)
    gr.HTML('<p class="step">To compare it with, if you like</p>')
    source = Picture("Portrait it was made of", elem_id="score-source", height=200)
    checked_at_once(page, source, faults.slot("source", "portrait", "picture"), picture)
    emotion = gr.Textbox(
        label="Emotion that was asked for", placeholder="happy:0.7, or 0:neutral,2.5:sad",
        max_lines=1, elem_id="score-emotion",
    )  # fmt: skip
    faults.slot("emotion", "strength", "track")
    with gr.Accordion("More", open=False, elem_classes="more"):
        reference = Film(
            "Real clip of the same speech", sources=["upload"], elem_id="score-reference",
            height=200,
        )  # fmt: skip
    faults.slot("more", "reference")
    return Fields(film, source, emotion, reference, picker)


def calls(
    page: Page, fields: Fields, values: Mapping[Any, Any], request: gr.Request
) -> Sequence[Call]:
    """Return the command that measures."""
    asked: dict[str, Any] = {"face": values[fields.picker.number]}
    with at("video"):
        asked["video"] = video(values[fields.video], page, request)
    with at("source"):
        if values[fields.source]:
            asked["source"] = picture(values[fields.source], page, request)
    with at("emotion"):
        asked["emotion"] = spec(values[fields.emotion])
    with at("more"):
        if values[fields.reference]:
            asked["reference"] = video(values[fields.reference], page, request)
    return [Call("score", asked, {"json": REPORT, "html": REPORT_PAGE}, "measuring the video")]


def page_html(text: str, title: str) -> str:
    """Return a page of its own inside this one; it can run no script and reach nothing."""
    return f'<iframe sandbox="" title="{escape(title)}" srcdoc="{escape(text)}"></iframe>'


def _shown(said: gr.HTML, whole: gr.HTML, job: Job, asked: Sequence[Call]) -> Updates:
    report, written = file_of(job, REPORT), file_of(job, REPORT_PAGE)
    out: Updates = {}
    if report is not None:
        out[said] = gr.update(value=report_html(report, asked_of(asked)), visible=True)
    if written is not None:
        html = page_html(written.read_text("utf-8"), "The whole report")
        out[whole] = gr.update(value=html, visible=True)
    return out
