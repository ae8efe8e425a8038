"""Emotion: sliders, a plane, action units and text are one emotion, seen at once on a portrait."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from talkgen.apps.call import Call
from talkgen.apps.emotion_views import (
    GROUPS,
    UNITS,
    Views,
    views_of,
    with_affect,
    with_strength,
    with_unit,
)
from talkgen.apps.examples import PORTRAIT, example_button, fills
from talkgen.apps.faces import FacePicker, face_picker
from talkgen.apps.fields import Picture
from talkgen.apps.given import portrait_given
from talkgen.apps.inline import data_url
from talkgen.apps.job import Job
from talkgen.apps.mixer import levels, mixer, moved, text_line
from talkgen.apps.outcome import blank, outcome
from talkgen.apps.page import Page
from talkgen.apps.reading import Reader
from talkgen.apps.tabs.talk import PRESETS
from talkgen.apps.uploads import LONGEST_SPEC, picture, spec
from talkgen.apps.work import PRIVATE, Faults, Updates, at, work_area
from talkgen.errors import InputError, NoFaceError, TalkgenError
from talkgen.motion.facs import VALENCE_AROUSAL
from talkgen.types import EMOTIONS, ImageArray

STILL = "still.png"
PAD = (Path(__file__).parents[1] / "assets" / "pad.js").read_text("utf-8")
REST_S = 0.2
"""How long nothing may move before the critic looks."""
TO_LEFT = ("happy", "fear", "disgust")
"""Emotions whose names stand to the left of their place in the plane, for want of room."""
QUIET: dict[str, Any] = {
    "show_progress": "hidden", "api_visibility": PRIVATE, "concurrency_limit": None,
    "trigger_mode": "always_last", "queue": False,
}  # fmt: skip
"""Options of what answers while a slider moves."""


@dataclass(frozen=True)
class Fields:
    """The views of the emotion, and the portrait that shows it."""

    portrait: Picture
    picker: FacePicker
    text: gr.HTML
    strengths: gr.HTML
    pad: gr.HTML
    units: gr.HTML
    close: gr.Checkbox

    def shown(self) -> list[Any]:
        """What the preview depends on beside the emotion."""
        return [self.portrait, self.picker.number, self.picker.landmarks, self.close]

    def views(self) -> list[Any]:
        """All views."""
        return [self.text, self.strengths, self.pad, self.units]


def emotion_tab(page: Page) -> None:
    """Build the tab."""
    faults = Faults(page)
    with gr.Row(elem_classes="bench mixer"):
        with gr.Column(scale=3, min_width=260, elem_classes="controls source"):
            example = example_button(page, "Astronaut", "emotion-example", PORTRAIT)
            portrait = Picture("Portrait", elem_id="emotion-portrait", height=200)
            picker = face_picker(page, portrait)
            faults.slot("portrait", "face", "landmarks", "picture")
            pad = gr.HTML(
                "0,0", html_template=_pad_html(), js_on_load=PAD, apply_default_css=False,
                elem_id="emotion-pad", elem_classes="plane",
            )  # fmt: skip
        with gr.Column(scale=4, min_width=300, elem_classes="controls mix"):
            with gr.Row(elem_classes="pair"):
                text = text_line(
                    "Emotion as text", "emotion-text", placeholder="as photographed",
                    most=LONGEST_SPEC,
                )  # fmt: skip
                reset = gr.Button("As photographed", size="sm", elem_id="emotion-reset", scale=1)
            faults.slot("emotion", "strength", "track", "au")
            strengths = mixer({"": {name: name for name in EMOTIONS}}, "emotion")
            with gr.Accordion("Action units", open=False, elem_classes="more units"):
                units = mixer(_unit_names(), "emotion-units")
        with gr.Column(scale=5, min_width=320, elem_classes="stage"):
            waiting = blank("The portrait appears here, and changes as you move the sliders.")
            preview = gr.HTML("", visible=False, elem_id="emotion-preview")
            reading = gr.HTML("", visible=False, elem_id="emotion-reading")
            with gr.Row(elem_classes="under"):
                close = gr.Checkbox(
                    True, label="Close-up", container=False, elem_id="emotion-close"
                )
                use = gr.Button("Use in Talk", elem_id="emotion-use", size="md", visible=False)
            area = work_area("Save the still", "emotion", faults)
            kept = outcome("emotion", waiting, (STILL,))
    fields = Fields(portrait, picker, text, strengths, pad, units, close)
    page.fields |= {"emotion.portrait": portrait, "emotion.text": text}
    _bind_views(page, fields, faults, [preview, waiting, use], reset)
    look = _bind_portrait(page, fields, faults, [preview, waiting, use])
    _bind_reading(page, fields, reading)
    _bind_talk(page, fields, use, look)
    fills(page, example, {portrait: PORTRAIT})

    def make(values: Mapping[Any, Any], request: gr.Request) -> Sequence[Call]:
        return calls(page, fields, values, request)

    def show(job: Job, asked: Sequence[Call]) -> Updates:
        out = kept.shown(page, job, asked)
        out.pop(waiting, None)
        return out

    empty = kept.empty()
    del empty[waiting]
    outputs = [part for part in kept.outputs() if part is not waiting]
    area.runs(page, [*fields.shown(), text], make, show, outputs, empty)


def _unit_names() -> dict[str, dict[str, str]]:
    return {
        group: {unit: f"{what} · {unit}" for unit, what in units.items()}
        for group, units in GROUPS.items()
    }


def _pad_html() -> str:
    """Return the plane of valence and arousal with the emotions where they lie in it."""
    names = "".join(
        f'<span class="name {"to-left" if name in TO_LEFT else "to-right"}" '
        f'style="left:{50 + 50 * v:.1f}%;top:{50 - 50 * a:.1f}%"><em>{name}</em></span>'
        for name, (v, a) in VALENCE_AROUSAL.items()
    )
    return (
        '<div class="pad" tabindex="0" role="slider" aria-label="Valence and arousal" '
        'aria-roledescription="plane: left and right change valence, up and down arousal" '
        'aria-valuemin="-1" aria-valuemax="1" aria-valuenow="0">'
        f'<i class="axis x"></i><i class="axis y"></i>{names}'
        '<b class="end up">excited</b><b class="end down">calm</b><b class="end left">unpleasant'
        '</b><b class="end right">pleasant</b><span class="dot"></span></div><p class="at"></p>'
    )


def _bind_views(
    page: Page, fields: Fields, faults: Faults, parts: Sequence[gr.Component], reset: gr.Button
) -> None:
    """Let each view write the text, and the text set all others and the preview."""
    outputs = [*fields.views(), *parts, *faults.slots.values()]

    def bind(
        event: Callable[..., Any], source: Any, write: Callable[[Mapping[Any, Any]], str],
        *, typing: bool = False,
    ) -> None:  # fmt: skip
        def hear(values: dict[Any, Any], request: gr.Request) -> Updates:
            nothing = {fields.pad: gr.skip()}
            try:
                with at("emotion"):
                    asked = write(values)
                    shown = _spread(fields, asked, source)
                drawn = _preview(page, fields, parts, values, asked, request)
            except TalkgenError as error:  # of a word that is not yet written to its end, nothing
                return nothing if typing else faults.shown(error, otherwise="portrait")
            return {**shown, **faults.cleared(), **drawn}

        event(hear, {source, fields.text, *fields.shown()}, outputs, **QUIET)

    def now(values: Mapping[Any, Any]) -> Views:
        try:
            return views_of(spec(values[fields.text]))
        except InputError:  # a slider is moved beside a text that is wrong: the slider counts
            return views_of(None)

    faders, units = fields.strengths, fields.units
    bind(faders.input, faders, lambda v: with_strength(now(v), *moved(v[faders], EMOTIONS)))
    bind(units.input, units, lambda v: with_unit(now(v), *moved(v[units], UNITS)))
    pad, text = fields.pad, fields.text
    bind(pad.input, pad, lambda v: with_affect(now(v), *_place(v[pad])))
    bind(text.input, text, lambda v: spec(v[text]) or "", typing=True)
    bind(text.submit, text, lambda v: spec(v[text]) or "")
    bind(reset.click, reset, lambda v: "")

    def left(typed: str) -> Updates:
        try:
            views_of(spec(typed))
        except TalkgenError as error:
            return faults.shown(error, "emotion")
        return {fields.pad: gr.skip()}

    text.blur(left, text, outputs, **QUIET)


def _spread(fields: Fields, text: str, source: Any) -> Updates:
    """Return the updates that set all views to a text; what a hand is on heeds none."""
    views = views_of(text)
    out: Updates = {
        fields.text: text,
        fields.pad: ",".join(f"{v:.2f}" for v in views.affect),
        fields.strengths: levels(views.strengths),
        fields.units: levels(views.units),
    }
    if source in (fields.text, fields.pad):  # what is typed or dragged goes on meanwhile
        del out[source]
    return out


def _preview(
    page: Page, fields: Fields, parts: Sequence[gr.Component], values: Mapping[Any, Any],
    text: str, request: gr.Request,
) -> Updates:  # fmt: skip
    """Return the updates that show the portrait under an emotion; none without a portrait."""
    preview, waiting, use = parts
    if not values[fields.portrait]:
        return _undrawn(parts)
    still = _drawn(page, fields, values, text, request, close=bool(values[fields.close]))
    words = f"The portrait, {text}" if text else "The portrait as photographed"
    shown = f'<img class="preview" alt="{escape(words)}" src="{data_url(still)}">'
    return {
        preview: gr.update(value=shown, visible=True), waiting: gr.update(visible=False),
        use: gr.update(visible=True),
    }  # fmt: skip


def _undrawn(parts: Sequence[gr.Component]) -> Updates:
    """Return the updates that take the preview away."""
    preview, waiting, use = parts
    return {
        preview: gr.update(value="", visible=False), waiting: gr.update(visible=True),
        use: gr.update(visible=False),
    }  # fmt: skip


def _drawn(
    page: Page, fields: Fields, values: Mapping[Any, Any], text: str, request: gr.Request,
    *, close: bool,
) -> ImageArray:  # fmt: skip
    with at("portrait"):
        path = picture(values[fields.portrait], page, request)
    drawn: ImageArray = page.stills.still(
        path, emotion=text or None, face=values[fields.picker.number],
        landmarks=values[fields.picker.landmarks], crop=close,
    )  # fmt: skip
    return drawn


def _bind_reading(page: Page, fields: Fields, reading: gr.HTML) -> None:
    """Say what the critic reads in the preview, once it rests for a moment."""
    read = Reader()

    def look(values: dict[Any, Any], request: gr.Request) -> Any:
        if not values[fields.portrait]:
            return gr.update(value="", visible=False)
        time.sleep(REST_S)
        try:
            text = spec(values[fields.text]) or ""
            still = _drawn(page, fields, values, text, request, close=True)
        except TalkgenError:  # the fields say it
            return gr.update(value="", visible=False)
        return gr.update(value=read(still, text), visible=True)

    gr.on(
        [fields.picker.version.change, fields.text.change], look, {fields.text, *fields.shown()},
        reading, show_progress="hidden", api_visibility=PRIVATE, concurrency_limit=None,
        trigger_mode="always_last",
    )  # fmt: skip


def _bind_portrait(
    page: Page, fields: Fields, faults: Faults, parts: Sequence[gr.Component]
) -> Any:
    """Draw again for another portrait, or another face of it; return what does it."""

    def look(values: dict[Any, Any], request: gr.Request) -> Updates:
        try:
            with at("emotion"):
                text = spec(values[fields.text]) or ""
                views = _spread(fields, text, fields.text)
            drawn = _preview(page, fields, parts, values, text, request)
        except NoFaceError:  # the picker says so, and what to do
            return {**_undrawn(parts), **faults.cleared()}
        except TalkgenError as error:
            return {**_undrawn(parts), **faults.shown(error, otherwise="portrait")}
        return {**views, **faults.cleared(), **drawn}

    outputs = [*fields.views(), *parts, *faults.slots.values()]
    options = {
        "fn": look, "inputs": {fields.text, *fields.shown()}, "outputs": outputs,
        "show_progress": "hidden", "api_visibility": PRIVATE, "concurrency_limit": None,
        "trigger_mode": "always_last",
    }  # fmt: skip
    gr.on([fields.picker.version.change, fields.close.input], **options)
    return options


def _bind_talk(page: Page, fields: Fields, use: gr.Button, look: Any) -> None:
    """Let a button carry portrait and emotion over to Talk, and one of Talk's bring them here."""
    names = ("talk.portrait", "talk.emotion", "talk.preset", "talk.mix")
    portrait, emotion, preset, mix = (page.fields.get(name) for name in names)
    if portrait is None or emotion is None or mix is None:
        use.unrender()
        return
    quiet: dict[str, Any] = {"show_progress": "hidden", "api_visibility": PRIVATE}

    def carry(face: str | None, text: str) -> list[Any]:
        return [face, text, text if text in PRESETS.values() else None, _front("talk")]

    def bring(face: str | None, here: str | None, text: str) -> list[Any]:
        return [face or here, text, _front("emotion")]

    use.click(
        carry, [fields.portrait, fields.text], [portrait, emotion, preset, page.tabs], **quiet
    )
    mix.click(
        bring, [portrait, fields.portrait, emotion], [fields.portrait, fields.text, page.tabs],
        **quiet,
    ).then(**look)  # fmt: skip


def _front(tab: str) -> Any:
    return gr.update(selected=tab)


def calls(
    page: Page, fields: Fields, values: Mapping[Any, Any], request: gr.Request
) -> Sequence[Call]:
    """Return the command that saves what the preview shows, at the picture's own size."""
    face, which = portrait_given(page, fields.portrait, fields.picker, values, request)
    with at("emotion"):
        emotion = spec(values[fields.text])
    asked = {"portrait": face, "emotion": emotion, **which}
    return [Call("edit", asked, {"output": STILL}, "drawing the still")]


def _place(value: Any) -> tuple[float, float]:
    """Return valence and arousal as the plane sends them."""
    try:
        valence, arousal = (float(part) for part in str(value).split(","))
    except ValueError as error:
        raise InputError(
            f"the place is {str(value)[:40]!r}, valence and arousal are needed"
        ) from error
    return valence, arousal
