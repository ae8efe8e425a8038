"""Flaws of a single frame, in numbers: blocks, seams, soft teeth."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from talkgen.critic.pictures import SIDE, crop, crop_box
from talkgen.face.points import CONTOUR, LIPS_INNER, LIPS_OUTER
from talkgen.types import Face, FloatArray, ImageArray

BLOCK = 8
"""Pixels of a coder's block."""
OPEN_TEETH = 0.05
"""Lip gap over inter-ocular distance from which teeth may be seen."""
ANGLES, RINGS = 96, 96
INNERMOST, OUTERMOST = 0.5, 1.9
"""Rings of a seam's search, in sizes of the face's outline (1) or of its box (1)."""
OUTLINE = ((0.55, 0.92), (1.15, 1.85))
"""Rings of the outline's form that may be seams; between them lie the jaw and the hair line."""
BOX = ((1.02, 1.85),)
"""The same of square rings: inside lies the face itself."""
SHARE = 0.4
"""Share of a ring that need not show the step."""
_TREND = 4
"""Rings to either side that say how steep the picture is anyway."""


def blockiness(image: ImageArray, face: Face) -> float | None:
    """Return the step across the edges of 8-pixel blocks over that elsewhere; 1: no blocks.

    Mean absolute grey difference of neighbouring pixels in the face's box, along rows and columns,
    on the grid that begins at the picture's corner. None where the face is under 48 pixels.
    """
    height, width = image.shape[:2]
    x0, y0 = np.maximum(np.floor(face.box[:2]).astype(int), 0)
    x1, y1 = np.minimum(np.ceil(face.box[2:]).astype(int), (width, height))
    if min(x1 - x0, y1 - y0) < 6 * BLOCK:
        return None
    part = np.ascontiguousarray(image[y0:y1, x0:x1])
    grey = cv2.cvtColor(part, cv2.COLOR_RGB2GRAY).astype(np.float32)
    ratios = []
    for axis, first in ((0, int(y0)), (1, int(x0))):
        step = np.abs(np.diff(grey, axis=axis)).mean(1 - axis)
        edge = (np.arange(len(step)) + first + 1) % BLOCK == 0
        ratios.append(float(step[edge].mean()) / max(float(step[~edge].mean()), 1e-3))
    return float(np.mean(ratios))


def seam_profile(image: ImageArray, face: Face) -> FloatArray:
    """Return (2, K) signed steps of brightness across closed rings about the face, levels of 255.

    A pasted face leaves a line of its mask's form. So the picture is read along rings of the form
    of the face's outline (first row) and of its box, and for each ring the signed step across it,
    less that of the rings about it, is taken; what counts is the step that three fifths of the ring
    exceed. Natural edges (jaw, hair, collar) take part of a ring or change sign.
    """
    outline = face.landmarks[:, :2].astype(np.float64)[list(CONTOUR)]
    rings = (outline, _square(outline.min(0), outline.max(0)))
    scale = np.linspace(INNERMOST, OUTERMOST, RINGS)[_TREND + 1 : -_TREND - 1]
    grey = np.asarray(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), np.uint8)
    rows = []
    for ring, spans in zip(rings, (OUTLINE, BOX), strict=True):
        allowed = np.any([(scale >= first) & (scale <= last) for first, last in spans], axis=0)
        rows.append(np.where(allowed, _steps(grey, _evenly(ring)), 0.0))
    return np.asarray(rows, np.float32)


def seam(profiles: FloatArray) -> float:
    """(T, 2, K) profiles of a clip to its strongest seam, levels of 255.

    A seam stays on its ring while natural edges wander: the median over time of each ring counts.
    """
    if not len(profiles):
        return 0.0
    return float(np.abs(np.median(profiles, axis=0)).max())


def _square(low: NDArray[Any], high: NDArray[Any]) -> NDArray[np.float64]:
    """(4, 2) corners of the square about a face's box, from the top left on clockwise."""
    x, y = (low + high) / 2
    half = float((high - low).max()) / 2
    return np.array([(x - half, y - half), (x + half, y - half), (x + half, y + half),
                     (x - half, y + half)])  # fmt: skip


