"""Draws the inside of the mouth in the picture's own light."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from talkgen.raster.fragments import Fragments, interpolate, rasterize
from talkgen.render.background import smoothstep
from talkgen.render.composite import lay_over, sample_float
from talkgen.render.mouth import TEETH_COLUMNS, MouthParts, teeth_row
from talkgen.render.mouth_photo import MouthColors, MouthPhoto
from talkgen.types import MOTION_CHANNELS

SLIT = 0.008
"""Half width of a slit between the lips, in inter-ocular distances, that shows nothing inside."""

SEAM = 0.5
"""Depth of the shade where shut lips meet."""

LIP_LINE = 0.65
"""Brightness of the line between shut lips, over that of the lips."""

_FUNNEL, _PUCKER = (MOTION_CHANNELS.index(name) for name in ("mouthFunnel", "mouthPucker"))

ROUND_SHIFT_CM = np.array([-0.50, 0.45, 0.10, 0.0], np.float32)
"""How far the upper row, the lower row, the tongue and the dark behind move down in round lips."""

ROUND_SHADE = 0.62
"""Share of light that round lips keep from what is behind them."""

SOFTNESS = 0.0115
"""Blur of what is drawn, in inter-ocular distances."""


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
        self,
        jaw: NDArray[np.float32],
        shift: NDArray[np.float32],
        tongue_out: float,
        rounded: float = 0.0,
    ) -> NDArray[np.float32]:
        """Return (N, 3) head-frame vertices under a jaw transform (3, 4) and a shift (3,).

        rounded : 0 to 1; round lips stand off the teeth, which then end behind their edges
        """
        rest = self.parts.vertices
        with_jaw = rest @ jaw[:, :3].T + jaw[:, 3]
        share = self.parts.jaw[:, None]
        out = rest + share * (with_jaw - rest) + shift
        if tongue_out > 0.0:
            front = self.parts.kind == 2
            out[front, 2] -= 2.4 * tongue_out * (1.0 - self.parts.place[front, 1])
        if rounded > 0.0:
            out[:, 1] += np.float32(rounded) * ROUND_SHIFT_CM[self.parts.kind]
        return out.astype(np.float32)


def rounding(weights: NDArray[np.float32]) -> float:
    """Return how round weights (52,) make the lips, 0 to 1."""
    amount = weights[_FUNNEL] + 0.8 * weights[_PUCKER]
    return float(smoothstep(0.15, 0.75, amount))


def draw_mouth(
    frame: NDArray[np.uint8],
    interior: Interior,
    covered: NDArray[np.float32],
    missed: NDArray[np.bool_],
    points: NDArray[np.float32],
    interocular: float,
    changed: float,
    seam: NDArray[np.float32],
    rounded: float = 0.0,
    *,
    parted: float | None = None,
) -> None:
    """Draw the inside of the mouth into `frame`, the mouth's box of the picture, in place.

    covered : (h, w) share of each pixel that skin and lips cover; missed : (h, w) where the middle
        of the pixel is not covered
    points : (N, 3) the parts, in pixels of the box
    changed : 0 where the lips are as photographed, 1 where they are far from it
    seam : (2, n, 2) pixels of the box, the inner edges of the upper and the lower lip
    rounded : 0 to 1, how round the lips are: little light passes between them
    parted : how far `frame` itself has its lips apart, 0 to 1, where that is another picture than
        the interior's; by default as far as that one was
    """
    height, width = frame.shape[:2]
    shown = changed if interior.photo is not None or parted is not None else 1.0
    if parted is None:
        parted = changed if interior.photo is not None else 0.0
    if parted > 0.0:
        _draw_seam(frame, seam, interior.colors.dark, parted, interocular)
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

    color += (ROUND_SHADE * rounded) * (interior.colors.dark - color)
    opening = 1.0 - covered
    wide = max(0.030 * interocular, 1.0)
    light = cv2.GaussianBlur(opening, (0, 0), wide)
    shadow = cv2.warpAffine(
        cv2.GaussianBlur(opening, (0, 0), 0.6 * wide),
        np.float32([[1, 0, 0], [0, 1, 0.7 * wide]]),
        (width, height),
        borderMode=cv2.BORDER_REPLICATE,
    )
    shade = 0.70 + 0.30 * np.clip(1.6 * light, 0.0, 1.0)
    shade *= 0.76 + 0.24 * np.clip(1.5 * shadow, 0.0, 1.0)
    color *= shade[..., None]
    color = cv2.GaussianBlur(color, (0, 0), max(SOFTNESS * interocular, 0.45))

    photo = interior.photo
    if photo is not None and photo.edge is not None:
        # Teeth that the photograph shows stay with the skull, whatever lies behind them.
        places = np.ascontiguousarray(there[..., 3:5])
        seen = cv2.remap(photo.seen, places, None, cv2.INTER_LINEAR, borderValue=0.0)
        seen *= cv2.GaussianBlur((kind == 0).astype(np.float32), (0, 0), 0.5)
        seen *= 1.0 - ROUND_SHADE * rounded
        teeth = sample_float(photo.crop, places)
        teeth *= (0.78 + 0.22 * np.clip(1.5 * shadow, 0.0, 1.0))[..., None]
        color += seen[..., None] * (teeth - color)
    opening = opening * np.float32(shown)
    if parted > 0.0:
        _close_slits(frame, covered, missed, parted, interocular)
    # In a slit too thin to look into stays the line that the photograph has there.
    open_here = cv2.GaussianBlur(1.0 - covered, (0, 0), max(SLIT * interocular, 0.9))
    lay_over(frame, color, opening * smoothstep(0.2, 0.5, open_here))


def _draw_seam(
    frame: NDArray[np.uint8],
    seam: NDArray[np.float32],
    dark: NDArray[np.float32],
    share: float,
    interocular: float,
) -> None:
    """Draw the shade where the lips of an open photograph now meet: it has no such line."""
    gap = np.linalg.norm(seam[0] - seam[1], axis=1) / interocular
    strength = share * SEAM * (1.0 - smoothstep(0.004, 0.03, gap.astype(np.float32)))
    if strength.max() <= 0.0:
        return
    middle = seam.mean(axis=0)
    mask = np.zeros(frame.shape[:2], np.float32)
    thick = 0.012 * interocular
    wide = max(1, round(thick))
    strength *= min(1.0, thick / wide)
    for k in range(len(middle) - 1):
        (x0, y0), (x1, y1) = np.rint(middle[k : k + 2] * 16.0).astype(int).tolist()
        level = float(0.5 * (strength[k] + strength[k + 1]))
        cv2.line(mask, (x0, y0), (x1, y1), level, wide, cv2.LINE_8, shift=4)
    mask = cv2.GaussianBlur(mask, (0, 0), max(0.006 * interocular, 0.6))
    lay_over(frame, np.broadcast_to(dark, frame.shape), mask)


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
