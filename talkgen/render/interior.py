"""Draws the inside of the mouth in the picture's own light."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from talkgen.raster.fragments import Fragments, interpolate, rasterize
from talkgen.render.background import smoothstep
from talkgen.render.composite import lay_over, sample_float
from talkgen.render.inpaint import polygon_mask, push_pull
from talkgen.render.mouth import TEETH_COLUMNS, MouthParts, teeth_row
from talkgen.render.rings import CHEEKS, INNER_LIPS, LIPS

OPEN_GAP = 0.025
"""Inner lip gap of the photograph, in inter-ocular distances, above which it shows an interior."""

VIVID_SKIN = 0.2
"""Saturation of the cheeks from which on a picture counts as fully coloured."""

SLIT = 0.008
"""Half width of a slit between the lips, in inter-ocular distances, that shows nothing inside."""

BARED = 0.03
"""Reach of the photograph's colours above its teeth, in inter-ocular distances."""

LIP_LINE = 0.65
"""Brightness of the line between shut lips, over that of the lips."""

SOFTNESS = 0.010
"""Blur of what is drawn, in inter-ocular distances."""


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
    sclera = np.percentile(white, 70, axis=0).astype(np.float32)
    light = float(np.clip(1.08 * _luminance(cheek), 0.95 * _luminance(sclera), 235.0))
    # Teeth keep the white balance of the picture, taken from the whites of the eyes, not the skin.
    cast = sclera / max(_luminance(sclera), 1.0)
    # A grey picture stays grey, a faded one faded.
    vivid = float(np.clip(np.ptp(cheek) / max(float(cheek.max()), 1.0) / VIVID_SKIN, 0.0, 1.0))
    neutral = 1.0 + vivid * np.float32([0.10, 0.0, -0.09])
    balance = neutral * (0.65 + 0.35 * np.clip(cast, 0.8, 1.2))
    enamel = np.float32(light) * balance / _luminance(balance)
    if photo is not None and photo.enamel is not None:
        enamel = photo.enamel
    lip_light = _luminance(lip)
    pink = 1.0 + vivid * np.float32([0.28, -0.14, -0.16])
    flesh = 0.5 * lip / max(lip_light, 1.0) + 0.5 * pink
    gum = flesh * np.float32(0.62 * lip_light + 0.2 * light)
    tongue = flesh * np.float32(0.55 * lip_light + 0.25 * light)
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
    # Where a rising lip bares more than the photograph shows, its uppermost colours go on.
    above = np.maximum.accumulate(seen[::-1], axis=0)[::-1]
    crop = crop + (push_pull(crop, seen) - crop) * (above - seen)[..., None]
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
    cheek = _mean_color(image, landmarks[list(CHEEKS)], 0.04 * interocular)
    luminance = crop @ np.float32([0.299, 0.587, 0.114])
    redness = (crop[..., 0] - crop[..., 1:].mean(axis=2)) / np.maximum(luminance, 1.0)
    skin_redness = float(cheek[0] - cheek[1:].mean()) / max(_luminance(cheek), 1.0)
    inside = seen > 0.5
    bright = np.percentile(luminance[inside], 90) if inside.sum() > 20 else 0.0
    teeth = inside & (luminance > 0.62 * bright) & (redness < 0.75 * skin_redness + 0.05)
    if bright < 0.55 * _luminance(cheek) or teeth.sum() < 0.15 * inside.sum():
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
        """Return (N, 3) head-frame vertices under a jaw transform (3, 4) and a shift (3,)."""
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
    covered: NDArray[np.float32],
    missed: NDArray[np.bool_],
    points: NDArray[np.float32],
    interocular: float,
    changed: float,
) -> None:
    """Draw the inside of the mouth into `frame`, the mouth's box of the picture, in place.

    covered : (h, w) share of each pixel that skin and lips cover; missed : (h, w) where the middle
        of the pixel is not covered
    points : (N, 3) the parts, in pixels of the box
    changed : 0 where the lips are as photographed, 1 where they are far from it
    """
    height, width = frame.shape[:2]
    if covered.min() >= 1.0:
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
    wide = max(0.030 * interocular, 1.0)
    light = cv2.GaussianBlur(opening, (0, 0), wide)
    shadow = cv2.warpAffine(
        cv2.GaussianBlur(opening, (0, 0), 0.6 * wide),
        np.float32([[1, 0, 0], [0, 1, 0.7 * wide]]),
        (width, height),
        borderMode=cv2.BORDER_REPLICATE,
    )
    shade = 0.60 + 0.40 * np.clip(1.6 * light, 0.0, 1.0)
    shade *= 0.74 + 0.26 * np.clip(1.5 * shadow, 0.0, 1.0)
    color *= shade[..., None]
    color = cv2.GaussianBlur(color, (0, 0), max(SOFTNESS * interocular, 0.45))

    photo = interior.photo
    if photo is not None:
        if photo.edge is not None:
            # Teeth that the photograph shows stay with the skull, whatever lies behind them.
            places = np.ascontiguousarray(there[..., 3:5])
            seen = cv2.remap(photo.seen, places, None, cv2.INTER_LINEAR, borderValue=0.0)
            seen *= cv2.GaussianBlur((kind == 0).astype(np.float32), (0, 0), 0.5)
            color += seen[..., None] * (sample_float(photo.crop, places) - color)
        opening = opening * np.float32(changed)
        _close_slits(frame, covered, missed, changed, interocular)
    # In a slit too thin to look into stays the line that the photograph has there.
    open_here = cv2.GaussianBlur(1.0 - covered, (0, 0), max(SLIT * interocular, 0.9))
    lay_over(frame, color, opening * smoothstep(0.2, 0.5, open_here))


