"""Drive: a portrait moves like the face in a video, uploaded or recorded by the webcam."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from talkgen.apps.again import again_button, takes_last
from talkgen.apps.at_once import checked_at_once
from talkgen.apps.call import Call, made
from talkgen.apps.defaults import usual
from talkgen.apps.examples import CLIP, PORTRAIT, example_button, fills
from talkgen.apps.faces import FacePicker, face_picker, judged_values
from talkgen.apps.fields import Film, Picture
from talkgen.apps.film_faces import film_picker
from talkgen.apps.given import SIZES, portrait_given
from talkgen.apps.job import Job
from talkgen.apps.page import Page
from talkgen.apps.screen import MOTION, REPORT, REPORT_PAGE, VIDEO, screen
from talkgen.apps.uploads import video
from talkgen.apps.work import Faults, FieldError, Updates, at, work_area

REGIONS = {
    "Head": "pose", "Whole face": "expression", "Eyes and gaze": "eyes", "Mouth alone": "mouth",
}  # fmt: skip
WHOLE = ("pose", "expression", "eyes")
"""Together they are everything, which is what the command does if nothing is said."""


@dataclass(frozen=True)
class Fields:
    """What a visitor fills in. more : by the command's parameters"""

    portrait: Picture
    picker: FacePicker
    driver: Film
    driving: FacePicker
    regions: gr.CheckboxGroup
    measure: gr.Checkbox
    more: Mapping[str, Any]

    def inputs(self) -> list[Any]:
        """All that a video depends on."""
        picked = [self.picker.number, self.picker.landmarks, self.driving.number]
        return [
            self.portrait, *picked, self.driver, self.regions, self.measure, *self.more.values(),
        ]  # fmt: skip


def drive_tab(page: Page) -> None:
    """Build the tab."""
    faults = Faults(page)
    with gr.Row(elem_classes="bench"):
        with gr.Column(scale=4, min_width=320, elem_classes="controls"):
            fields = _fields(page, faults)
            area = work_area("Make the video", "drive", faults)
        with gr.Column(scale=6, min_width=320, elem_classes="stage"):
            shown = screen(
                "drive", "The portrait, moving like the face in your video, appears here.",
                (VIDEO, MOTION, REPORT, REPORT_PAGE),
            )  # fmt: skip
    page.fields |= {"drive.portrait": fields.portrait, "drive.video": fields.driver}

    def make(values: Mapping[Any, Any], request: gr.Request) -> Sequence[Call]:
        return calls(page, fields, values, request)

    def show(job: Job, asked: Sequence[Call]) -> Updates:
        return shown.shown(page, job, asked)

    area.runs(page, fields.inputs(), make, show, shown.outputs(), shown.empty())


def _fields(page: Page, faults: Faults) -> Fields:
    example = example_button(page, "Astronaut, and who moves her", "drive-example", PORTRAIT, CLIP)
    gr.HTML('<p class="step">Portrait</p>')
    portrait = Picture("Portrait", elem_id="drive-portrait", height=250)
    picker = face_picker(page, portrait)
    faults.slot("portrait", "landmarks", "picture")
    gr.HTML('<p class="step">Who drives</p>')
    again = again_button("drive-again")
    driver = Film("Driving video: file or webcam", elem_id="drive-driver", height=None)
    place = faults.slot("video", "VIDEO", "driver_face", "clip", "frames")
    driving = film_picker(page, driver, "drive-first")
    takes_last(page, again, driver, place)
    fills(page, example, {portrait: PORTRAIT, driver: CLIP})
    checked_at_once(page, driver, place, video)
    gr.HTML('<p class="step">What moves</p>')
    regions = gr.CheckboxGroup(
        list(REGIONS.items()), value=list(WHOLE), label="What moves", show_label=False,
        container=False, elem_id="drive-regions",
    )  # fmt: skip
    faults.slot("region")
    with gr.Accordion("More", open=False, elem_classes="more"):
        more = _more()
    faults.slot("more", "size", "fps")
    measure = gr.Checkbox(True, label="Measure the video too", container=False)
    return Fields(portrait, picker, driver, driving, regions, measure, more)


def _more() -> dict[str, Any]:
    """Return the fields that few need, by parameter."""
    out: dict[str, Any] = {
        "absolute": gr.Checkbox(
            usual("drive", "absolute"), label="The driver's own turn and expression",
            info="not what changes from their rest",
        ),
        "refine": gr.Checkbox(
            usual("drive", "refine"), label="Look at every frame twice",
            info="for a portrait that is a frame of the video itself; slow",
        ),
    }  # fmt: skip
    with gr.Row(elem_classes="pair"):
        out["sound"] = gr.Checkbox(usual("drive", "sound"), label="Keep the sound")
        out["crop"] = gr.Checkbox(usual("drive", "crop"), label="Only the head")
    out["size"] = gr.Dropdown(
        list(SIZES), value=usual("drive", "size"), label="Longer side", allow_custom_value=True,
        info="pixels, or the picture's own",
    )  # fmt: skip
    return out


def calls(
    page: Page, fields: Fields, values: Mapping[Any, Any], request: gr.Request
) -> Sequence[Call]:
    """Return the commands: `drive`, and `score` where it is to be measured."""
    face, which = portrait_given(page, fields.portrait, fields.picker, values, request)
    with at("video"):
        driver = video(values[fields.driver], page, request)
    regions = moving(values[fields.regions])
    more = {name: values[component] for name, component in fields.more.items()}
    asked = {
        "portrait": face, "video": driver, "region": regions, **which, **more,
        "driver_face": values[fields.driving.number],
    }  # fmt: skip
    out = [Call("drive", asked, {"output": VIDEO, "motion_out": MOTION}, "making the video")]
    judged = judged_values(
        face, values[fields.picker.number], values[fields.picker.landmarks], bool(more["crop"])
    )
    if values[fields.measure] and judged is not None:
        asked = {"video": made("output"), **judged}
        out.append(Call("score", asked, {"json": REPORT, "html": REPORT_PAGE}, "measuring it"))
    return out


def moving(chosen: Sequence[str]) -> list[str]:
    """Return what the command is told of the regions; everything is none of them.

    Raises FieldError where nothing is chosen.
    """
    if not chosen:
        raise FieldError("region", "nothing is chosen that moves; choose the head, the face, ...")
    if set(WHOLE) <= set(chosen):
        return []
    return [name for name in REGIONS.values() if name in chosen]
