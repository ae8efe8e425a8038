"""Whose face it is: chosen by a click when a picture shows several, marked by five when none.

A picture below the upload shows what was found. Faces are buttons, so a keyboard chooses them too;
points are placed by clicks, by arrow keys and Enter, or typed in pixels.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gradio as gr
import numpy as np

from talkgen.apps.inline import data_url
from talkgen.apps.picker_look import CSS, SCRIPT
from talkgen.apps.status import error_html, hint_html
from talkgen.apps.work import plain
from talkgen.errors import InputError, TalkgenError
from talkgen.io.points import FIVE

if TYPE_CHECKING:
    from talkgen.apps.page import Page
    from talkgen.apps.stills import FaceBox
    from talkgen.types import ImageArray

LEAST_PX, SHOWN_PX = 480, 960
"""Longer side of the picture that is clicked on; smaller ones are enlarged."""
NAMES = (
    "right eye", "left eye", "tip of the nose", "right corner of the mouth",
    "left corner of the mouth",
)  # fmt: skip
"""The five points in words, the person's own right and left."""
LABEL_ROOM = 14.0
"""Percent of the picture's height that a face's number needs above its box."""
QUIET: dict[str, Any] = {
    "show_progress": "hidden", "api_visibility": "private", "concurrency_limit": None,
}  # fmt: skip
"""Options of handlers that answer at once and say what they do themselves."""

Points = list[tuple[float, float]]
"""Places in a picture, shares of its width and height, in the order of `NAMES`."""


@dataclass(frozen=True)
class Seen:
    """What is known of the picture in the field.

    shown : the picture as a data address; size : its own width and height in pixels, which are not
        those of `shown`
    boxes : its faces, largest first; by_hand : whether the five points are asked for
    markable : whether they may be
    """

    shown: str
    size: tuple[int, int]
    boxes: tuple[FaceBox, ...] = ()
    by_hand: bool = False
    markable: bool = True


@dataclass(frozen=True)
class FacePicker:
    """What a tab reads of the picker.

    number : state, which face, from 1, largest first; None: the largest, or `landmarks`
    landmarks : state, the five points by name in pixels, or None
    version : state, a number that changes after every upload and choice: listen to its `change`
    message : what was found, and what to do
    """

    number: gr.State
    landmarks: gr.State
    version: gr.State
    message: gr.HTML


def face_picker(page: Page, image: gr.Image, *, markable: bool = True) -> FacePicker:
    """Return the picker of a picture field (type "filepath"), made where this is called.

    markable : whether a face may be marked by hand; else one of those found is chosen
    """
    seen, number, landmarks = gr.State(None), gr.State(None), gr.State(None)
    version = gr.State(0)
    message = gr.HTML(elem_classes="talkgen-picker-message")
    board = gr.HTML(
        "", css_template=CSS, js_on_load=SCRIPT, apply_default_css=False, visible=False,
        elem_classes="talkgen-picker",
    )  # fmt: skip
    typed = gr.Textbox(
        label="The five points in pixels", visible=False, max_lines=1,
        info="x,y of right eye, left eye, tip of the nose, right and left corner of the mouth",
        placeholder="210,180  290,180  250,230  215,275  285,275",
    )  # fmt: skip
    both = [seen, number, landmarks, version, message, board, typed]

    def look(path: str | None, count: int, request: gr.Request) -> Iterator[list[Any]]:
        if not path:
            yield [None, None, None, count + 1, "", *_board(None)]
            return
        yield [None, None, None, gr.skip(), hint("Looking for faces."), *_board(None)]
        try:
            found = see(page, path, request, markable)
        except TalkgenError as error:
            yield [None, None, None, count + 1, error_html(plain(page, str(error))), *_board(None)]
            return
        first = 1 if len(found.boxes) > 1 else None
        yield [found, first, None, count + 1, told(found, first), *_board(found, first)]

    def pick(found: Seen | None, count: int, event: gr.EventData) -> list[Any]:
        face = whole(event.face, 1, len(found.boxes)) if found else None
        if found is None or face is None:
            return [gr.skip()] * 3
        return [face, count + 1, told(found, face)]

    def mark(found: Seen | None, count: int, event: gr.EventData) -> list[Any]:
        points = shares(event.points)
        if found is None or points is None:
            return [gr.skip()] * 4
        made = named(points, found.size)
        return [made, count + 1, told_points(points), in_pixels(points, found.size)]

    def switch(found: Seen | None, count: int) -> list[Any]:
        if found is None or not found.markable:
            return [gr.skip()] * len(both)
        now = replace(found, by_hand=not found.by_hand)
        first = 1 if len(now.boxes) > 1 and not now.by_hand else None
        return [now, first, None, count + 1, told(now, first), *_board(now, first)]

    def write(text: str, found: Seen | None, count: int) -> list[Any]:
        if found is None or not text.strip():
            return [gr.skip()] * 4
        try:
            points = read_pixels(text, found.size)
        except InputError as error:
            return [None, count + 1, error_html(str(error)), gr.skip()]
        drawn = board_html(found, None, points)
        return [named(points, found.size), count + 1, told_points(points), drawn]

    image.change(look, [image, version], both, **QUIET, trigger_mode="always_last")
    board.pick(pick, [seen, version], [number, version, message], **QUIET)
    board.points(mark, [seen, version], [landmarks, version, message, typed], **QUIET)
    board.switch(switch, [seen, version], both, **QUIET)
    typed.submit(write, [typed, seen, version], [landmarks, version, message, board], **QUIET)
    typed.blur(write, [typed, seen, version], [landmarks, version, message, board], **QUIET)
    return FacePicker(number, landmarks, version, message)


