"""Faces cut out upright at one place and size, as recognition networks want them."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from talkgen.types import Face, FloatArray, ImageArray

TEMPLATE_SIDE = 112
TEMPLATE = (
    (38.2946, 51.6963), (73.5318, 51.5014), (56.0252, 71.7366), (41.5493, 92.3655),
    (70.7299, 92.2041),
)  # fmt: skip
"""Places of right eye, left eye, nose tip and the corners of the mouth in a 112 px crop: the
template of ArcFace (Deng et al. 2019) and of OpenCV's SFace."""
POINTS = ((33, 133), (362, 263), (4,), (61,), (291,))
"""Landmarks whose mean is each of the five points."""


def five_points(landmarks: FloatArray | NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (5, 2) pixels: right eye, left eye, nose tip, right and left corner of the mouth."""
    flat = np.asarray(landmarks, np.float64)[:, :2]
    return np.stack([flat[list(group)].mean(0) for group in POINTS])


def similarity(points: NDArray[np.float64], wanted: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the (2, 3) turn, scale and shift that brings points (N, 2) nearest to the wanted ones.

    Least squares (Umeyama 1991), no mirroring.
    """
    a, b = points - points.mean(0), wanted - wanted.mean(0)
    norm = max(float((a**2).sum()), 1e-12)
    cos = float((a * b).sum()) / norm
    sin = float((a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]).sum()) / norm
    linear = np.array([[cos, -sin], [sin, cos]])
    return np.concatenate([linear, (wanted.mean(0) - linear @ points.mean(0))[:, None]], axis=1)


def aligned(
    image: ImageArray, face: Face, side: int = TEMPLATE_SIDE, *, margin: float = 0.0
) -> ImageArray:
    """Return the (side, side, 3) uint8 crop in which the five points lie on `TEMPLATE`.

    margin : share of the template's side that is added on each edge
    What lies outside of the picture repeats its border; large faces are averaged down first.
    """
    step = side / (TEMPLATE_SIDE * (1 + 2 * margin))
    wanted = (np.array(TEMPLATE) + margin * TEMPLATE_SIDE) * step
    matrix = similarity(five_points(face.landmarks), wanted)
    shrink = 1 / max(float(np.hypot(matrix[0, 0], matrix[1, 0])), 1e-9)
    source: Any = np.ascontiguousarray(image)
    if shrink > 1.5:
        x0, y0 = np.floor(face.box[:2] - 0.8 * face.size).astype(int)
        x1, y1 = np.ceil(face.box[2:] + 0.8 * face.size).astype(int)
        x0, y0 = max(0, x0), max(0, y0)
        part = source[y0 : max(y1, y0 + 1), x0 : max(x1, x0 + 1)]
        size = (max(1, round(part.shape[1] / shrink)), max(1, round(part.shape[0] / shrink)))
        factor = np.array([size[0] / part.shape[1], size[1] / part.shape[0]])
        source = cv2.resize(np.ascontiguousarray(part), size, interpolation=cv2.INTER_AREA)
        # picture -> part -> shrunk part, pixel centres at whole numbers
        to_part = np.array([
            [factor[0], 0, -x0 * factor[0] + (factor[0] - 1) / 2],
            [0, factor[1], -y0 * factor[1] + (factor[1] - 1) / 2],
            [0, 0, 1],
        ])  # fmt: skip
        matrix = matrix @ np.linalg.inv(to_part)
    crop: Any = cv2.warpAffine(
        source, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    found: ImageArray = crop
    return found
