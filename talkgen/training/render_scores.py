"""Scores of drawn frames against real ones (for `scripts/evaluate_renderer.py`).

Frames are compared on square crops about the real frame's own landmarks, brought to 256 pixels:
the face, and the mouth with chin and the lower nose.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
from scipy.interpolate import LinearNDInterpolator
from scipy.spatial import Delaunay

from talkgen.face.points import LIPS
from talkgen.motion.extras import clearness
from talkgen.types import FloatArray, ImageArray

SIDE = 256
REGIONS = {"face": (tuple(range(468)), 1.15), "mouth": (LIPS, 1.6)}
"""Landmarks that each crop is about, and its side over their extent."""


def crop_box(landmarks: FloatArray, region: str) -> tuple[float, float, float]:
    """Return the centre x, y and the side, pixels, of a region's crop."""
    chosen, factor = REGIONS[region]
    points = np.asarray(landmarks)[list(chosen), :2]
    low, high = points.min(0), points.max(0)
    x, y = (low + high) / 2
    return float(x), float(y), float((high - low).max() * factor)


def crop(image: ImageArray, box: tuple[float, float, float]) -> ImageArray:
    """Return the crop (256, 256, 3); what lies outside repeats the rim."""
    x, y, side = box
    scale = SIDE / side
    matrix = np.array([[scale, 0, SIDE / 2 - 0.5 - x * scale],
                       [0, scale, SIDE / 2 - 0.5 - y * scale]])  # fmt: skip
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    out: Any = cv2.warpAffine(
        image, matrix, (SIDE, SIDE), flags=how, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(out, np.uint8)


def psnr(one: ImageArray, other: ImageArray) -> float:
    """Return the peak signal to noise ratio in decibels, at most 60."""
    error = float(np.mean((one.astype(np.float32) - other.astype(np.float32)) ** 2))
    return min(60.0, float(10 * np.log10(255**2 / max(error, 1e-9))))


def lip_distance(found: FloatArray, wanted: FloatArray) -> float:
    """Return M-LMD: mean distance of the lips (478, 2 or 3), place, turn and size taken out, in
    percent of the distance of the outer eye corners (EVALUATION.md)."""
    from talkgen.face.alignment import similarity

    inner = np.asarray(wanted, np.float64)[:, :2]
    apart = np.linalg.norm(inner[33] - inner[263])
    moved = np.asarray(found, np.float64)[:, :2]
    matrix = similarity(moved, inner)
    placed = moved @ matrix[:, :2].T + matrix[:, 2]
    lips = list(LIPS)
    return float(100 * np.linalg.norm(placed[lips] - inner[lips], axis=1).mean() / apart)


def clear_frame(landmarks: FloatArray, scores: FloatArray) -> int:
    """Return the first frame with open eyes and a shut mouth, else the one that comes nearest.

    landmarks : (T, 478, 3); scores : (T, 52)
    """
    return int(np.argmin([clearness(p, s) for p, s in zip(landmarks, scores, strict=True)]))


def flat_warp(
    source: ImageArray, points: FloatArray, target: FloatArray, box: tuple[float, float, float]
) -> ImageArray:
    """Return a crop of the source bent piecewise linearly from its landmarks to others.

    points, target : (478, 2 or 3) pixels; the rim of the picture stays
    """
    height, width = source.shape[:2]
    rim = np.array([(x, y) for x in (0, width / 2, width - 1) for y in (0, height / 2, height - 1)
                    if (x, y) != (width / 2, height / 2)])  # fmt: skip
    there = np.concatenate([np.asarray(target)[:468, :2], rim])
    here = np.concatenate([np.asarray(points)[:468, :2], rim])
    x, y, side = box
    line = (np.arange(SIDE) - SIDE / 2 + 0.5) * side / SIDE
    grid = np.stack(np.meshgrid(x + line, y + line), -1).reshape(-1, 2)
    at = LinearNDInterpolator(Delaunay(there), here)(grid).reshape(SIDE, SIDE, 2)
    at = np.where(np.isnan(at), grid.reshape(SIDE, SIDE, 2), at).astype(np.float32)
    out: Any = cv2.remap(
        source, at[..., 0], at[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(out, np.uint8)


def flicker(crops: Iterator[ImageArray] | list[ImageArray]) -> float:
    """Return the mean absolute second difference over time of crops, levels of 255."""
    frames = np.stack([c.astype(np.float32) for c in crops])
    if len(frames) < 3:
        return 0.0
    return float(np.abs(frames[2:] - 2 * frames[1:-1] + frames[:-2]).mean())