def face_values(
    number: int | None, landmarks: Mapping[str, Sequence[float]] | None, folder: Path
) -> dict[str, int | Path]:
    """Return what a command is told of the choice: `face`, or `landmarks` written into `folder`."""
    if landmarks is None:
        return {} if number is None else {"face": number}
    text = json.dumps({name: [round(v, 1) for v in landmarks[name]] for name in FIVE}, indent=1)
    name = hashlib.sha256(text.encode()).hexdigest()[:12]
    path = folder / f"points-{name}" / "points.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return {"landmarks": path}


def judged_values(
    source: Path,
    number: int | None,
    landmarks: Mapping[str, Sequence[float]] | None,
    crop: bool = False,
) -> dict[str, int | Path] | None:
    """Return what `score` is told of a video of this face, so that it looks at the same one.

    None where it cannot find it: a face that was marked by hand is one that no critic reads.
    """
    if landmarks is not None:
        return None
    if number is None:
        return {"source": source}
    return {} if crop else {"source": source, "face": number}


def see(page: Page, path: str, request: gr.Request, markable: bool = True) -> Seen:
    """Return what is found in an uploaded picture; raise InputError for what is no picture."""
    from talkgen.apps.uploads import picture
    from talkgen.io.image import read_image

    checked = picture(path, page, request)
    image = read_image(checked)
    boxes = tuple(page.stills.faces(checked))
    if not markable:  # a face that is only looked at need not be fit to be animated
        boxes = tuple(replace(box, verdict="usable", message="") for box in boxes)
    size = (image.shape[1], image.shape[0])
    return Seen(data_address(image), size, boxes, markable and not boxes, markable)


def told(found: Seen, face: int | None) -> str:
    """Return what there is to know of the picture and the face chosen, as HTML."""
    if found.by_hand:
        start = "" if found.boxes else "No face was found. "
        return hint(f"{start}Click the {NAMES[0]}, as the person has it: {where(0)}.")
    if not found.boxes:
        return hint("No face is seen here.")
    box = found.boxes[(face or 1) - 1]
    count = "One face found" if len(found.boxes) == 1 else f"Face {face} of {len(found.boxes)}"
    if box.verdict == "usable":
        return hint(f"{count}.")
    return hint(f"{count}: {box.message}")


def told_points(points: Points) -> str:
    """Return which point comes next, as HTML."""
    if len(points) < len(NAMES):
        place = len(points)
        return hint(f"{place} of 5 points. Now the {NAMES[place]}: {where(place)}.")
    return hint("All five points are placed. Drag one to move it.")


def where(point: int) -> str:
    """Return on which side of a picture a point of the person lies."""
    if "nose" in NAMES[point]:
        return "in the middle"
    return "on the left of the picture" if point in (0, 3) else "on the right of the picture"


def named(points: Points, size: tuple[int, int]) -> dict[str, list[float]] | None:
    """Return five points by name, in pixels of a picture (width, height); None for fewer."""
    if len(points) != len(FIVE):
        return None
    return {
        name: [round(x * size[0], 1), round(y * size[1], 1)]
        for name, (x, y) in zip(FIVE, points, strict=True)
    }


def in_pixels(points: Points, size: tuple[int, int]) -> str:
    """Return points as the text field has them."""
    return "  ".join(f"{round(x * size[0])},{round(y * size[1])}" for x, y in points)


