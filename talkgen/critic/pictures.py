"""How near drawn pictures come to real ones, and how they flicker.

Frames are compared on square crops about the real frame's own landmarks, brought to 256 pixels:
the face, and the mouth with chin and the lower nose.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from talkgen.face.alignment import similarity
from talkgen.face.points import LIPS
from talkgen.types import FloatArray, ImageArray

SIDE = 256
REGIONS = {"face": (tuple(range(468)), 1.15), "mouth": (LIPS, 1.6)}
"""Landmarks that each crop is about, and its side over their extent."""
WINDOW_SIGMA, WINDOW_RADIUS, K1, K2 = 1.5, 5, 0.01, 0.03
"""SSIM (Wang et al. 2004): a Gaussian window 11 pixels wide, the constants of the paper."""


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


def ssim(one: ImageArray, other: ImageArray) -> float:
    """Return the mean structural similarity, at most 1, of (H, W, 3) pictures, uint8.

    Of each colour, Gaussian window of 11 pixels and sigma 1.5, K1 0.01, K2 0.03, range 255; a rim
    of 5 pixels, where the window leaves the picture, does not count (as scikit-image has it).
    """
    a, b = one.astype(np.float64), other.astype(np.float64)
    c1, c2 = (K1 * 255) ** 2, (K2 * 255) ** 2
    mean_a, mean_b = _blurred(a), _blurred(b)
    spread_a = _blurred(a * a) - mean_a**2
    spread_b = _blurred(b * b) - mean_b**2
    both = _blurred(a * b) - mean_a * mean_b
    value = ((2 * mean_a * mean_b + c1) * (2 * both + c2)) / (
        (mean_a**2 + mean_b**2 + c1) * (spread_a + spread_b + c2)
    )
    rim = WINDOW_RADIUS
    return float(value[rim:-rim, rim:-rim].mean())


def _blurred(image: NDArray[np.float64]) -> NDArray[np.float64]:
    side = 2 * WINDOW_RADIUS + 1
    out: Any = cv2.GaussianBlur(image, (side, side), WINDOW_SIGMA, borderType=cv2.BORDER_REFLECT)
    return np.asarray(out, np.float64)


def laplacian_energy(image: ImageArray) -> float:
    """Return the mean square of the Laplacian (4 neighbours) of the grey picture, levels squared.

    The rim of one pixel, where a neighbour is missing, does not count.
    """
    grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.float32)
    return float((cv2.Laplacian(grey, cv2.CV_32F)[1:-1, 1:-1] ** 2).mean())


def placed_on(found: FloatArray, wanted: FloatArray) -> NDArray[np.float64]:
    """Return landmarks (478, 2) moved, turned and scaled to lie nearest to the wanted ones."""
    moved = np.asarray(found, np.float64)[:, :2]
    matrix = similarity(moved, np.asarray(wanted, np.float64)[:, :2])
    return moved @ matrix[:, :2].T + matrix[:, 2]


def lip_distance(found: FloatArray, wanted: FloatArray) -> float:
    """Return M-LMD: mean distance of the lips (478, 2 or 3), place, turn and size taken out, in
    percent of the distance of the outer eye corners (EVALUATION.md)."""
    return landmark_distance(found, wanted, LIPS)


def landmark_distance(
    found: FloatArray, wanted: FloatArray, points: tuple[int, ...] = tuple(range(468))
) -> float:
    """Return LMD: mean distance of landmarks, as `lip_distance` has it, of all points or some."""
    inner = np.asarray(wanted, np.float64)[:, :2]
    apart = np.linalg.norm(inner[33] - inner[263])
    rows = list(points)
    steps = np.linalg.norm(placed_on(found, wanted)[rows] - inner[rows], axis=1)
    return float(100 * steps.mean() / apart)


def flicker(crops: Iterator[ImageArray] | list[ImageArray]) -> float:
    """Return the mean absolute second difference over time of crops, levels of 255."""
    frames = np.stack([c.astype(np.float32) for c in crops])
    if len(frames) < 3:
        return 0.0
    return float(np.abs(frames[2:] - 2 * frames[1:-1] + frames[:-2]).mean())
