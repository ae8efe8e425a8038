"""Fixed descriptors of a face: histograms of gradients around its landmarks, DAISY-like.

Around each of 37 landmarks lie rings of blurred gradient histograms (Tola et al. 2010), twice.
Nothing here is learned: `talkgen.face.identity_net` turns the numbers into a part of the embedding.
"""

from __future__ import annotations

from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from talkgen.face.alignment import TEMPLATE, TEMPLATE_SIDE, five_points, similarity
from talkgen.face.points import MIRROR
from talkgen.types import FloatArray, ImageArray

SIDE, MARGIN = 128, 1 / 14
"""Pixels of the crop, and the share of the template that it shows beyond each edge."""
POINTS = (
    70, 105, 107, 336, 334, 300, 33, 159, 133, 145, 362, 386, 263, 374, 168, 6, 4, 48, 278, 2, 61,
    291, 0, 17, 37, 267, 152, 50, 280, 187, 411, 172, 397, 9, 10, 117, 346,
)  # fmt: skip
"""Landmarks described: brows, lids, nose, lips, chin, cheeks, forehead."""
BINS = 8
SCALES = (4.0, 8.0)
"""Pixels of one step in each of the two sizes."""
RINGS = ((0.0, 1, 0.0), (1.0, 6, 0.0), (2.0, 8, 0.5))
"""Radius in 1.5 steps, places on the ring, and its turn in places."""
LENGTH = sum(count for _, count, _ in RINGS) * BINS
"""Numbers that describe one point in one size: 120."""


def _offsets() -> NDArray[np.float64]:
    rows = []
    for radius, count, turn in RINGS:
        for k in range(count):
            angle = 2 * np.pi * (k + turn) / count
            rows.append((radius * np.cos(angle), radius * np.sin(angle)))
    return np.array(rows)


_OFFSETS = _offsets()
_INNER = 1 + RINGS[1][1]


def placed(landmarks: FloatArray) -> NDArray[np.float64]:
    """Return where a picture's landmarks (478, 2 or more) lie in its aligned crop, (478, 2)."""
    step = SIDE / (TEMPLATE_SIDE * (1 + 2 * MARGIN))
    wanted = (np.array(TEMPLATE) + MARGIN * TEMPLATE_SIDE) * step
    flat = np.asarray(landmarks, np.float64)[:, :2]
    matrix = similarity(five_points(flat), wanted)
    return flat @ matrix[:, :2].T + matrix[:, 2]


def describe(crop: ImageArray, points: NDArray[np.float64]) -> FloatArray:
    """Return (2, 37, 2, 120) float32: face and mirror image, point, size, square-rooted histogram.

    crop : (128, 128, 3) uint8 RGB; points : (478, 2) as of `placed`
    """
    grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY).astype(np.float32)
    other = points[MIRROR].copy()
    other[:, 0] = SIDE - 1 - other[:, 0]
    chosen = list(POINTS)
    return np.stack([
        _one(grey, points[chosen]),
        _one(np.ascontiguousarray(grey[:, ::-1]), other[chosen]),
    ])  # fmt: skip


def _one(grey: FloatArray, points: NDArray[np.float64]) -> FloatArray:
    """Return (37, 2, 120) of grey (128, 128) float32."""
    smooth = cv2.GaussianBlur(grey, (0, 0), 0.9)
    dx = cv2.Sobel(smooth, cv2.CV_32F, 1, 0, ksize=1)
    dy = cv2.Sobel(smooth, cv2.CV_32F, 0, 1, ksize=1)
    turns = np.arange(BINS) * 2 * np.pi / BINS
    maps = [np.maximum(dx * np.cos(t) + dy * np.sin(t), 0) for t in turns]
    sizes, nothing = [], cast(Any, None)
    for step in SCALES:
        at = (points[:, None] + _OFFSETS * step * 1.5).astype(np.float32)
        parts = []
        for rows, blur in ((slice(0, _INNER), 0.5), (slice(_INNER, None), 0.8)):
            soft = [cv2.GaussianBlur(m, (0, 0), blur * step) for m in maps]
            where = np.ascontiguousarray(at[:, rows])
            parts.append(np.concatenate([
                cv2.remap(np.stack(four, 2), where, nothing, cv2.INTER_LINEAR,
                          borderMode=cv2.BORDER_REPLICATE)
                for four in (soft[:4], soft[4:])
            ], axis=2))  # fmt: skip
        found = np.concatenate(parts, 1).reshape(len(points), LENGTH)
        sizes.append(np.sqrt(found / np.maximum(found.sum(1, keepdims=True), 1e-6)))
    out: FloatArray = np.stack(sizes, 1).astype(np.float32)
    return out
