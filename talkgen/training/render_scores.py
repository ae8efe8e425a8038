"""Scores of drawn frames against real ones (for `scripts/evaluate_renderer.py`).

What compares two pictures is `talkgen.critic.pictures`; here is what chooses and makes them.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import LinearNDInterpolator
from scipy.spatial import Delaunay

from talkgen.critic.pictures import (
    LIPS,
    REGIONS,
    SIDE,
    crop,
    crop_box,
    flicker,
    lip_distance,
    psnr,
)  # fmt: skip
from talkgen.motion.extras import clearness
from talkgen.types import FloatArray, ImageArray

__all__ = [
    "LIPS", "REGIONS", "SIDE", "clear_frame", "crop", "crop_box", "flat_warp", "flicker",
    "lip_distance", "psnr", "warped",
]  # fmt: skip


def clear_frame(landmarks: FloatArray, scores: FloatArray) -> int:
    """Return the first frame with open eyes and a shut mouth, else the one that comes nearest.

    landmarks : (T, 478, 3); scores : (T, 52)
    """
    return int(np.argmin([clearness(p, s) for p, s in zip(landmarks, scores, strict=True)]))


def flat_warp(
    source: ImageArray, points: FloatArray, target: FloatArray, box: tuple[float, float, float]
) -> ImageArray:
    """Return a crop (256, 256, 3) of the source bent piecewise linearly from its landmarks to
    others.

    points, target : (478, 2 or 3) pixels; the rim of the picture stays
    """
    x, y, side = box
    line = (np.arange(SIDE) - SIDE / 2 + 0.5) * side / SIDE
    return warped(source, points, target, x + line, y + line)


def warped(
    source: ImageArray, points: FloatArray, target: FloatArray, x: NDArray[Any], y: NDArray[Any]
) -> ImageArray:
    """Return (len(y), len(x), 3), the bent source where columns and rows of pixels lie."""
    height, width = source.shape[:2]
    rim = np.array([(x, y) for x in (0, width / 2, width - 1) for y in (0, height / 2, height - 1)
                    if (x, y) != (width / 2, height / 2)])  # fmt: skip
    there = np.concatenate([np.asarray(target)[:468, :2], rim])
    here = np.concatenate([np.asarray(points)[:468, :2], rim])
    grid = np.stack(np.meshgrid(x, y), -1)
    at = LinearNDInterpolator(Delaunay(there), here)(grid.reshape(-1, 2)).reshape(grid.shape)
    at = np.where(np.isnan(at), grid, at).astype(np.float32)
    out: Any = cv2.remap(
        source, at[..., 0], at[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(out, np.uint8)
