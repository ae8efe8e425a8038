"""What the photograph tells of the mouth: colours in its light, and teeth between open lips."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from talkgen.render.background import smoothstep
from talkgen.render.inpaint import polygon_mask, push_pull
from talkgen.render.rings import CHEEKS, INNER_LIPS, LIPS

OPEN_GAP = 0.025
"""Inner lip gap of the photograph, in inter-ocular distances, above which it shows an interior."""

VIVID_SKIN = 0.2
"""Saturation of the cheeks from which on a picture counts as fully coloured."""

BARED = 0.07
"""Reach of the photograph's colours above its teeth, in inter-ocular distances."""

CAST = 0.6
"""Share of the colour cast of the whites of the eyes that the teeth have too."""

RIM = 0.018
"""Reach of the upper lip's shadow on photographed teeth, in inter-ocular distances."""

TEETH_OVER_LIPS = 1.1
"""Brightness of the brightest between the lips, over that of the lips, from which it is teeth."""


@dataclass(frozen=True, eq=False)
class MouthColors:
    """Colours (3,) float32, 0 to 255, of what is drawn; warmth: what enamel loses near the gum."""

    enamel: NDArray[np.float32]
    gum: NDArray[np.float32]
    tongue: NDArray[np.float32]
    dark: NDArray[np.float32]
    warmth: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class MouthPhoto:
    """What the photograph itself shows between open lips.

    origin : (x, y) of the crop; crop : (h, w, 3) float32, continued upwards under the upper lip
    seen : (h, w) float32 in [0, 1]
    edge : (5,) middle column, half width and parabola of the upper teeth's lower edge, in pixels of
        the crop, None where no teeth are seen
    enamel : (3,) their colour, None where none are seen
    """

    origin: tuple[int, int]
    crop: NDArray[np.float32]
    seen: NDArray[np.float32]
    edge: NDArray[np.float32] | None
    enamel: NDArray[np.float32] | None


def mean_color(
    image: NDArray[np.uint8], points: NDArray[np.float32], radius: float
) -> NDArray[np.float32]:
    """Return the median colour (3,) about some points of the picture."""
    height, width = image.shape[:2]
    reach = max(1, round(radius))
    colors = []
    for x, y in np.round(points).astype(int).tolist():
        x0, x1 = max(0, x - reach), min(width, x + reach + 1)
        y0, y1 = max(0, y - reach), min(height, y + reach + 1)
        if x0 < x1 and y0 < y1:
            colors.append(np.median(image[y0:y1, x0:x1].reshape(-1, 3), axis=0))
    return np.median(colors, axis=0).astype(np.float32) if colors else np.float32([150, 120, 110])


def _luminance(color: NDArray[np.float32]) -> float:
    return float(color @ np.float32([0.299, 0.587, 0.114]))


def mouth_colors(
    image: NDArray[np.uint8],
    landmarks: NDArray[np.float32],
    interocular: float,
    photo: MouthPhoto | None,
) -> MouthColors:
    """Return colours fitting the light of a portrait; landmarks (478, 2) in pixels."""
    cheek = mean_color(image, landmarks[list(CHEEKS)], 0.04 * interocular)
    lip = mean_color(image, landmarks[list(LIPS)], 0.012 * interocular)
    eyes = np.concatenate([landmarks[[33, 133, 362, 263]], landmarks[[468, 473]]])
    white = []
    for corner, iris in ((0, 4), (1, 4), (2, 5), (3, 5)):
        middle = 0.5 * (eyes[corner] + eyes[iris])
        white.append(mean_color(image, middle[None], 0.01 * interocular))
    sclera = np.percentile(white, 70, axis=0).astype(np.float32)
    light = float(np.clip(1.08 * _luminance(cheek), 0.95 * _luminance(sclera), 235.0))
    # Teeth keep the white balance of the picture, taken from the whites of the eyes, not the skin.
    cast = sclera / max(_luminance(sclera), 1.0)
    # A grey picture stays grey, a faded one faded.
    vivid = float(np.clip(np.ptp(cheek) / max(float(cheek.max()), 1.0) / VIVID_SKIN, 0.0, 1.0))
    neutral = 1.0 + vivid * np.float32([0.10, 0.0, -0.09])
    balance = neutral * (1.0 - CAST + CAST * np.clip(cast, 0.55, 1.45))
    enamel = np.float32(light) * balance / _luminance(balance)
    if photo is not None and photo.enamel is not None:
        enamel = photo.enamel
    lip_light = _luminance(lip)
    pink = 1.0 + vivid * np.float32([0.28, -0.14, -0.16])
    flesh = 0.5 * lip / max(lip_light, 1.0) + 0.5 * pink
    gum = flesh * np.float32(0.62 * lip_light + 0.2 * light)
    tongue = flesh * np.float32(0.61 * lip_light + 0.28 * light)
    dark = flesh * np.float32(0.14 * _luminance(cheek) + 6.0)
    warmth = vivid * np.float32([0.0, 0.02, 0.07])
    return MouthColors(*(c.astype(np.float32) for c in (enamel, gum, tongue, dark, warmth)))


