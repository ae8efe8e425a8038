"""Talk: a portrait and speech, recorded, uploaded or typed, become a video with its report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from talkgen.apps.again import shows_last
from talkgen.apps.at_once import checked_at_once
from talkgen.apps.call import Call, made
from talkgen.apps.defaults import has, usual
from talkgen.apps.examples import PORTRAIT, SPEECH, tries
from talkgen.apps.faces import FacePicker, face_picker, judged_values
from talkgen.apps.fields import Picture, Sound
from talkgen.apps.given import SIZES, portrait_given
from talkgen.apps.job import Job
from talkgen.apps.page import Page
from talkgen.apps.screen import MOTION, REPORT, REPORT_PAGE, VIDEO, Screen, screen
from talkgen.apps.uploads import sound, spec, words
from talkgen.apps.work import PRIVATE, Faults, Updates, WorkArea, at, work_area
from talkgen.audio.speak import FASTEST, SLOWEST, check_speech, installed, voices
from talkgen.types import EMOTIONS

PRESETS = {"none": "", "auto": "auto", **{name: f"{name}:0.8" for name in EMOTIONS}}
"""What one click asks for; "auto" is what the voice sounds like."""
SCALES = {
    "pose_scale": "Head", "expression_scale": "Face", "mouth_scale": "Mouth",
    "brow_scale": "Brows and lids", "blink_scale": "Blinks",
}  # fmt: skip
EXAMPLES = {
    "Cheerful": "happy:0.8",
    "Sad news": "sad:0.9",
    "From sad to happy": "0:sad:0.9,2.8:happy:0.8",
}
RECORDED, TYPED = "Recording", "Typed text"


@dataclass(frozen=True)
class Fields:
    """What a visitor fills in. typed, voice, speed : None where nothing can read a text aloud"""

    portrait: Picture
    picker: FacePicker
    source: gr.Radio | None
    speech: Sound
    typed: gr.Textbox | None
    voice: gr.Dropdown | None
    speed: gr.Slider | None
    preset: gr.Radio
    emotion: gr.Textbox
    more: Mapping[str, Any]

    def inputs(self) -> list[Any]:
        """All that a video depends on."""
        typed = [f for f in (self.source, self.typed, self.voice, self.speed) if f is not None]
        picked = [self.picker.number, self.picker.landmarks]
        return [self.portrait, *picked, self.speech, *typed, self.emotion, *self.more.values()]


def talk_tab(page: Page) -> None:
    """Build the tab."""
    faults = Faults(page)
    with gr.Row(elem_classes="bench"):
        with gr.Column(scale=4, min_width=320, elem_classes="controls"):
            examples = _examples(page)
            fields = _fields(page, faults)
            area = work_area("Make the video", "talk", faults)
        with gr.Column(scale=6, min_width=320, elem_classes="stage"):
            shown = screen(
                "talk", "The video appears here, then its report.",
                (VIDEO, MOTION, REPORT, REPORT_PAGE),
            )  # fmt: skip
            again = gr.Button("Your last video", size="sm", visible=False, elem_id="talk-again")
    shows_last(
        page, again, "talk", lambda job: {**shown.empty(), **shown.shown(page, job, job.calls)},
        shown.outputs(),
    )  # fmt: skip
    _bind(page, fields, area, shown)
    for emotion, button in examples.items():
        _load(page, fields, button, emotion)
    page.fields |= {
        "talk.portrait": fields.portrait, "talk.emotion": fields.emotion,
        "talk.preset": fields.preset,
    }  # fmt: skip


def _fields(page: Page, faults: Faults) -> Fields:
    portrait = Picture("Portrait", elem_id="talk-portrait", height=210)
    picker = face_picker(page, portrait)
    faults.slot("portrait", "face", "landmarks", "picture")
    speaks = has("say") and installed() is not None
    source = typed = voice = speed = None
    if speaks:
        source = gr.Radio(
            [RECORDED, TYPED], value=RECORDED, show_label=False, label="Speech is",
            elem_classes="segments", container=False,
        )  # fmt: skip
    speech = Sound("Speech", elem_id="talk-speech", elem_classes="low")
    if speaks:
        typed, voice, speed = _typed()
    place = faults.slot("speech", "audio", "sound", "text", "voice", "speed")
    checked_at_once(page, speech, place, sound)
    with gr.Row(elem_classes="headed"):
        gr.HTML('<p class="step">Emotion</p>')
        mix = gr.Button("Mix it on the portrait", size="sm", elem_id="talk-mix")
    page.fields["talk.mix"] = mix
    preset = gr.Radio(
        [(name, value) for name, value in PRESETS.items()], value="", label="Emotion presets",
        show_label=False, container=False, elem_classes="chips", elem_id="talk-preset",
    )  # fmt: skip
    emotion = gr.Textbox(
        label="Emotion as text", placeholder="as photographed, or happy:0.7, or 0:neutral,2.5:sad",
        max_lines=1, elem_id="talk-emotion", show_label=False, container=False,
    )  # fmt: skip
    faults.slot("emotion", "strength", "track")
    with gr.Accordion("More", open=False, elem_classes="more"):
        more = _more()
    faults.slot("more", "size", "seed", "candidates", "fps", *SCALES)
    return Fields(portrait, picker, source, speech, typed, voice, speed, preset, emotion, more)


def _typed() -> tuple[gr.Textbox, gr.Dropdown, gr.Slider]:
    typed = gr.Textbox(
        label="Text to say", lines=3, max_lines=8, visible=False, elem_id="talk-text",
        placeholder="What the portrait shall say", max_length=2000,
    )  # fmt: skip
    with gr.Column(elem_classes="tight"):
        voice = gr.Dropdown(
            [(f"{v.title} ({v.name})", v.name) for v in voices()], value=usual("say", "voice"),
            label="Voice", visible=False, filterable=True,
        )  # fmt: skip
        speed = gr.Slider(
            SLOWEST, FASTEST, value=usual("say", "speed"), step=0.05, label="Speed", visible=False,
            buttons=[], elem_classes="lean",
        )  # fmt: skip
    return typed, voice, speed


def _more() -> dict[str, Any]:
    """Return the fields that few need, by parameter."""
    with gr.Row(elem_classes="pair"):
        out: dict[str, Any] = {
            "size": gr.Dropdown(
                list(SIZES), value=usual("talk", "size"), label="Longer side",
                info="pixels, or the picture's own", allow_custom_value=True,
            ),
            "seed": gr.Number(
                value=usual("talk", "seed"), precision=0, minimum=0, label="Seed",
                info="same seed, same motion",
            ),
        }  # fmt: skip
    out["candidates"] = gr.Slider(
        1, 8, value=usual("talk", "candidates"), step=1, label="Motions tried", buttons=[],
        elem_classes="lean",
    )  # fmt: skip
    with gr.Row(elem_classes="pair"):
        out["still"] = gr.Checkbox(usual("talk", "still"), label="Head still")
        out["crop"] = gr.Checkbox(usual("talk", "crop"), label="Only the head")
    for name, label in SCALES.items():
        out[name] = gr.Slider(
            0, 2, value=usual("talk", name), step=0.05, label=label, buttons=[],
            elem_classes="lean",
        )  # fmt: skip
    return out


def _examples(page: Page) -> dict[str, gr.Button]:
    """Return a button for each example, by emotion; none where their files are missing."""
    if not {PORTRAIT, SPEECH} <= page.examples.keys():
        return {}
    with tries(several=True):
        return {
            emotion: gr.Button(name, size="sm", elem_id=f"talk-example-{number}")
            for number, (name, emotion) in enumerate(EXAMPLES.items(), 1)
        }


def _bind(page: Page, fields: Fields, area: WorkArea, shown: Screen) -> None:
    fields.preset.input(
        None, fields.preset, fields.emotion, js="(value) => value", api_visibility=PRIVATE
    )
    known = ",".join(f'"{value}"' for value in PRESETS.values())
    fields.emotion.change(  # `input` is not told where only a script listens
        None, fields.emotion, fields.preset, api_visibility=PRIVATE,
        js=f"(text) => [{known}].includes(text.trim()) ? text.trim() : 'other'",
    )  # fmt: skip
    if fields.source is not None:
        ways = [fields.speech, fields.typed, fields.voice, fields.speed]

        def switch(source: str) -> list[Any]:
            recorded = source == RECORDED
            return [gr.update(visible=recorded), *[gr.update(visible=not recorded)] * 3]

        fields.source.input(
            switch, fields.source, ways, queue=False, show_progress="hidden",
            api_visibility=PRIVATE,
        )  # fmt: skip

    def make(values: Mapping[Any, Any], request: gr.Request) -> Sequence[Call]:
        return calls(page, fields, values, request)

    def show(job: Job, asked: Sequence[Call]) -> Updates:
        return shown.shown(page, job, asked)

    area.runs(page, fields.inputs(), make, show, shown.outputs(), shown.empty())


def _load(page: Page, fields: Fields, button: gr.Button, emotion: str) -> None:
    """Let a button fill in an example."""
    known = emotion if emotion in PRESETS.values() else None

    def load() -> list[Any]:
        files = [str(page.examples[PORTRAIT]), str(page.examples[SPEECH])]
        return [*files, emotion, known, *([gr.update(value=RECORDED)] if fields.source else [])]

    outputs = [fields.portrait, fields.speech, fields.emotion, fields.preset]
    outputs += [fields.source] if fields.source else []
    button.click(load, None, outputs, show_progress="hidden", api_visibility=PRIVATE)


def calls(
    page: Page, fields: Fields, values: Mapping[Any, Any], request: gr.Request
) -> Sequence[Call]:
    """Return the commands of a video: `say` for a typed text, `talk`, `score`."""
    out: list[Call] = []
    face, which = portrait_given(page, fields.portrait, fields.picker, values, request)
    with at("speech"):
        speech: Any
        if fields.source is not None and values[fields.source] == TYPED:
            text, voice = words(values[fields.typed]), values[fields.voice]
            speed = float(values[fields.speed])
            check_speech(text, voice, speed)  # "-" would be no text but standard input
            said = {"text": text, "voice": voice, "speed": speed}
            out.append(Call("say", said, {"output": "speech.wav"}, "reading the text aloud"))
            speech = made("output")
        else:
            speech = sound(values[fields.speech], page, request)
    with at("emotion"):
        emotion = spec(values[fields.emotion])
    more = {name: values[component] for name, component in fields.more.items()}
    asked = {"portrait": face, "speech": speech, "emotion": emotion or "", **which, **more}
    out.append(Call(
        "talk", asked, {"output": VIDEO, "motion_out": MOTION}, "making the video"
    ))  # fmt: skip
    picked = values[fields.picker.number], values[fields.picker.landmarks]
    same = judged_values(face, *picked, crop=bool(more["crop"]))
    if same is not None:
        judged = {"video": made("output"), **same}
        if emotion and emotion != "auto":
            judged["emotion"] = emotion
        out.append(Call("score", judged, {"json": REPORT, "html": REPORT_PAGE}, "measuring it"))
    return out
