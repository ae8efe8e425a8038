"""Dub: other words in the mouth of somebody in a video."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from talkgen.apps.again import again_button, takes_last
from talkgen.apps.at_once import checked_at_once
from talkgen.apps.call import Call, made
from talkgen.apps.defaults import usual
from talkgen.apps.examples import CLIP, SPEECH, example_button, fills
from talkgen.apps.fields import Film, Sound
from talkgen.apps.job import Job
from talkgen.apps.page import Page
from talkgen.apps.screen import REPORT, REPORT_PAGE, VIDEO, screen
from talkgen.apps.uploads import sound, video, visitor_of
from talkgen.apps.work import PRIVATE, Faults, Updates, WorkArea, at, work_area
from talkgen.errors import InputError

FITS = {
    "Cut the speech": "trim", "Hold the last picture": "hold", "Start the video again": "loop",
    "Slow the video down": "slow",
}  # fmt: skip
NOBODY = 0
"""Instead of a person's number: whose lips follow the video's own sound."""
LIKELIEST = ("Whose lips follow the sound", NOBODY)
PEOPLE = "people"
WHOSE = "Several people are seen. Measured is the largest face, which need not be who speaks."
_PERSON = re.compile(r"^ *(\d+) +([\d.]+) +(\d+) +([\d.]+|-) ", re.MULTILINE)


@dataclass(frozen=True)
class Fields:
    """What a visitor fills in.

    people : pictures of who is in the video; person : the number of who speaks, or `NOBODY`
    second : of a second person, "person", "speech" and "start", in the fold
    more : by the command's parameters
    """

    video: Film
    speech: Sound
    person: gr.Radio
    people: gr.Gallery
    second: Mapping[str, Any]
    fold: gr.Accordion
    measure: gr.Checkbox
    more: Mapping[str, Any]

    def inputs(self) -> list[Any]:
        """All that a dubbed video depends on."""
        return [
            self.video, self.speech, self.person, *self.second.values(), self.measure,
            *self.more.values(),
        ]  # fmt: skip


def dub_tab(page: Page) -> None:
    """Build the tab."""
    faults, looking = Faults(page), Faults(page)
    with gr.Row(elem_classes="bench"):
        with gr.Column(scale=4, min_width=320, elem_classes="controls"):
            example = example_button(page, "Other words for a clip", "dub-example", CLIP, SPEECH)
            again = again_button("dub-again")
            film = Film("Video of who speaks", sources=["upload"], elem_id="dub-source", height=250)
            place = faults.slot("video", "VIDEO", "clip", "frames", "crf")
            takes_last(page, again, film, place)
            checked_at_once(page, film, place, video)
            looking.slot("video", "VIDEO", "clip", "frames")
            look = work_area("See who is in it", "dub-people", looking)
            look.run.variant, look.run.size = "secondary", "sm"
            fields = _fields(page, film, faults)
            area = work_area("Dub the video", "dub", faults)
        with gr.Column(scale=6, min_width=320, elem_classes="stage"):
            shown = screen(
                "dub", "The video with its new words appears here.", (VIDEO, REPORT, REPORT_PAGE)
            )
    fills(page, example, {fields.video: CLIP, fields.speech: SPEECH})
    page.fields |= {"dub.video": fields.video, "dub.speech": fields.speech}
    _bind_people(page, fields, look)

    def make(values: Mapping[Any, Any], request: gr.Request) -> Sequence[Call]:
        return calls(page, fields, values, request)

    def show(job: Job, asked: Sequence[Call]) -> Updates:
        several = len(_PERSON.findall("\n".join(job.printed[:1]))) > 1
        return shown.shown(page, job, asked, WHOSE if several else "")

    area.runs(page, fields.inputs(), make, show, shown.outputs(), shown.empty())
    place = looking.slots["video"]
    for event in (area.run.click, film.change):
        event(
            lambda: gr.update(value="", visible=False), None, place, show_progress="hidden",
            api_visibility=PRIVATE,
        )  # fmt: skip


def _fields(page: Page, film: Film, faults: Faults) -> Fields:
    people = gr.Gallery(
        label="Who is in the video", visible=False, columns=3, height=170, allow_preview=False,
        fit_columns=False, object_fit="contain", buttons=[], interactive=False,
        elem_id="dub-gallery",
    )  # fmt: skip
    person = gr.Radio(
        [LIKELIEST], value=NOBODY, label="Who speaks", visible=False, elem_id="dub-person"
    )
    faults.slot("face", "person", "people")
    gr.HTML('<p class="step">New words</p>')
    speech = Sound("Speech: file or microphone", elem_id="dub-speech")
    checked_at_once(page, speech, faults.slot("speech", "audio", "sound"), sound)
    with gr.Accordion("A second person", open=False, visible=False, elem_classes="more") as fold:
        second = {
            "person": gr.Radio([], label="Who", elem_id="dub-second"),
            "speech": Sound("Their speech", elem_id="dub-second-speech"),
            "start": gr.Number(0, minimum=0, label="Begins at", info="seconds of the video"),
        }
    checked_at_once(page, second["speech"], faults.slot("second"), sound)
    with gr.Accordion("More", open=False, elem_classes="more"):
        more = {
            "fit": gr.Radio(
                list(FITS.items()), value=usual("dub", "fit"),
                label="Where the speech outlasts the picture", elem_id="dub-fit",
            ),
            "mix": gr.Checkbox(
                usual("dub", "mix"), label="Keep the video's music and effects",
                info="its own sound stays under the new words",
            ),
            "mouth_scale": gr.Slider(
                0, 2, value=usual("dub", "mouth_scale"), step=0.05, label="Mouth movement"
            ),
            "seed": gr.Number(
                usual("dub", "seed"), precision=0, minimum=0, label="Seed",
                info="same seed, same motion",
            ),
        }  # fmt: skip
    faults.slot("more", *more)
    measure = gr.Checkbox(
        True, label="Measure the video too", info="unless you chose one of several people",
        container=False,
    )  # fmt: skip
    return Fields(film, speech, person, people, second, fold, measure, more)


def _bind_people(page: Page, fields: Fields, look: WorkArea) -> None:
    """Let the pictures of who is in the video be made, and clicked on."""
    outputs = [fields.people, fields.person, fields.second["person"], fields.fold]

    def make(values: Mapping[Any, Any], request: gr.Request) -> Sequence[Call]:
        with at("video"):
            asked = {"video": video(values[fields.video], page, request)}
        return [Call("dub", asked, {"people": PEOPLE}, "looking who is in the video")]

    def show(job: Job, asked: Sequence[Call]) -> Updates:
        folder = job.files.get("people")
        return {} if folder is None else _found(fields, folder, "\n".join(job.printed))

    def click(event: gr.SelectData) -> int:
        return int(event.index) + 1

    empty = dict(zip(outputs, _forgotten(), strict=True))
    look.runs(page, [fields.video], make, show, outputs, empty)
    fields.video.change(
        _forgotten, None, outputs, show_progress="hidden", api_visibility=PRIVATE, queue=False
    )
    fields.people.select(click, None, fields.person, show_progress="hidden", api_visibility=PRIVATE)


def _forgotten() -> list[Any]:
    """Return the updates for a video in which nobody is known yet."""
    return [
        gr.update(value=None, visible=False),
        gr.update(choices=[LIKELIEST], value=NOBODY, visible=False),
        gr.update(choices=[], value=None), gr.update(visible=False),
    ]  # fmt: skip


def _found(fields: Fields, folder: Path, printed: str) -> Updates:
    """Return the updates that show who is in the video, and let them be chosen."""
    people = people_of(folder, printed)
    several = len(people) > 1
    numbers = [(f"Person {number}: {text}", number) for number, (_, text) in people.items()]
    shown = [(str(path), f"Person {number}") for number, (path, _) in people.items()]
    return {
        fields.people: gr.update(value=shown, visible=True),
        fields.person: gr.update(choices=[LIKELIEST, *numbers], value=NOBODY, visible=several),
        fields.second["person"]: gr.update(choices=numbers, value=None),
        fields.fold: gr.update(visible=several),
    }


def people_of(folder: Path, printed: str) -> dict[int, tuple[Path, str]]:
    """Return picture and description of everybody whom `dub --list` found, by number.

    folder : where it put the pictures; printed : what it said of them
    """
    out = {}
    for number, seconds, pixels, follows in _PERSON.findall(printed):
        path = folder / f"person{number}.png"
        if path.is_file():
            lips = "" if follows == "-" else f", lips fit the sound {float(follows):.2f}"
            out[int(number)] = (path, f"{float(seconds):g} s, {pixels} px{lips}")
    return out


def calls(
    page: Page, fields: Fields, values: Mapping[Any, Any], request: gr.Request
) -> Sequence[Call]:
    """Return the commands: `dub`, and `score` where it is to be measured."""
    more = {name: values[component] for name, component in fields.more.items()}
    second = {name: values[component] for name, component in fields.second.items()}
    with at("video"):
        asked: dict[str, Any] = {"video": video(values[fields.video], page, request), **more}
    with at("speech"):
        asked["speech"] = sound(values[fields.speech], page, request)
    person = values[fields.person] or NOBODY
    if second["speech"]:
        with at("second"):
            other = sound(second["speech"], page, request)
            cast = checked_cast(person, asked["speech"], second["person"], other, second["start"])
            asked["speech"] = write_cast(page.folder(visitor_of(request)), cast)
    elif person != NOBODY:
        asked["face"] = person
    out = [Call("dub", asked, {"output": VIDEO}, "dubbing the video")]
    alone = person == NOBODY and not second["speech"]
    if values[fields.measure] and alone:
        judged = {"video": made("output")}
        out.append(Call("score", judged, {"json": REPORT, "html": REPORT_PAGE}, "measuring it"))
    return out


def checked_cast(
    first: int, said: Path, second: int | None, also: Path, start: float | None
) -> dict[int, tuple[Path, float]]:
    """Return who says what from when on, in seconds; raise InputError where two are not chosen."""
    if first == NOBODY or not second:
        raise InputError("with a second speech it must be chosen who says which; choose both")
    if first == second:
        raise InputError(f"both speeches are person {first}'s; choose two persons")
    return {first: (said, 0.0), second: (also, float(start or 0.0))}


def write_cast(home: Path, cast: Mapping[int, tuple[Path, float]]) -> Path:
    """Return a new cast list for `dub` below `home`, with the recordings beside it."""
    key = json.dumps([[n, str(path), start] for n, (path, start) in cast.items()])
    folder = home / f"cast-{hashlib.sha256(key.encode()).hexdigest()[:12]}"
    folder.mkdir(parents=True, exist_ok=True)
    listed = {}
    for number, (path, start) in cast.items():
        name = f"person{number}{path.suffix}"
        (folder / name).unlink(missing_ok=True)
        shutil.copyfile(path, folder / name)
        listed[str(number)] = {"speech": name, "start": start}
    (folder / "cast.json").write_text(json.dumps(listed, indent=1), "utf-8")
    return folder / "cast.json"
