"""Random views of kept face crops: turned, shifted, mirrored, blurred, lit otherwise, covered.

What says who took a picture (sharpness, noise, contrast) is drawn at random for every face, so that
it cannot stand for an emotion.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from torch import Tensor

from talkgen.critic.expression_net import UNITS
from talkgen.critic.expression_view import NET_SIDE, as_input, level_points
from talkgen.face.points import MIRROR, MIRROR_CHANNELS
from talkgen.motion.facs import action_units_of
from talkgen.training.expression_data import CROP_MARGIN, CROP_SIDE, UNKNOWN, Faces
from talkgen.training.perception_reader import NEVER_REPORTED
from talkgen.types import MOTION_CHANNELS, FloatArray, ImageArray

TAUGHT = np.array([c not in NEVER_REPORTED for c in MOTION_CHANNELS])
CLEAR = 0.3
"""Share of views that are turned and shifted alone: small units are lost in noise."""
POINT_NOISE = 0.004
"""Of the distance of the eye corners."""
_BY_CHANNEL = {
    unit: [i for i, w in enumerate(np.eye(len(MOTION_CHANNELS), dtype=np.float32))
           if action_units_of(w)[unit] > 0]
    for unit in UNITS
}  # fmt: skip
TOLD = np.array([all(TAUGHT[_BY_CHANNEL[unit]]) for unit in UNITS])
"""Units whose channels the teacher reads."""


@dataclass
class Batch:
    """Views of B faces; what is not known has weight 0.

    crops (B, 1, 96, 96); points (B, 478, 3) level; scores (B, 52) as read; label (B,)
    channels, channels_known (B, 52); units, units_known (B, U)
    """

    crops: Tensor
    points: Tensor
    scores: Tensor
    label: Tensor
    channels: Tensor
    channels_known: Tensor
    units: Tensor
    units_known: Tensor


class Viewed:
    """A set of faces with everything that can be worked out beforehand.

    trust : how much the reading of the shipped networks counts as label where nobody else spoke
    """

    def __init__(self, faces: Faces, *, trust: float = 0.5) -> None:
        self.crops, self.label, self.person = faces.crops, faces.label, faces.person
        self.speaking = faces.speaking
        self.points = level_points(faces.landmarks).numpy()
        self.scores = faces.scores.astype(np.float32)
        exact = np.isfinite(faces.exact).all(1)
        told = np.isfinite(faces.taught).all(1)
        self.channels = np.where(
            exact[:, None], faces.exact, np.where(told[:, None], faces.taught, faces.scores)
        ).astype(np.float32)
        self.channels_known = np.where(
            exact[:, None], 1.0, TAUGHT * np.where(told, 1.0, trust)[:, None]
        ).astype(np.float32)
        self.units = units_of_weights(self.channels)
        self.units_known = np.where(
            exact[:, None], 1.0, TOLD * np.where(told, 0.5, 0.5 * trust)[:, None]
        ).astype(np.float32)

    def __len__(self) -> int:
        return len(self.crops)

    def without(self, rows: Any) -> Viewed:
        """Return the others: all but the faces where `rows` (N,) bool says so."""
        out = object.__new__(Viewed)
        for name, value in vars(self).items():
            setattr(out, name, value[~rows])
        return out

    def views(self, rows: Any, rng: np.random.Generator) -> Batch:
        """Return random views of some faces."""
        flips = rng.random(len(rows)) < 0.5
        crops = np.stack([view(self.crops[r], f, rng) for r, f in zip(rows, flips, strict=True)])
        points = self.points[rows] + rng.normal(
            0, POINT_NOISE * rng.uniform(0, 2, (len(rows), 1, 1)), (len(rows), 478, 3)
        )
        points[flips] = points[flips][:, MIRROR] * (-1, 1, 1)
        sided = [np.where(flips[:, None], a[rows][:, MIRROR_CHANNELS], a[rows])
                 for a in (self.scores, self.channels, self.channels_known)]  # fmt: skip
        tensors = [torch.from_numpy(np.asarray(v, np.float32)) for v in
                   (*sided, self.units[rows], self.units_known[rows])]  # fmt: skip
        return Batch(
            as_input(crops), torch.from_numpy(points.astype(np.float32)), tensors[0],
            torch.from_numpy(self.label[rows].astype(np.int64)), *tensors[1:],
        )  # fmt: skip

    def plain(self, rows: Any) -> tuple[Tensor, Tensor, Tensor]:
        """Return crops, points and scores of some faces as they are."""
        crops = np.stack([centre(self.crops[r]) for r in rows])
        return (as_input(crops), torch.from_numpy(self.points[rows]),
                torch.from_numpy(self.scores[rows]))  # fmt: skip


def units_of_weights(weights: FloatArray) -> FloatArray:
    """(N, 52) weights to (N, U) intensities of `UNITS` in [0, 1]."""
    out = np.zeros((len(weights), len(UNITS)), np.float32)
    for row, one in zip(out, weights, strict=True):
        found = action_units_of(one)
        row[:] = [found[unit] for unit in UNITS]
    return out


def centre(crop: ImageArray) -> ImageArray:
    """Return the part (96, 96) of a kept crop that the network sees."""
    return _cut(crop, False, 0.0, 1.0, (0.0, 0.0))


def _cut(
    crop: ImageArray, flip: bool, turn: float, size: float, shift: tuple[float, float]
) -> ImageArray:
    """Return (96, 96) of a kept crop; `shift` in sides of the view, `turn` rad."""
    scale = CROP_SIDE / CROP_MARGIN / NET_SIDE * size
    cos, sin = np.cos(turn) * scale, np.sin(turn) * scale
    linear = np.array([[cos, -sin], [sin, cos]])
    if flip:
        linear[:, 0] *= -1
    middle = (CROP_SIDE - 1) / 2 + np.array(shift) * NET_SIDE * scale
    offset = middle - linear @ np.full(2, (NET_SIDE - 1) / 2)
    matrix = np.concatenate([linear, offset[:, None]], 1)
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    cut: Any = cv2.warpAffine(
        crop, matrix, (NET_SIDE, NET_SIDE), flags=flags, borderMode=cv2.BORDER_REPLICATE
    )
    return np.asarray(cut, np.uint8)


def view(crop: ImageArray, flip: bool, rng: np.random.Generator) -> ImageArray:
    """Return a random view (96, 96) uint8 of a kept crop (128, 128)."""
    turn, size = rng.normal(0, 0.06), float(np.exp(rng.normal(0, 0.05)))
    shift = (float(rng.normal(0, 0.025)), float(rng.normal(0, 0.025)))
    cut = _cut(crop, flip, turn, size, shift)
    if rng.random() < CLEAR:
        return cut
    out: Any = cut.astype(np.float32)
    if rng.random() < 0.6:  # a small or soft picture
        side = int(rng.integers(28, NET_SIDE))
        out = cv2.resize(cv2.resize(out, (side, side), interpolation=cv2.INTER_AREA),
                         (NET_SIDE, NET_SIDE), interpolation=cv2.INTER_LINEAR)  # fmt: skip
    if rng.random() < 0.5:  # light from a side
        slope = rng.normal(0, 0.25, 2)
        ramp = np.linspace(-1, 1, NET_SIDE, dtype=np.float32)
        out = out * (1 + slope[0] * ramp[None] + slope[1] * ramp[:, None])
    out = 255 * np.clip(out / 255, 0, 1) ** float(np.exp(rng.normal(0, 0.25)))
    out = out * float(np.exp(rng.normal(0, 0.15))) + rng.normal(0, 12)
    if rng.random() < 0.5:
        out = out + rng.normal(0, rng.uniform(1, 10), out.shape)
    out = np.clip(out, 0, 255).astype(np.uint8)
    if rng.random() < 0.4:
        out = cv2.imdecode(cv2.imencode(".jpg", out, [1, int(rng.integers(25, 90))])[1], 0)
    if rng.random() < 0.25:  # a hand, a microphone
        high, wide = rng.integers(12, 36, 2)
        top, left = rng.integers(0, NET_SIDE - high), rng.integers(0, NET_SIDE - wide)
        out[top : top + high, left : left + wide] = rng.integers(0, 255)
    return np.asarray(out, np.uint8)


def known_labels(viewed: Viewed) -> Any:
    """Return the rows (K,) whose emotion is known."""
    return np.flatnonzero(viewed.label != UNKNOWN)