def read_pixels(text: str, size: tuple[int, int]) -> Points:
    """Return the five points of a text; raise InputError where they are not five of the picture."""
    if re.search(r"[^\d\s.,;()-]", text):
        raise InputError(f"the points are {text[:60]!r}, five pairs of x,y in pixels are needed")
    values = [float(v) for v in re.findall(r"-?\d+(?:\.\d+)?", text)]
    if len(values) != 2 * len(FIVE):
        raise InputError(
            f"the points have {len(values)} numbers, ten are needed: x,y of five points"
        )
    pairs = list(zip(values[::2], values[1::2], strict=True))
    for name, (x, y) in zip(NAMES, pairs, strict=True):
        if not (0 <= x <= size[0] and 0 <= y <= size[1]):
            raise InputError(
                f"the {name} is at {x:g},{y:g}, the picture has {size[0]} x {size[1]} pixels"
            )
    return [(x / size[0], y / size[1]) for x, y in pairs]


def shares(given: Any) -> Points | None:
    """Return points that the page sent, None for anything that is no list of shares."""
    if not isinstance(given, list) or len(given) > len(FIVE):
        return None
    if not all(isinstance(p, list) and len(p) == 2 for p in given):
        return None
    if not all(isinstance(v, int | float) and 0 <= v <= 1 for p in given for v in p):
        return None
    return [(float(x), float(y)) for x, y in given]


def whole(value: Any, low: int, high: int) -> int | None:
    """Return a whole number that the page sent, None where it is none of `low` to `high`."""
    good = isinstance(value, int) and not isinstance(value, bool) and low <= value <= high
    return value if good else None


def hint(text: str) -> str:
    """Return a line that says what was found, read aloud when it changes."""
    return f'<div role="status">{hint_html(text)}</div>'


def board_html(found: Seen, face: int | None, points: Points) -> str:
    """Return the picture with what can be clicked: faces, or points already placed."""
    if not found.by_hand:
        switch = _button("switch", "Mark the face by hand") if found.markable else ""
        if len(found.boxes) < 2:
            return f'<div class="tools">{switch}</div>' if switch else ""
        faces = "".join(_face(box, found.size, box.number == face) for box in found.boxes)
        return (
            f'<div class="board" role="group" aria-label="Faces found">{_shown(found)}{faces}</div>'
            f'<div class="tools">{switch}</div>'
        )
    dots = "".join(_point(i, x, y) for i, (x, y) in enumerate(points))
    back = _button("switch", "Back to the faces found") if found.boxes else ""
    return (
        '<div class="board marks" tabindex="0" role="group" data-names="'
        f'{escape(json.dumps(NAMES))}" aria-label="Picture to mark: arrow keys move the cross, '
        f'Enter places a point">{_shown(found)}<span class="cross" aria-hidden="true"></span>'
        f'{dots}</div><div class="tools">{_button("undo", "Undo")}{_button("clear", "Clear")}'
        f"{back}</div>"
    )


def _board(found: Seen | None, face: int | None = None) -> list[Any]:
    """Return the board and the text field for a picture."""
    if found is None:
        return [gr.update(value="", visible=False), gr.update(value="", visible=False)]
    shown = board_html(found, face, [])
    return [gr.update(value=shown, visible=True), gr.update(value="", visible=found.by_hand)]


def data_address(image: ImageArray) -> str:
    """Return a picture, of a size to click on, as an address that needs no further request."""
    from PIL import Image, ImageOps

    side = min(max(*image.shape[:2], LEAST_PX), SHOWN_PX)
    return data_url(np.asarray(ImageOps.contain(Image.fromarray(image), (side, side))))


def _shown(found: Seen) -> str:
    return f'<img alt="" draggable="false" src="{found.shown}">'


def _face(box: FaceBox, size: tuple[int, int], chosen: bool) -> str:
    left, top, right, bottom = (
        100 * min(max(v, 0), side) / side for v, side in zip(box.box, (*size, *size), strict=True)
    )
    about = box.verdict if box.verdict == "usable" else box.message
    below = " below" if top < LABEL_ROOM else ""
    return (
        f'<button type="button" class="face {escape(box.verdict)}{below}" data-face="{box.number}" '
        f'aria-pressed="{str(chosen).lower()}" aria-label="Face {box.number}: {escape(about)}" '
        f'title="{escape(about)}" style="left:{(left + right) / 2:.2f}%;'
        f'top:{(top + bottom) / 2:.2f}%;width:{right - left:.2f}%;height:{bottom - top:.2f}%">'
        f"<span>{box.number}</span></button>"
    )


def _point(place: int, x: float, y: float) -> str:
    return (
        f'<button type="button" class="point" aria-label="{NAMES[place]}; arrow keys move it" '
        f'style="left:{100 * x:.3f}%;top:{100 * y:.3f}%"><span>{place + 1}</span></button>'
    )


def _button(does: str, text: str) -> str:
    return f'<button type="button" class="tool" data-do="{does}">{text}</button>'
