"""Edit still: a portrait with another expression, turn of the head or look, seen as it changes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from talkgen.apps.call import Call
from talkgen.apps.compare import compared, comparison
from talkgen.apps.defaults import usual
from talkgen.apps.examples import PORTRAIT, example_button, fills
from talkgen.apps.faces import FacePicker, face_picker
from talkgen.apps.fields import Picture
from talkgen.apps.given import SIZES, portrait_given
from talkgen.apps.job import Job
from talkgen.apps.outcome import blank, file_of, outcome
from talkgen.apps.page import Page
from talkgen.apps.uploads import LONGEST_SPEC, picture, spec
from talkgen.apps.work import PRIVATE, Faults, Updates, at, notes_html, work_area
from talkgen.errors import InputError, NoFaceError, TalkgenError
from talkgen.render.pose import LIMITS_RAD
from talkgen.types import EMOTIONS

PRESETS = {"as photographed": "", **{name: f"{name}:0.8" for name in EMOTIONS}}
MOST_GAZE = 24
"""Degrees that eyes turn, as `talkgen edit --help` says."""
FORMATS = {"PNG": "edited.png", "JPEG": "edited.jpg", "WebP": "edited.webp"}
SHEET = "sheet.png"


@dataclass(frozen=True)
class Fields:
    """What a visitor fills in. pose, gaze : sliders in degrees, in the command's order"""

    portrait: Picture
    picker: FacePicker
    preset: gr.Radio
    emotion: gr.Textbox
    units: gr.Textbox
    pose: Mapping[str, gr.Slider]
    camera: gr.Checkbox
    gaze: Mapping[str, gr.Slider]
    reset: gr.Button
    format: gr.Radio
    sheet: gr.Checkbox
    size: gr.Dropdown
    crop: gr.Checkbox

    def asked(self) -> list[Any]:
        """What the picture shows."""
        return [
            self.emotion, self.units, *self.pose.values(), self.camera, *self.gaze.values(),
        ]  # fmt: skip

    def inputs(self) -> list[Any]:
        """All that a picture depends on."""
        picked = [self.picker.number, self.picker.landmarks]
        return [
            self.portrait, *picked, *self.asked(), self.format, self.sheet, self.size, self.crop,
        ]  # fmt: skip


def edit_tab(page: Page) -> None:
    """Build the tab."""
    faults = Faults(page)
    with gr.Row(elem_classes="bench"):
        with gr.Column(scale=4, min_width=320, elem_classes="controls"):
            fields = _fields(page, faults)
            area = work_area("Save the picture", "edit", faults)
        with gr.Column(scale=6, min_width=320, elem_classes="stage"):
            waiting = blank("The portrait appears here, as you want it.")
            preview = comparison("edit-preview")
            remarks = gr.HTML("", visible=False, elem_id="edit-remarks")
            made = gr.Image(
                label="Saved", show_label=False, visible=False, interactive=False,
                elem_id="edit-made", buttons=["fullscreen"], alt_text="The picture that was made",
            )  # fmt: skip
            kept = outcome("edit", waiting, (*FORMATS.values(), SHEET))
    page.fields |= {"edit.portrait": fields.portrait, "edit.emotion": fields.emotion}
    _bind_preview(page, fields, faults, [preview, remarks, waiting])
    _bind_fields(fields)

    def make(values: Mapping[Any, Any], request: gr.Request) -> Sequence[Call]:
        return calls(page, fields, values, request)

    def show(job: Job, asked: Sequence[Call]) -> Updates:
        out = kept.shown(page, job, asked)
        out.pop(waiting, None)
        for name in (*FORMATS.values(), SHEET):
            if (path := file_of(job, name)) is not None:
                out[made] = gr.update(value=str(path), visible=True, label=name)
        return out

    empty = kept.empty() | {made: gr.update(value=None, visible=False)}
    del empty[waiting]
    outputs = [made, *(part for part in kept.outputs() if part is not waiting)]
    area.runs(page, fields.inputs(), make, show, outputs, empty)


def _portrait(page: Page, faults: Faults) -> tuple[Picture, FacePicker]:
    """Return the portrait's fields, with an example of one click."""
    example = example_button(page, "Astronaut", "edit-example", PORTRAIT)
    portrait = Picture("Portrait", elem_id="edit-portrait", height=250)
    picker = face_picker(page, portrait)
    faults.slot("portrait", "face", "landmarks", "picture")
    fills(page, example, {portrait: PORTRAIT})
    return portrait, picker


