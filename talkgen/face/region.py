"""Regions of a picture that hold a face, and the upright crops that networks read.

A region is a turned square. Everything that looks at a face cuts its region out upright, at the
size it wants, and carries its result back to the picture through the crop's matrix.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from talkgen.face.points import LEFT_LIDS, LIPS_INNER, LIPS_OUTER, RIGHT_LIDS
from talkgen.types import FloatArray, ImageArray

EYE_OUTER = (33, 263)
"""Landmarks of the outer eye corners: first the one on the left of the picture."""


@dataclass(frozen=True)
class Region:
    """A square that holds a face.

    x, y : centre, pixels of the picture
    size : side, pixels
    roll : radians, clockwise in the picture; the face stands upright in the turned square
    score : how sure the finder was, in [0, 1]
    """

    x: float
    y: float
    size: float
    roll: float = 0.0
    score: float = 1.0

    def scaled(self, factor: float) -> Region:
        """Return the region about the same centre with `factor` times the side."""
        return Region(self.x, self.y, self.size * factor, self.roll, self.score)


def region_of(landmarks: FloatArray, *, margin: float = 1.0) -> Region:
    """Return the upright square about (N, 2 or 3) face landmarks, `margin` times their extent.

    The roll comes from the outer eye corners; the extent is measured along the turned axes, so
    the same face gives the same region however the picture is turned.
    """
    points = np.asarray(landmarks, np.float64)[:, :2]
    across = points[EYE_OUTER[1]] - points[EYE_OUTER[0]]
    roll = float(np.arctan2(across[1], across[0]))
    axes = np.array([[np.cos(roll), np.sin(roll)], [-np.sin(roll), np.cos(roll)]])
    turned = points @ axes.T
    low, high = turned.min(0), turned.max(0)
    centre = (low + high) / 2 @ axes
    return Region(float(centre[0]), float(centre[1]), float((high - low).max()) * margin, roll)


DETAIL_POINTS = {"mouth": LIPS_OUTER + LIPS_INNER, "right": RIGHT_LIDS, "left": LEFT_LIDS}


def detail_region(landmarks: FloatArray, part: str, margin: float) -> Region:
    """Return the square about a part of a face, `margin` times the extent of the whole.

    part : "mouth", "right" or "left" (the subject's eyes)
    """
    whole = region_of(landmarks)
    x, y = np.asarray(landmarks)[list(DETAIL_POINTS[part]), :2].mean(0)
    return Region(float(x), float(y), whole.size * margin, whole.roll)


def crop_matrix(region: Region, side: int) -> FloatArray:
    """Return the (2, 3) float64 matrix from crop pixels (x, y, 1) to picture pixels.

    Pixel centres lie at whole numbers in both, as in OpenCV.
    """
    scale = region.size / side
    cos, sin = np.cos(region.roll) * scale, np.sin(region.roll) * scale
    linear = np.array([[cos, -sin], [sin, cos]])
    middle = np.array([(side - 1) / 2, (side - 1) / 2])
    centre = np.array([region.x, region.y])
    return np.concatenate([linear, (centre - linear @ middle)[:, None]], axis=1)


def cut(image: ImageArray, region: Region, side: int) -> tuple[ImageArray, FloatArray]:
    """Return the region as an upright (side, side, 3) crop and its matrix to picture pixels.

    What lies outside of the picture repeats its border. Large regions are averaged down first, so
    that the crop does not alias.
    """
    matrix = crop_matrix(region, side)
    corners = np.array([[0, 0, 1], [side, 0, 1], [0, side, 1], [side, side, 1]]) @ matrix.T
    height, width = image.shape[:2]
    x0, y0 = np.clip(np.floor(corners.min(0)).astype(int) - 2, 0, [width - 1, height - 1])
    x1, y1 = np.clip(np.ceil(corners.max(0)).astype(int) + 3, [x0 + 1, y0 + 1], [width, height])
    part = image[y0:y1, x0:x1]
    to_part = matrix.copy()
    to_part[:, 2] -= (x0, y0)
    shrink = region.size / side
    if shrink > 1.5:
        small = (max(1, round((x1 - x0) / shrink)), max(1, round((y1 - y0) / shrink)))
        factor = np.array([small[0] / (x1 - x0), small[1] / (y1 - y0)])
        part = cv2.resize(np.ascontiguousarray(part), small, interpolation=cv2.INTER_AREA)
        to_part *= factor[:, None]
        to_part[:, 2] += (factor - 1) / 2  # pixel centres, not corners
    crop = cv2.warpAffine(
        np.ascontiguousarray(part),
        to_part,
        (side, side),
        flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return crop, matrix


def to_picture(landmarks: FloatArray, matrix: FloatArray) -> FloatArray:
    """Return (N, 3) crop landmarks in picture pixels; depth is scaled along."""
    points = np.asarray(landmarks, np.float64)
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    flat = points[:, :2] @ matrix[:, :2].T + matrix[:, 2]
    return np.concatenate([flat, points[:, 2:] * scale], axis=1).astype(np.float32)


def box_of(landmarks: FloatArray) -> FloatArray:
    """Return the box (4,) x0 y0 x1 y1 about (N, 2 or 3) landmarks."""
    points = np.asarray(landmarks)[:, :2]
    return np.concatenate([points.min(0), points.max(0)]).astype(np.float32)


def overlap(one: FloatArray, other: FloatArray) -> float:
    """Return the larger of intersection over union and 0.8 x intersection over the smaller box.

    The second part catches a face found once whole and once as a smaller piece of itself.
    """
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    shared = float(width * height)
    areas = [float((b[2] - b[0]) * (b[3] - b[1])) for b in (one, other)]
    return max(shared / (sum(areas) - shared), 0.8 * shared / max(min(areas), 1e-6))


def distinct(boxes: Sequence[FloatArray], scores: Sequence[float], limit: float) -> list[int]:
    """Return the indices that stay: of two boxes overlapping by `limit` the better."""
    kept: list[int] = []
    for index in sorted(range(len(boxes)), key=lambda i: -scores[i]):
        if all(overlap(boxes[index], boxes[other]) < limit for other in kept):
            kept.append(index)
    return kept
