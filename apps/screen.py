"""Where a tab shows the video that it made, what was measured in it, and how the face moves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import gradio as gr

from talkgen.apps.call import Call
from talkgen.apps.fields import Film
from talkgen.apps.job import Job
from talkgen.apps.outcome import Outcome, blank, file_of, outcome
from talkgen.apps.page import Page
from talkgen.apps.results import FOLLOW, motion_plot, report_html, silence_of
from talkgen.apps.status import hint_html
from talkgen.apps.work import Updates

VIDEO, MOTION, REPORT, REPORT_PAGE = "video.mp4", "motion.csv", "report.json", "report.html"
"""Names of what a tab makes; those that a tab does not make stay away."""


@dataclass(frozen=True)
class Screen:
    """The video, its report, its motion, and what all results have."""

    video: Film
    report: gr.HTML
    plot: gr.HTML
    rest: Outcome

    def outputs(self) -> list[gr.Component]:
        """All parts."""
        return [self.video, self.report, self.plot, *self.rest.outputs()]

    def empty(self) -> Updates:
        """Return the updates that take away what an earlier run made."""
        return {
            **self.rest.empty(), self.video: gr.update(value=None, visible=False),
            self.report: gr.update(value="", visible=False),
            self.plot: gr.update(value="", visible=False),
        }  # fmt: skip

    def shown(self, page: Page, job: Job, calls: Sequence[Call], about: str = "") -> Updates:
        """Return the updates for what a job has made so far; about : a line above the report."""
        out = self.rest.shown(page, job, calls)
        video, motion, report = (file_of(job, name) for name in (VIDEO, MOTION, REPORT))
        if video is not None:
            out[self.video] = gr.update(value=str(video), visible=True)
        emotion = asked_of(calls)
        if motion is not None:
            silence = [] if report is None else silence_of(report)
            plot = motion_plot(motion, silence, report, emotion)
            out[self.plot] = gr.update(value=plot, visible=True)
        if report is not None:
            text = hint_html(about) + report_html(report, emotion)
            out[self.report] = gr.update(value=text, visible=True)
        return out


def asked_of(calls: Sequence[Call]) -> str | None:
    """Return the emotion that the last call measures a video against, None where it does not."""
    emotion = calls[-1].values.get("emotion")
    return emotion if isinstance(emotion, str) else None


def screen(name: str, text: str, files: Sequence[str]) -> Screen:
    """Return the parts, made where this is called.

    name : of the tab; text : what stands there until something is made; files : to be kept
    """
    waiting = blank(text)
    video = Film(
        "Video", interactive=False, visible=False, elem_id=f"{name}-video", autoplay=True,
        height=None, buttons=["fullscreen"],
    )  # fmt: skip
    rest = outcome(name, waiting, files)
    report = gr.HTML("", visible=False, elem_id=f"{name}-report")
    plot = gr.HTML("", visible=False, elem_id=f"{name}-motion", js_on_load=FOLLOW)
    return Screen(video, report, plot, rest)