def _expression(faults: Faults) -> tuple[gr.Radio, gr.Textbox, gr.Textbox]:
    """Return presets, the emotion's text and the action units'."""
    gr.HTML('<p class="step">Expression</p>')
    preset = gr.Radio(
        list(PRESETS.items()), value="", label="Emotion presets", show_label=False,
        container=False, elem_classes="chips", elem_id="edit-preset",
    )  # fmt: skip
    emotion = gr.Textbox(
        label="Emotion as text", max_lines=1, elem_id="edit-emotion", max_length=LONGEST_SPEC,
        placeholder="happy:0.7, or happy:0.5+surprise:0.3, or valence:0.6+arousal:-0.2",
    )  # fmt: skip
    faults.slot("emotion", "strength", "track")
    units = gr.Textbox(
        label="Action units", placeholder="AU12:0.8+AU4:0.3", max_lines=1, elem_id="edit-au",
        max_length=LONGEST_SPEC, info="from 0 to 1; AU12L or AU12R moves one side",
    )  # fmt: skip
    faults.slot("au", "action units", "unit")
    return preset, emotion, units


def _fields(page: Page, faults: Faults) -> Fields:
    portrait, picker = _portrait(page, faults)
    preset, emotion, units = _expression(faults)
    gr.HTML('<p class="step">Head and eyes, degrees from where they are</p>')
    pitch, yaw, roll = (round(math.degrees(limit)) for limit in LIMITS_RAD)
    with gr.Group(elem_classes="angles"):
        pose = {
            "yaw": _angle("Turn left", yaw, "yaw"),
            "pitch": _angle("Nod down", pitch, "pitch"),
            "roll": _angle("Tilt right", roll, "roll"),
        }
    faults.slot("pose")
    with gr.Group(elem_classes="angles"):
        gaze = {
            "x": _angle("Look right", MOST_GAZE, "gaze-x"),
            "y": _angle("Look down", MOST_GAZE, "gaze-y"),
        }
    camera = gr.Checkbox(
        False, label="Eyes look at the camera", elem_id="edit-camera", container=False
    )
    faults.slot("gaze")
    reset = gr.Button("As photographed", size="sm", elem_id="edit-reset")
    with gr.Accordion("More", open=False, elem_classes="more"):
        chosen = gr.Radio(
            list(FORMATS), value="PNG", label="File", elem_id="edit-format",
            info="in a PNG every pixel that does not move is the source's own",
        )  # fmt: skip
        with gr.Row(elem_classes="pair"):
            size = gr.Dropdown(
                list(SIZES), value=usual("edit", "size"), label="Longer side",
                allow_custom_value=True, info="pixels, or the picture's own",
            )  # fmt: skip
            crop = gr.Checkbox(usual("edit", "crop"), label="Only the head")
        sheet = gr.Checkbox(
            usual("edit", "sheet"), label="A sheet of all eight emotions",
            elem_id="edit-sheet", info="at three strengths, or of the emotion above at six; "
            "pose and gaze hold for all",
        )  # fmt: skip
    faults.slot("more", "size")
    return Fields(
        portrait, picker, preset, emotion, units, pose, camera, gaze, reset, chosen, sheet, size,
        crop,
    )  # fmt: skip


def _angle(label: str, most: int, name: str) -> gr.Slider:
    return gr.Slider(
        -most, most, value=0, step=1, label=label, elem_classes="lean", elem_id=f"edit-{name}"
    )


def _bind_fields(fields: Fields) -> None:
    """Let presets write the text, the text mark its preset, and one button take all back."""
    quiet: dict[str, Any] = {"api_visibility": PRIVATE, "show_progress": "hidden"}
    fields.preset.input(None, fields.preset, fields.emotion, js="(value) => value", **quiet)
    known = ",".join(f'"{value}"' for value in PRESETS.values())
    fields.emotion.change(
        None, fields.emotion, fields.preset, **quiet,
        js=f"(text) => [{known}].includes(text.trim()) ? [text.trim()] : ['-']",
    )  # fmt: skip
    rest = "".join(", 0" for _ in (*fields.pose, *fields.gaze))
    fields.reset.click(
        None, None,
        [fields.preset, fields.emotion, fields.units, fields.camera, *fields.pose.values(),
         *fields.gaze.values()],
        js=f'() => ["", "", "", false{rest}]', **quiet,
    )  # fmt: skip

    def watched(camera: bool) -> list[Any]:
        return [gr.update(interactive=not camera) for _ in fields.gaze]

    fields.camera.change(watched, fields.camera, list(fields.gaze.values()), queue=False, **quiet)