def _evenly(ring: NDArray[Any]) -> NDArray[np.float64]:
    """(K, 2) corners of a closed line to (ANGLES, 2) points at even steps along it."""
    closed = np.concatenate([ring, ring[:1]])
    length = np.r_[0, np.cumsum(np.linalg.norm(np.diff(closed, axis=0), axis=1))]
    at = np.arange(ANGLES) * length[-1] / ANGLES
    return np.stack([np.interp(at, length, closed[:, k]) for k in (0, 1)], 1)


def _steps(grey: ImageArray, ring: NDArray[np.float64]) -> NDArray[np.float64]:
    """(K,) signed step across each ring, less that of the rings about it, that three fifths of the
    ring exceed; 0 where less than two thirds of a ring lie in the picture."""
    height, width = grey.shape
    centre = ring.mean(0)
    scale = np.linspace(INNERMOST, OUTERMOST, RINGS)
    places = centre + scale[:, None, None] * (ring - centre)
    at = places.astype(np.float32)
    spacing = float(np.linalg.norm(ring - centre, axis=1).mean()) * (scale[1] - scale[0])
    if spacing > 1.5:
        grey = np.asarray(cv2.GaussianBlur(grey, (0, 0), 0.5 * spacing), np.uint8)
    values = cv2.remap(
        grey.astype(np.float32), at[..., 0], at[..., 1], cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )  # fmt: skip
    inside = ((places >= 0) & (places <= (width - 1, height - 1))).all(-1)
    step = values[2:] - values[:-2]  # across ring 1 .. R - 2
    known = (inside[2:] & inside[:-2])[_TREND:-_TREND]
    trend = (step[: -2 * _TREND] + step[2 * _TREND :]) / 2
    excess = np.sort(np.where(known, step[_TREND:-_TREND] - trend, np.inf), axis=1)
    count = known.sum(1)
    rows = np.arange(len(excess))
    low = excess[rows, np.minimum((SHARE * count).astype(int), ANGLES - 1)]
    high = excess[rows, np.clip(((1 - SHARE) * count).astype(int), 0, np.maximum(count - 1, 0))]
    out = np.where(low > 0, low, np.where(high < 0, high, 0.0))
    return np.where(count >= 2 / 3 * ANGLES, out, 0.0)


def teeth_sharpness(image: ImageArray, face: Face) -> float | None:
    """Return how sharp the inside of the mouth is beside the lips about it; None where it is shut.

    Root mean square of the Laplacian inside the inner lips over that of the lips and skin about
    them, in the mouth's crop at 256 pixels; each over its own contrast (standard deviation), since
    dark gaps differ.
    """
    points = face.landmarks
    if np.linalg.norm(points[13] - points[14]) < OPEN_TEETH * max(
        float(np.linalg.norm(points[33] - points[263])), 1e-6
    ):
        return None
    box = crop_box(points, "mouth")
    grey = cv2.cvtColor(crop(image, box), cv2.COLOR_RGB2GRAY).astype(np.float32)
    local = (points[:, :2] - np.array(box[:2])) * (SIDE / box[2]) + SIDE / 2 - 0.5
    inner, outer = (_filled(local[list(ring)]) for ring in (LIPS_INNER, LIPS_OUTER))
    inside = cv2.erode(inner, np.ones((3, 3), np.uint8)) > 0
    about = (cv2.dilate(outer, np.ones((15, 15), np.uint8)) > 0) & ~(
        cv2.dilate(inner, np.ones((3, 3), np.uint8)) > 0
    )
    if inside.sum() < 100 or about.sum() < 100:
        return None
    smooth = cv2.GaussianBlur(grey, (0, 0), 1.0)
    edges = np.asarray(cv2.Laplacian(smooth, cv2.CV_32F), np.float32)
    return _crisp(grey, edges, inside) / max(_crisp(grey, edges, about), 1e-6)


def _crisp(grey: FloatArray, edges: FloatArray, where: NDArray[np.bool_]) -> float:
    return float(np.sqrt((edges[where] ** 2).mean()) / max(float(grey[where].std()), 1.0))


def _filled(ring: NDArray[Any]) -> NDArray[np.uint8]:
    mask = np.zeros((SIDE, SIDE), np.uint8)
    cv2.fillPoly(mask, [np.rint(ring).astype(np.int32)], 1)
    return mask
