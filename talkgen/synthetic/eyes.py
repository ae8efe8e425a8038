"""Eyes: the front of an eyeball as a drawn disc, and how it lies between the lids."""

from __future__ import annotations

import cv2
import numpy as np

from talkgen.synthetic.shading import EYE, IRIS, IRIS_EDGE
from talkgen.types import FloatArray, ImageArray

SIDE = 128

INNER_CORNERS = (133, 362)
CARUNCLE_CM = 0.45
CARUNCLE = np.float32([0.82, 0.52, 0.48])
"""Reach and tint of the flesh in the inner corners of the eyes."""

IRISES = np.float32(
    [[62, 40, 26], [82, 52, 30], [44, 28, 20], [110, 78, 44], [96, 100, 62], [84, 108, 120],
     [104, 130, 152], [120, 134, 140], [70, 92, 116], [74, 92, 70]]
)  # fmt: skip
"""Iris colours from brown over hazel and green to blue and grey, RGB."""


def eye_disc(rng: np.random.Generator) -> FloatArray:
    """Return (128, 128, 3) float32, 0 to 255, an eyeball seen from the front."""
    ys, xs = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    x, y = (xs + 0.5) / SIDE * 2 - 1, (ys + 0.5) / SIDE * 2 - 1
    r, angle = np.hypot(x, y), np.arctan2(y, x)
    white = np.float32([228, 221, 214]) * rng.uniform(0.80, 1.02)
    white = white * np.float32([1.0, rng.uniform(0.95, 1.0), rng.uniform(0.92, 1.0)])
    veins = cv2.GaussianBlur(rng.normal(0, 1, (SIDE, SIDE)).astype(np.float32), (0, 0), 2)
    veins = np.clip(np.abs(veins) * -9 + 0.6, 0, 1) * np.clip((r - 0.55) * 2, 0, 1)
    out = white * np.ones((SIDE, SIDE, 1), np.float32)
    pink = np.float32([1.0, 0.80, 0.78])
    redness = np.clip((np.abs(x) - 0.60) * 1.4, 0, 0.7)[..., None] * rng.uniform(0.3, 1.0)
    out = out * (1 - redness) + out * pink * redness
    out = out * (1 - 0.25 * veins[..., None] * np.float32([0.3, 1, 1]) * rng.uniform(0, 1))

    first, second = IRISES[(len(IRISES) * rng.random(2) ** 1.6).astype(int)]  # mostly brown
    color = first * rng.uniform(0.7, 1.3)
    inner = 0.6 * color + 0.4 * second
    fibres = rng.normal(0, 1, 180).astype(np.float32)
    fibres = np.interp(angle, np.linspace(-np.pi, np.pi, 180), fibres)
    p = r / IRIS_EDGE
    iris = inner + (color - inner) * np.clip((p - 0.35) * 2.2, 0, 1)[..., None]
    iris = iris * (1.0 + 0.13 * fibres[..., None])
    iris = iris * (1.0 - 0.55 * np.clip((p - 0.80) / 0.2, 0, 1) ** 1.5)[..., None]
    pupil = rng.uniform(0.26, 0.5)
    iris = iris * np.clip((p - pupil) * 14 + 0.5, 0.06, 1)[..., None]
    edge = np.clip((1.02 - p) * 9 + 0.5, 0, 1)[..., None]
    return (out + (iris - out) * edge).astype(np.float32)


def shade_eyes(
    color: FloatArray, parts: ImageArray, landmarks: FloatArray, scale: float
) -> None:
    """Darken the eyes under their upper lids and redden their inner corners, in place.

    color : (H, W, 3); parts : (H, W), see `PART_NAMES`; landmarks : (478, 2) pixels of these
    scale : pixels a cm
    """
    eye = (parts == EYE) | (parts == IRIS)
    rows, columns = np.flatnonzero(eye.any(axis=1)), np.flatnonzero(eye.any(axis=0))
    if len(rows) == 0:
        return
    reach = max(2, int(0.35 * scale))
    y0, y1 = max(rows[0] - reach, 0), min(rows[-1] + reach, len(eye))
    x0, x1 = max(columns[0] - reach, 0), min(columns[-1] + reach, len(eye))
    opening = eye[y0:y1, x0:x1].astype(np.float32)
    step = 0.16 * scale
    lowered = cv2.warpAffine(opening, np.float32([[1, 0, 0], [0, 1, step]]),
                             opening.shape[::-1])  # fmt: skip
    soft = cv2.GaussianBlur(lowered, (0, 0), max(0.13 * scale, 0.5))
    dim = 0.42 + 0.58 * np.clip(soft * 1.25, 0, 1)
    patch = color[y0:y1, x0:x1]
    patch *= (1 + opening * (dim - 1))[..., None]
    ys, xs = np.mgrid[y0:y1, x0:x1].astype(np.float32)
    for corner in INNER_CORNERS:
        x, y = landmarks[corner]
        away = np.hypot(xs - x, ys - y) / (CARUNCLE_CM * scale)
        share = opening * np.clip(1.5 - 1.5 * away, 0, 0.9)
        patch *= 1 + share[..., None] * (CARUNCLE - 1)