def _bind_preview(page: Page, fields: Fields, faults: Faults, parts: Sequence[gr.HTML]) -> None:
    """Draw the portrait again whenever something changes."""
    preview, remarks, waiting = parts
    slots = list(faults.slots.values())
    inputs = [
        fields.portrait, fields.picker.number, fields.picker.landmarks, fields.crop,
        *fields.asked(),
    ]  # fmt: skip

    def draw(values: dict[Any, Any], request: gr.Request) -> Updates:
        nothing = {
            preview: gr.update(value="", visible=False), waiting: gr.update(visible=True),
            remarks: gr.update(value="", visible=False), **faults.cleared(),
        }  # fmt: skip
        if not values[fields.portrait]:
            return nothing
        try:
            still, notes = _drawn(page, fields, values, request)
        except NoFaceError:  # the picker says so, and what to do
            return nothing
        except TalkgenError as error:
            return faults.shown(error, otherwise="portrait")
        return {
            preview: gr.update(value=still, visible=True), waiting: gr.update(visible=False),
            remarks: gr.update(value=notes_html(notes), visible=bool(notes)), **faults.cleared(),
        }  # fmt: skip

    gr.on(
        [fields.picker.version.change, *(part.change for part in (*fields.asked(), fields.crop))],
        draw, set(inputs), [preview, remarks, waiting, *slots], show_progress="hidden",
        trigger_mode="always_last", concurrency_limit=None, api_visibility=PRIVATE,
    )  # fmt: skip


def _drawn(
    page: Page, fields: Fields, values: Mapping[Any, Any], request: gr.Request
) -> tuple[str, list[str]]:
    """Return the preview beside the photograph as HTML, and what could not be done as asked."""
    with at("portrait"):
        path = picture(values[fields.portrait], page, request)
    asked = wanted(fields, values)
    which = {
        "face": values[fields.picker.number], "landmarks": values[fields.picker.landmarks],
        "crop": values[fields.crop],
    }  # fmt: skip
    still, notes = page.stills.still_and_notes(path, **asked, **which)
    return compared(page.stills.still(path, **which), still), notes


def wanted(fields: Fields, values: Mapping[Any, Any]) -> dict[str, str | None]:
    """Return emotion, units, pose and gaze as the command has them; None for what stays as it is.

    Raises FieldError for a text that is none.
    """
    from talkgen.motion.still import as_still

    with at("emotion"):
        emotion = spec(values[fields.emotion])
    with at("au"):
        units = (values[fields.units] or "").strip() or None
        as_still(au=units)
    turn = [values[slider] or 0 for slider in fields.pose.values()]
    look = [values[slider] or 0 for slider in fields.gaze.values()]
    gaze = ",".join(f"{v:g}" for v in look) if any(look) else None
    if values[fields.camera]:
        gaze = "camera"
    return {
        "emotion": emotion, "au": units, "gaze": gaze,
        "pose": ",".join(f"{v:g}" for v in turn) if any(turn) else None,
    }  # fmt: skip


def calls(
    page: Page, fields: Fields, values: Mapping[Any, Any], request: gr.Request
) -> Sequence[Call]:
    """Return the command that makes the picture, or the sheet."""
    face, which = portrait_given(page, fields.portrait, fields.picker, values, request)
    sheet = bool(values[fields.sheet])
    with at("more"):
        if values[fields.format] not in FORMATS:
            raise InputError(f"`format` is {values[fields.format]!r}, choose PNG, JPEG or WebP")
    name = SHEET if sheet else FORMATS[values[fields.format]]
    asked = {
        "portrait": face, **wanted(fields, values), "sheet": sheet, "size": values[fields.size],
        "crop": values[fields.crop], **which,
    }  # fmt: skip
    title = "making the sheet" if sheet else "making the picture"
    return [Call("edit", asked, {"output": name}, title)]
