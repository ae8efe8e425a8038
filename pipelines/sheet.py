"""A sheet of one face under many expressions, in labelled rows and columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from talkgen.motion.emotion import as_emotion
from talkgen.motion.still import Still, as_still
from talkgen.types import EMOTIONS, Emotion, ImageArray

STRENGTHS = (0.35, 0.7, 1.0)
"""Rows of a sheet of all emotions."""
STEPS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
"""Columns of a sheet of one emotion: shares of what was asked for."""
PAPER, INK = (250, 250, 250), (32, 32, 32)
GAP_PX = 4


@dataclass(frozen=True, eq=False)
class Sheet:
    """What stands on a sheet.

    columns, rows : labels; stills : row by row; foot : a line below, "" for none
    """

    columns: tuple[str, ...]
    rows: tuple[str, ...]
    stills: tuple[Still, ...]
    foot: str


def sheet_of(
    emotion: Emotion | str | None, au: str | Mapping[str, float] | None, wanted: Still
) -> Sheet:
    """Return the plan of a sheet: all emotions, or what was asked for, at several strengths.

    wanted : the same as a `Still`; its pose and gaze hold for every picture
    """
    foot = _foot(au, wanted)
    if emotion is None:
        stills = tuple(
            replace(wanted, emotion=as_still(f"{name}:{strength}", au).emotion)
            for strength in STRENGTHS
            for name in EMOTIONS
        )
        return Sheet(EMOTIONS, tuple(f"{s:g}" for s in STRENGTHS), stills, foot)
    asked = as_emotion(emotion)
    assert asked is not None
    stills = tuple(
        replace(wanted, emotion=as_still(scaled(asked, share), au).emotion) for share in STEPS
    )
    named = emotion.strip() if isinstance(emotion, str) else ""
    foot = " · ".join(part for part in (named, foot) if part)
    return Sheet(tuple(f"x {s:g}" for s in STEPS), ("",), stills, foot)


def scaled(emotion: Emotion, share: float) -> Emotion:
    """Return an emotion of one sample at a share of its strength."""
    part = np.float32(share)
    parts: dict[str, Any] = {}
    if emotion.weights is not None:
        intensity = np.ones(1, np.float32) if emotion.intensity is None else emotion.intensity
        parts["intensity"] = intensity * part
    if emotion.valence_arousal is not None:
        parts["valence_arousal"] = emotion.valence_arousal * part
    if emotion.action_units:
        parts["action_units"] = {n: v * part for n, v in emotion.action_units.items()}
    return replace(emotion, **parts)


def _foot(au: Any, wanted: Still) -> str:
    parts = []
    if au:
        named = au if isinstance(au, str) else "+".join(f"{n}:{v:g}" for n, v in au.items())
        parts.append(named)
    if any(wanted.pose):
        parts.append("pose " + ", ".join(f"{v:g}" for v in wanted.pose))
    look = wanted.gaze
    if look is not None:
        parts.append("gaze " + (look if isinstance(look, str) else f"{look[0]:g}, {look[1]:g}"))
    return " · ".join(parts)


def drawn_sheet(sheet: Sheet, tiles: Sequence[ImageArray]) -> ImageArray:
    """Return the sheet (H, W, 3) uint8 RGB of tiles (S, S, 3), one a still."""
    from PIL import Image, ImageDraw, ImageFont

    high, wide = tiles[0].shape[:2]
    text = max(11, round(wide / 14))
    font: Any = ImageFont.load_default(text)
    left = max((round(font.getlength(row)) for row in sheet.rows), default=0)
    left += 2 * GAP_PX if left else GAP_PX
    top, foot = text + 3 * GAP_PX, (text + 3 * GAP_PX if sheet.foot else GAP_PX)
    across, down = len(sheet.columns), len(sheet.rows)
    size = (left + across * (wide + GAP_PX), top + down * (high + GAP_PX) + foot - GAP_PX)
    page = Image.new("RGB", size, PAPER)
    pen = ImageDraw.Draw(page)
    for column, name in enumerate(sheet.columns):
        x = left + column * (wide + GAP_PX) + wide / 2
        pen.text((x, top / 2), name, INK, font, anchor="mm")
    for row, name in enumerate(sheet.rows):
        y = top + row * (high + GAP_PX) + high / 2
        pen.text((left - GAP_PX, y), name, INK, font, anchor="rm")
    for index, tile in enumerate(tiles):
        x, y = left + index % across * (wide + GAP_PX), top + index // across * (high + GAP_PX)
        page.paste(Image.fromarray(tile), (x, y))
    if sheet.foot:
        pen.text((left, size[1] - foot / 2), sheet.foot, INK, font, anchor="lm")
    return np.asarray(page, dtype=np.uint8)
