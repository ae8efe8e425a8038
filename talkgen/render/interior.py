"""Draws the inside of the mouth in the picture's own light."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from talkgen.render.composite import lay_over, sample_float
from talkgen.render.inpaint import polygon_mask
from talkgen.render.mouth import MouthParts, teeth_row
from talkgen.render.raster import Fragments, interpolate, rasterize
from talkgen.render.rings import CHEEKS, INNER_LIPS, LIPS

OPEN_GAP = 0.025
"""Inner lip gap of the photograph, in inter-ocular distances, above which it shows an interior."""

SOFTNESS = 0.010
"""Blur of what is drawn, in inter-ocular distances."""


@dataclass(frozen=True, eq=False)
class MouthColors:
    """Colours (3,) float32, 0 to 255, of what is drawn."""

    enamel: NDArray[np.float32]
    gum: NDArray[np.float32]
    tongue: NDArray[np.float32]
    dark: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class MouthPhoto:
    """What the photograph itself shows between open lips.

    origin : (x, y) of the crop; crop : (h, w, 3) float32; seen : (h, w) float32 in [0, 1]
    edge : height in source pixels where the upper teeth end, None where none are seen
    enamel : (3,) their colour, None where none are seen
    """

    origin: tuple[int, int]
    crop: NDArray[np.float32]
    seen: NDArray[np.float32]
    edge: float | None
    enamel: NDArray[np.float32] | None


def _mean_color(
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
    cheek = _mean_color(image, landmarks[list(CHEEKS)], 0.04 * interocular)
    lip = _mean_color(image, landmarks[list(LIPS)], 0.012 * interocular)
    eyes = np.concatenate([landmarks[[33, 133, 362, 263]], landmarks[[468, 473]]])
    white = []
    for corner, iris in ((0, 4), (1, 4), (2, 5), (3, 5)):
        middle = 0.5 * (eyes[corner] + eyes[iris])
        white.append(_mean_color(image, middle[None], 0.01 * interocular))
    sclera = np.median(white, axis=0).astype(np.float32)
    light = float(np.clip(0.82 * _luminance(cheek), 0.75 * _luminance(sclera), 235.0))
    # Teeth keep the white balance of the picture, taken from the whites of the eyes, not the skin.
    cast = sclera / max(_luminance(sclera), 1.0)
    neutral = np.float32([1.03, 1.0, 0.93])
    balance = neutral * (0.65 + 0.35 * np.clip(cast, 0.8, 1.2))
    enamel = np.float32(light) * balance / _luminance(balance)
    if photo is not None and photo.enamel is not None:
        enamel = photo.enamel
    lip_light = _luminance(lip)
    pink = np.float32([1.28, 0.86, 0.84])
    flesh = 0.5 * lip / max(lip_light, 1.0) + 0.5 * pink
    gum = flesh * np.float32(0.5 * lip_light + 0.2 * light)
    tongue = flesh * np.float32(0.45 * lip_light + 0.28 * light)
    dark = flesh * np.float32(0.13 * _luminance(cheek) + 3.0)
    return MouthColors(*(c.astype(np.float32) for c in (enamel, gum, tongue, dark)))


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
    seen = polygon_mask(points, crop.shape[:2], 0.0)
    edge, enamel = _upper_teeth(crop, seen, image, landmarks, interocular)
    return MouthPhoto((x0, y0), crop, seen, None if edge is None else edge + y0, enamel)


def _upper_teeth(
    crop: NDArray[np.float32],
    seen: NDArray[np.float32],
    image: NDArray[np.uint8],
    landmarks: NDArray[np.float32],
    interocular: float,
) -> tuple[float | None, NDArray[np.float32] | None]:
    """Return where the upper teeth end (row of the crop) and their colour, None without teeth."""
    cheek = _mean_color(image, landmarks[list(CHEEKS)], 0.04 * interocular)
    luminance = crop @ np.float32([0.299, 0.587, 0.114])
    redness = (crop[..., 0] - crop[..., 1:].mean(axis=2)) / np.maximum(luminance, 1.0)
    skin_redness = float(cheek[0] - cheek[1:].mean()) / max(_luminance(cheek), 1.0)
    inside = seen > 0.5
    bright = np.percentile(luminance[inside], 90) if inside.sum() > 20 else 0.0
    teeth = inside & (luminance > 0.62 * bright) & (redness < 0.75 * skin_redness + 0.05)
    if bright < 0.55 * _luminance(cheek) or teeth.sum() < 0.15 * inside.sum():
        return None, None
    columns = np.flatnonzero(inside.sum(axis=0) > 0.5 * inside.sum(axis=0).max())
    ends = []
    for x in columns:
        rows = np.flatnonzero(teeth[:, x])
        if len(rows) == 0:
            continue
        # The first unbroken run from above: a second one would be the lower teeth.
        breaks = np.flatnonzero(np.diff(rows) > max(2.0, 0.012 * interocular))
        ends.append(rows[breaks[0]] if len(breaks) else rows[-1])
    if len(ends) < 0.5 * len(columns):
        return None, None
    middle = ends[len(ends) // 4 : max(len(ends) // 4 + 1, 3 * len(ends) // 4)]
    return float(np.percentile(middle, 70)), np.median(crop[teeth], axis=0).astype(np.float32)


@dataclass(frozen=True, eq=False)
class Interior:
    """The mouth's inside of one portrait.

    parts : geometry at rest; kinds 0 upper row, 1 lower row, 2 tongue, 3 the dark behind
    places : (N, 2) float32, source pixels of the crop of `photo` (zeros without one)
    """

    parts: MouthParts
    places: NDArray[np.float32]
    colors: MouthColors
    photo: MouthPhoto | None

    def moved(
        self, jaw: NDArray[np.float32], shift: NDArray[np.float32], tongue_out: float
    ) -> NDArray[np.float32]:
        """Return (N, 3) vertices in the head frame under a jaw transform (3, 4) and a shift (3,)."""
        rest = self.parts.vertices
        with_jaw = rest @ jaw[:, :3].T + jaw[:, 3]
        share = self.parts.jaw[:, None]
        out = rest + share * (with_jaw - rest) + shift
        if tongue_out > 0.0:
            front = self.parts.kind == 2
            out[front, 2] -= 2.4 * tongue_out * (1.0 - self.parts.place[front, 1])
        return out.astype(np.float32)


def draw_mouth(
    frame: NDArray[np.uint8],
    interior: Interior,
    skin: Fragments,
    points: NDArray[np.float32],
    interocular: float,
    edge_softness: float,
) -> None:
    """Draw the inside of the mouth into `frame`, the mouth's box of the picture, in place.

    skin : what of the skin is seen in the box; points : (N, 3) the parts, in pixels of the box
    """
    height, width = frame.shape[:2]
    covered = (skin.triangle >= 0).astype(np.float32)
    if covered.min() > 0.0:
        return
    parts = interior.parts
    drawn = rasterize(points, parts.faces, Fragments.empty(height, width), threads=1)
    values = np.column_stack(
        [parts.place, parts.inward, interior.places, parts.kind.astype(np.float32)]
    ).astype(np.float32)
    there = interpolate(drawn, parts.faces, values, np.zeros((height, width, 6), np.float32))
    kind = np.where(drawn.triangle >= 0, np.rint(there[..., 5]), 3.0)
    color = _shaded(kind, there, interior.colors)

    opening = 1.0 - covered
    wide = max(0.035 * interocular, 1.0)
    light = cv2.GaussianBlur(opening, (0, 0), wide)
    shadow = cv2.warpAffine(
        cv2.GaussianBlur(opening, (0, 0), 0.6 * wide),
        np.float32([[1, 0, 0], [0, 1, 0.8 * wide]]),
        (width, height),
    )
    shade = (0.25 + 0.75 * np.clip(1.5 * light, 0.0, 1.0)) * (
        0.45 + 0.55 * np.clip(1.4 * shadow, 0, 1)
    )
    color *= shade[..., None]
    color = cv2.GaussianBlur(color, (0, 0), max(SOFTNESS * interocular, 0.45))

    photo = interior.photo
    if photo is not None:
        places = np.ascontiguousarray(there[..., 3:5])
        seen = cv2.remap(photo.seen, places, None, cv2.INTER_LINEAR, borderValue=0.0)
        seen = seen * (drawn.triangle >= 0)
        color += seen[..., None] * (sample_float(photo.crop, places) - color)
    soft = cv2.GaussianBlur(covered, (0, 0), edge_softness, borderType=cv2.BORDER_REPLICATE)
    lay_over(frame, color, 1.0 - np.clip(2.0 * soft - 1.0, 0.0, 1.0))


def _shaded(
    kind: NDArray[np.float32], there: NDArray[np.float32], colors: MouthColors
) -> NDArray[np.float32]:
    """Return (h, w, 3) colours of the parts, darker further inwards."""
    u, v, inward = there[..., 0], there[..., 1], there[..., 2]
    color = np.broadcast_to(colors.dark, (*kind.shape, 3)).copy()
    for index, upper in enumerate((True, False)):
        here = kind == index
        if not here.any():
            continue
        row = teeth_row(upper)
        size = row.texture.shape
        grid = np.stack([u * size[1] - 0.5, v * size[0] - 0.5], axis=-1).astype(np.float32)
        texel = sample_float(row.texture, grid)
        bright, gum, cover, warm = (texel[..., k : k + 1] for k in range(4))
        enamel = colors.enamel * bright * (1.0 - warm * np.float32([0.0, 0.035, 0.12]))
        tooth = enamel * (1.0 - gum) + colors.gum * gum
        depth = np.exp(-0.30 * np.maximum(inward, 0.0) - (0.0 if upper else 0.12))[..., None]
        tooth = colors.dark + (tooth * depth - colors.dark) * cover
        color[here] = tooth[here]
    here = kind == 2
    if here.any():
        depth = np.exp(-0.34 * np.maximum(inward, 0.0))[..., None]
        groove = 1.0 - 0.12 * np.exp(-(((u - 0.5) / 0.05) ** 2))[..., None]
        color[here] = (np.maximum(colors.tongue * depth * groove, colors.dark))[here]
    return color.astype(np.float32)


def with_upper_edge(parts: MouthParts, drop: float) -> MouthParts:
    """Return the parts with the upper row moved down by `drop` cm, to where the photograph has it."""
    vertices = parts.vertices.copy()
    vertices[parts.kind == 0, 1] += np.float32(drop)
    return replace(parts, vertices=vertices)
