"""What the expression network sees of a face: a grey upright crop, and its geometry.

Grey, one size, one brightness and contrast: colour, size and light say who took the picture, not
what the face does (`FINDINGS.md`, "Reading expressions"). The crop is laid by points that no
expression moves, so that an open jaw does not shrink the face.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor

from talkgen.face.alignment import similarity
from talkgen.face.landmarks import Frame
from talkgen.face.region import Region, cut
from talkgen.types import NUM_LANDMARKS, FloatArray, ImageArray

STEADY: dict[int, tuple[float, float]] = {
    33: (-0.499, 0.000), 133: (-0.195, 0.016), 362: (0.195, 0.016), 263: (0.499, 0.000),
    168: (0.000, -0.029), 6: (0.000, 0.062), 197: (0.000, 0.142), 4: (0.000, 0.383),
    2: (0.000, 0.533), 127: (-0.806, 0.052), 356: (0.806, 0.052), 234: (-0.801, 0.221),
    454: (0.801, 0.221),
}  # fmt: skip
"""Points that expressions hardly move, and where they lie on a level frontal face: from the middle
of the outer eye corners, in units of the distance of these, y down. Mean of 3 220 teacher-labelled
training faces that look ahead, and of their mirror images."""
CENTRE = (0.0, 0.40)
"""Middle of the crop, in the same units."""
SIDE = 2.1
"""The crop's side, in the same units: forehead to chin, even of an open mouth."""
NET_SIDE = 96
"""Pixels of the crop that the network reads."""


def expression_region(landmarks: FloatArray) -> Region:
    """Return the turned square that the crop shows, of (478, 2 or 3) pixels."""
    points = np.asarray(landmarks, np.float64)[list(STEADY), :2]
    to_picture = similarity(np.array(list(STEADY.values())), points)
    x, y = to_picture[:, :2] @ np.array(CENTRE) + to_picture[:, 2]
    scale = float(np.hypot(to_picture[0, 0], to_picture[1, 0]))
    roll = float(np.arctan2(to_picture[1, 0], to_picture[0, 0]))
    return Region(float(x), float(y), SIDE * scale, roll)


def grey_crop(
    image: ImageArray, landmarks: FloatArray, side: int = NET_SIDE, *, margin: float = 1.0
) -> ImageArray:
    """Return the (side, side) uint8 grey crop of (H, W, 3) uint8 RGB.

    margin : its side in sides of what the network sees
    """
    crop, _ = cut(image, expression_region(landmarks).scaled(margin), side)
    return np.asarray(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY), np.uint8)


def as_input(crops: Any) -> Tensor:
    """Return (B, S, S) uint8 crops as (B, 1, S, S) float32, each with mean 0 and spread 0.5, within
    [-1.5, 1.5]: mostly in [-1, 1]."""
    values = torch.from_numpy(np.ascontiguousarray(crops)).float()
    return normalised(values[:, None])


def normalised(values: Tensor) -> Tensor:
    """Return pictures (B, 1, S, S) of any brightness with mean 0 and spread 0.5."""
    mean = values.mean((2, 3), keepdim=True)
    spread = values.std((2, 3), keepdim=True).clamp_min(4.0)
    return ((values - mean) / (2 * spread)).clamp(-1.5, 1.5)


def level_points(landmarks: Any) -> Tensor:
    """Return (B, 478, 3) points level and centred, in units of the distance of the outer eye
    corners: what `geometry` is made of."""
    points = torch.as_tensor(np.asarray(landmarks, np.float32)).reshape(-1, NUM_LANDMARKS, 3)
    return Frame.of(points).level(points)