def _close_slits(
    frame: NDArray[np.uint8],
    covered: NDArray[np.float32],
    missed: NDArray[np.bool_],
    share: float,
    interocular: float,
) -> None:
    """Put the colour of the lips around under the opening, where the photograph has teeth."""
    solid = (covered >= 1.0).astype(np.float32)
    sigma = max(0.010 * interocular, 0.8)
    mass = cv2.GaussianBlur(solid, (0, 0), sigma)[..., None]
    lips = cv2.GaussianBlur(frame * solid[..., None], (0, 0), sigma) / np.maximum(mass, 1e-3)
    # Away from the lips there is nothing to continue: what is drawn inside covers it anyway.
    near = share * np.minimum(10.0 * mass[..., 0], 1.0)
    lay_over(frame, lips, missed * near)
    lay_over(frame, lips * LIP_LINE, (1.0 - covered) * near)


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
        enamel = colors.enamel * bright * (1.0 - warm * colors.warmth)
        tooth = enamel * (1.0 - gum) + colors.gum * gum
        depth = np.exp(-0.26 * np.maximum(inward, 0.0) - (0.0 if upper else 0.08))[..., None]
        tooth = colors.dark + (tooth * depth - colors.dark) * cover
        color[here] = tooth[here]
    here = kind == 2
    if here.any():
        depth = np.exp(-0.22 * np.maximum(inward - 0.7, 0.0))[..., None]
        groove = 1.0 - 0.12 * np.exp(-(((u - 0.5) / 0.05) ** 2))[..., None]
        color[here] = (np.maximum(colors.tongue * depth * groove, colors.dark))[here]
    return color.astype(np.float32)


def with_upper_edge(
    parts: MouthParts, points: NDArray[np.float32], edge: NDArray[np.float32], scale: float
) -> MouthParts:
    """Return the parts with the upper row moved to where the photograph has its edge.

    points : (N, 2) the parts in pixels of the photograph's crop; edge : see `MouthPhoto`
    """
    row = np.flatnonzero(parts.kind == 0)
    rows = row.reshape(-1, TEETH_COLUMNS)
    front = points[rows[0]]
    at = np.clip((front[:, 0] - edge[0]) / edge[1], -1.0, 1.0)
    drop = (np.polyval(edge[2:], at) - front[:, 1]) / scale
    vertices = parts.vertices.copy()
    vertices[rows, 1] += drop.astype(np.float32)
    return replace(parts, vertices=vertices)