def photographed_mouth(
    image: NDArray[np.uint8], landmarks: NDArray[np.float32], interocular: float
) -> MouthPhoto | None:
    """Return what is seen between the lips of the photograph, None where they are shut."""
    gap = float(np.linalg.norm(landmarks[13] - landmarks[14]))
    if gap < OPEN_GAP * interocular:
        return None
    ring = landmarks[list(INNER_LIPS)]
    reach = 0.12 * interocular
    x0, y0 = np.maximum(np.floor(ring.min(axis=0) - reach), 0).astype(int).tolist()
    x1, y1 = np.ceil(ring.max(axis=0) + reach).astype(int).tolist()
    x1, y1 = min(x1, image.shape[1]), min(y1, image.shape[0])
    crop = image[y0:y1, x0:x1].astype(np.float32)
    points = ring - np.array([x0, y0], np.float32)
    # The rim holds colours of the lips already.
    seen = polygon_mask(points, crop.shape[:2], -max(0.5, 0.006 * interocular))
    edge, enamel = _upper_teeth(crop, seen, image, landmarks, interocular)
    # Where a rising lip bares more than the photograph shows, the colours of the teeth go on; the
    # dark rim just under the photographed lip is that lip's shadow and goes with it.
    firm = polygon_mask(points, crop.shape[:2], -RIM * interocular)
    luminance = crop @ np.float32([0.299, 0.587, 0.114])
    inside = firm > 0.5
    if inside.sum() > 20:
        firm = firm * (luminance > 0.7 * np.percentile(luminance[inside], 85))
        lowest = np.maximum.accumulate(firm[::-1], axis=0)[::-1]
        rise = np.maximum(lowest - firm, 0.0)
        rise *= 1.0 - np.maximum.accumulate(firm, axis=0)
        rise = np.maximum(rise, 1.0 - seen)
        rise = cv2.GaussianBlur(rise, (0, 0), 0.004 * interocular + 0.3)
        fill = push_pull(crop, firm)
        if enamel is not None:
            fill = 0.5 * (fill + enamel)
        crop = crop + (fill - crop) * rise[..., None]
    above = np.maximum.accumulate(seen[::-1], axis=0)[::-1]
    above = cv2.GaussianBlur(above, (0, 0), 0.02 * interocular + 0.3)
    middle, half = float(points[:, 0].mean()), max(0.5 * float(np.ptp(points[:, 0])), 1.0)
    side = np.abs(np.arange(crop.shape[1], dtype=np.float32) - middle) / half
    above *= 1.0 - smoothstep(0.45, 0.85, side)
    height = cv2.distanceTransform((seen < 0.5).astype(np.uint8), cv2.DIST_L2, 5)
    seen = np.maximum(seen, above * np.exp(-height / (BARED * interocular))).astype(np.float32)
    return MouthPhoto((x0, y0), crop, seen, edge, enamel)


def _upper_teeth(
    crop: NDArray[np.float32],
    seen: NDArray[np.float32],
    image: NDArray[np.uint8],
    landmarks: NDArray[np.float32],
    interocular: float,
) -> tuple[NDArray[np.float32] | None, NDArray[np.float32] | None]:
    """Return the curve where the upper teeth end and their colour, None without teeth.

    The curve holds its middle column, its half width and the coefficients of a parabola over the
    columns between -1 and 1, all in pixels of the crop.
    """
    cheek = mean_color(image, landmarks[list(CHEEKS)], 0.04 * interocular)
    lip = mean_color(image, landmarks[list(LIPS)], 0.012 * interocular)
    luminance = crop @ np.float32([0.299, 0.587, 0.114])
    redness = (crop[..., 0] - crop[..., 1:].mean(axis=2)) / np.maximum(luminance, 1.0)
    skin_redness = float(cheek[0] - cheek[1:].mean()) / max(_luminance(cheek), 1.0)
    inside = seen > 0.5
    bright = np.percentile(luminance[inside], 90) if inside.sum() > 20 else 0.0
    teeth = inside & (luminance > 0.62 * bright) & (redness < 0.75 * skin_redness + 0.05)
    least = max(0.55 * _luminance(cheek), TEETH_OVER_LIPS * _luminance(lip))
    if bright < least or teeth.sum() < 0.15 * inside.sum():
        return None, None
    columns = np.flatnonzero(inside.sum(axis=0) > 0.35 * inside.sum(axis=0).max())
    at, ends = [], []
    for x in columns:
        rows = np.flatnonzero(teeth[:, x])
        if len(rows) == 0:
            continue
        # The first unbroken run from above: a second one would be the lower teeth.
        breaks = np.flatnonzero(np.diff(rows) > max(2.0, 0.012 * interocular))
        at.append(x)
        ends.append(rows[breaks[0]] if len(breaks) else rows[-1])
    if len(ends) < 0.5 * len(columns) or len(ends) < 6:
        return None, None
    x, y = np.array(at, float), np.array(ends, float)
    center, half = float(columns.mean()), float(np.ptp(columns)) / 2
    for _ in range(3):  # a parabola; columns that fall short of it are gaps and shadows
        curve = np.polyfit((x - center) / half, y, 2)
        off = y - np.polyval(curve, (x - center) / half)
        keep = np.abs(off) <= max(1.5 * float(np.median(np.abs(off))), 1.0)
        if keep.sum() < 6:
            break
        x, y = x[keep], y[keep]
    edge = np.array([center, half, *curve], np.float32)
    return edge, np.median(crop[teeth], axis=0).astype(np.float32)
