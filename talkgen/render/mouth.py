"""The inside of a mouth: two rows of teeth with gums and a tongue, in the head's centimetres.

The rows are bands along a dental arch with a drawn texture, so that each tooth has its own width,
round corners and gum line whatever the head model's resolution. The upper row belongs to the
skull, the lower row and the tongue follow the jaw (they are bound to vertices that do).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

UPPER_WIDTHS_CM = (0.86, 0.66, 0.76, 0.70, 0.68, 1.0, 0.95)
UPPER_HEIGHTS_CM = (1.00, 0.90, 0.98, 0.84, 0.78, 0.72, 0.70)
LOWER_WIDTHS_CM = (0.53, 0.58, 0.68, 0.70, 0.72, 1.05, 1.0)
LOWER_HEIGHTS_CM = (0.86, 0.86, 0.92, 0.82, 0.76, 0.70, 0.68)
"""From the middle outwards: incisors, canine, premolars, molars (usual crown sizes)."""

GUM_CM = 1.5
"""Height of gum drawn beyond the crowns."""

GAP = 0.5
"""Brightness between two crowns."""

PIXELS_PER_CM = 40
TEETH_COLUMNS = 57

ARCH_HALF_WIDTH_CM = 2.95
ARCH_LENGTH_CM = 4.4
"""Half width and depth of the parabola-like arch, for a mouth of mean size."""


@dataclass(frozen=True, eq=False)
class TeethRow:
    """A row of teeth as a textured band.

    texture : (h, w, 4) float32: brightness of enamel, gum share, coverage, warmth
    length : cm along the arch that the texture spans; height : cm of crown and gum
    """

    texture: NDArray[np.float32]
    length: float
    height: float


@cache
def teeth_row(upper: bool) -> TeethRow:
    """Return the drawn row; row 0 of the texture is the incisal edge, the gum is at the far end."""
    widths = UPPER_WIDTHS_CM if upper else LOWER_WIDTHS_CM
    heights = UPPER_HEIGHTS_CM if upper else LOWER_HEIGHTS_CM
    half = sum(widths)
    tall = max(heights) + GUM_CM
    w, h = int(2 * half * PIXELS_PER_CM), int(tall * PIXELS_PER_CM)
    s = (np.arange(w, dtype=np.float32) + 0.5) / PIXELS_PER_CM - half
    y = (np.arange(h, dtype=np.float32) + 0.5)[:, None] / PIXELS_PER_CM
    bright = np.full((h, w), GAP, np.float32)
    gum = np.zeros((h, w), np.float32)
    cover = np.zeros((h, w), np.float32)
    warm = np.zeros((h, w), np.float32)
    rng = np.random.default_rng(7 if upper else 8)
    for side in (-1.0, 1.0):
        edge = 0.0
        for index, (width, height) in enumerate(zip(widths, heights, strict=True)):
            middle = side * (edge + width / 2)
            edge += width
            # Nobody's teeth are a row of equal tiles.
            tilt = rng.normal(0.0, 0.025)
            drop = rng.normal(0.0, 0.02) + (0.06 if index == 1 and upper else 0.0)
            tone = 1.0 + rng.normal(0.0, 0.02) - 0.035 * (index == 2) - 0.02 * max(0, index - 2)
            u = (s[None, :] - middle + tilt * (y - height / 2)) / (width / 2 - 0.012)
            v = (y - drop - height / 2) / (height / 2)
            inside_v = np.where(v < 0, np.abs(v) ** 3.6, np.abs(v) ** 2.4)
            shape = np.abs(u) ** 4.5 + inside_v
            crown = np.clip((1.0 - shape) * 7.0 + 0.5, 0.0, 1.0)
            round_ = 1.0 - 0.13 * np.abs(u) ** 2.5 - 0.05 * np.clip(u * side, -1, 1)
            incisal = 1.0 - 0.13 * np.exp(-(((v + 1.0) / 0.22) ** 2))
            neck = 1.0 - 0.14 * np.clip((v - 0.2) / 0.8, 0.0, 1.0) ** 2
            value = tone * round_ * incisal * neck
            bright = bright * (1 - crown) + value * crown
            cover = np.maximum(cover, crown)
            warm = np.maximum(warm, crown * (0.25 + 0.6 * np.clip((v + 0.1), 0, 1)))
            # Gum: beyond the neck of the crown, with papillae between the teeth.
            neck_line = drop + height * (0.985 - 0.17 * np.abs(np.clip(u, -1, 1)) ** 2.2)
            here = np.abs(u) <= 1.2
            gum = np.maximum(gum, here * np.clip((y - neck_line) * 25.0, 0.0, 1.0) * (1 - crown))
            # Between two crowns, above the contact point, stays a thin dark line.
            line = here * np.clip((y - drop - 0.10) * 20, 0, 1) * (y < neck_line)
            cover = np.maximum(cover, line * 0.9)
    cover = np.maximum(cover, gum)
    texture = np.stack([bright, gum, cover, warm], axis=-1).astype(np.float32)
    texture = cv2.GaussianBlur(texture, (0, 0), 0.8)
    return TeethRow(texture, 2 * half, tall)


def _arch(length: NDArray[np.float32], grow: float, inset: float) -> NDArray[np.float32]:
    """Return (n, 2) x and depth of points `length` cm along the arch from its middle."""
    t = np.linspace(0.0, 1.0, 200)
    half, deep = (ARCH_HALF_WIDTH_CM - inset) * grow, ARCH_LENGTH_CM * grow
    # A superellipse is flat at the incisors and straight along the molars.
    x = half * np.sin(t * np.pi / 2) ** 0.95
    z = deep * (1.0 - np.cos(t * np.pi / 2) ** 0.9)
    along = np.concatenate([[0.0], np.cumsum(np.hypot(np.diff(x), np.diff(z)))])
    reach = np.abs(length)
    return np.stack(
        [np.sign(length) * np.interp(reach, along, x), np.interp(reach, along, z)], axis=-1
    ).astype(np.float32)


@dataclass(frozen=True, eq=False)
class MouthParts:
    """Geometry of the mouth's inside at rest, in the head frame.

    vertices : (N, 3) float32 cm; faces : (F, 3) int32
    kind : (N,) int32, 0 upper row, 1 lower row, 2 tongue
    place : (N, 2) float32, texture position: cm along the arch over its length in [0, 1], and cm
        from the incisal edge over the height; for the tongue across and along
    inward : (N,) float32, cm behind the incisors
    jaw : (N,) float32 in [0, 1], share of the jaw's movement
    """

    vertices: NDArray[np.float32]
    faces: NDArray[np.int32]
    kind: NDArray[np.int32]
    place: NDArray[np.float32]
    inward: NDArray[np.float32]
    jaw: NDArray[np.float32]


def _grid_faces(rows: int, columns: int, first: int) -> NDArray[np.int32]:
    index = first + np.arange(rows * columns, dtype=np.int32).reshape(rows, columns)
    a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]
    return np.concatenate(
        [np.stack([a, b, c], -1).reshape(-1, 3), np.stack([a, c, d], -1).reshape(-1, 3)]
    )


def mouth_parts(
    lip_contact: NDArray[np.float32], half_width: float, lip_thickness: float = 0.75
) -> MouthParts:
    """Return the inside of a mouth whose shut lips meet at `lip_contact`.

    lip_contact : (3,) cm, middle of the line where the neutral lips meet, on their front
    half_width : cm, half the distance of the mouth corners
    lip_thickness : cm from the front of the lips back to the incisors
    """
    grow = float(np.clip(half_width / 2.5, 0.85, 1.15))
    cx, cy, cz = (float(v) for v in lip_contact)
    front = cz + lip_thickness
    vertices, faces, kinds, places, inward, jaw = [], [], [], [], [], []
    count = 0
    for kind, upper in enumerate((True, False)):
        row = teeth_row(upper)
        columns, rows = TEETH_COLUMNS, 5
        s = np.linspace(-row.length / 2, row.length / 2, columns, dtype=np.float32)
        arch = _arch(s * grow, grow, 0.0 if upper else 0.22)
        behind = 0.0 if upper else 0.28
        heights = np.linspace(0.0, row.height, rows, dtype=np.float32)
        # The upper incisors end a little below the line of the lips, the lower ones at it.
        edge = cy + 0.19 if upper else cy + 0.03
        curve = -0.35 * (arch[:, 1] / (ARCH_LENGTH_CM * grow)) ** 1.5 + 0.0
        sign = -1.0 if upper else 1.0
        for h in heights:
            lean = 0.10 * h * (1.0 if upper else 0.6)
            y = edge + sign * h * grow + curve
            point = np.column_stack([cx + arch[:, 0], y, front + behind + arch[:, 1] - lean])
            vertices.append(point)
            u = (s + row.length / 2) / row.length
            places.append(np.column_stack([u, np.full_like(u, h / row.height)]))
            inward.append(arch[:, 1] + behind)
        kinds.append(np.full(rows * columns, kind, np.int32))
        jaw.append(np.full(rows * columns, float(kind)))
        faces.append(_grid_faces(rows, columns, count))
        count += rows * columns
    # Tongue: a dome that fills the lower arch, its tip just behind the lower incisors.
    columns, rows = 21, 17
    across = np.linspace(-1.0, 1.0, columns, dtype=np.float32)
    for along in np.linspace(0.0, 1.0, rows, dtype=np.float32):
        wide = (1.75 * np.sin(np.pi / 2 * min(1.0, along / 0.45)) ** 0.6 + 0.02) * grow
        rise = 0.75 - 1.25 * np.sin(np.pi * min(1.0, 0.25 + 0.75 * along) ** 1.0)
        groove = 0.10 * np.exp(-((across / 0.18) ** 2)) * np.sin(np.pi * along)
        y = cy + 0.05 + rise * grow + 0.85 * np.abs(across) ** 2.2 * (0.4 + along) + groove
        z = np.full(columns, front + 0.75 + 4.2 * along * grow)
        vertices.append(np.column_stack([cx + across * wide, y, z]))
        places.append(np.column_stack([(across + 1) / 2, np.full(columns, along)]))
        inward.append(z - front)
    kinds.append(np.full(rows * columns, 2, np.int32))
    jaw.append(np.full(rows * columns, 1.0))
    faces.append(_grid_faces(rows, columns, count))
    count += rows * columns
    # The dark behind: a curtain from the palate (skull) to the floor of the mouth (jaw).
    columns, rows = 9, 9
    for down in np.linspace(-1.0, 1.0, rows, dtype=np.float32):
        x = np.linspace(-3.6, 3.6, columns, dtype=np.float32) * grow
        deep = 3.2 - 2.6 * np.abs(x / (3.6 * grow)) ** 1.5
        vertices.append(np.column_stack([cx + x, np.full(columns, cy + 2.2 * down), front + deep]))
        places.append(np.column_stack([x, np.full(columns, down)]))
        inward.append(deep)
        jaw.append(np.full(columns, (down + 1) / 2))
    kinds.append(np.full(rows * columns, 3, np.int32))
    faces.append(_grid_faces(rows, columns, count))
    return MouthParts(
        np.concatenate(vertices).astype(np.float32),
        np.concatenate(faces),
        np.concatenate(kinds),
        np.concatenate(places).astype(np.float32),
        np.concatenate(inward).astype(np.float32),
        np.concatenate(jaw).astype(np.float32),
    )
