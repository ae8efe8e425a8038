"""The embedded landmark network: an upright face crop becomes 478 points, 52 scores and a rotation.

Three parts, in the manner of attention mesh (Grishchenko et al. 2020): `coarse` reads the whole
face, `eye` (one network, the left eye mirrored) and `mouth` read enlarged crops about what the
coarse part found, `join` moves all points to where these sharper readings say that they are, and
`reader` turns the points, and what the parts made of the pixels, into expression scores and head
rotation.

Networks see RGB from -1 to 1. Their points are in units of the crop's side from its centre, so a
pixel x of a crop of S pixels lies at (x + 0.5) / S - 0.5.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from talkgen.face.blocks import trunk
from talkgen.face.points import LEFT_EYE, LIPS, RIGHT_EYE
from talkgen.modeling import Config, ModelMixin
from talkgen.types import MOTION_CHANNELS, NUM_LANDMARKS


@dataclass(frozen=True)
class LandmarkConfig(Config):
    """Sizes of the networks, and how the crops that they read are cut.

    side, margin : pixels of the face crop; its side in extents of the landmarks
    detail_side : pixels of the eye and mouth crops
    eye_margin, mouth_margin : sides of these crops in extents of the landmarks
    """

    side: int = 128
    margin: float = 1.3
    stem: int = 16
    widths: tuple[int, ...] = (24, 40, 80, 128)
    depths: tuple[int, ...] = (2, 2, 3, 2)
    hidden: int = 256
    sure_hidden: int = 64
    detail_side: int = 64
    eye_margin: float = 0.42
    mouth_margin: float = 0.52
    detail_stem: int = 16
    detail_widths: tuple[int, ...] = (32, 48, 64)
    detail_depths: tuple[int, ...] = (2, 2, 2)
    detail_hidden: int = 128
    join_rank: int = 128
    reader_hidden: int = 192


class Whole(NamedTuple):
    """What the coarse part reads: points (B, 478, 3), the logit of a face being there (B,), the
    logit of each point being seen and right (B, 478), and its hidden features (B, hidden)."""

    points: Tensor
    presence: Tensor
    confidence: Tensor
    hidden: Tensor


class Detail(NamedTuple):
    """What a detail part reads: points (B, count, 2) and its features (B, detail_hidden)."""

    points: Tensor
    hidden: Tensor


class CoarsePart(nn.Module):
    """A face crop becomes all points, how sure each is, and whether a face is there."""

    def __init__(self, config: LandmarkConfig) -> None:
        super().__init__()
        self.trunk = trunk(config.stem, config.widths, config.depths)
        cells = (config.side >> (1 + len(config.widths))) ** 2
        self.squeeze = nn.Linear(config.widths[-1] * cells, config.hidden)
        self.points = nn.Linear(config.hidden, NUM_LANDMARKS * 3)
        self.presence = nn.Linear(config.hidden, 1)
        # What covers a face is seen where it lies: from the cells, not from the features of all.
        self.sure = nn.Linear(config.widths[-1] * cells, config.sure_hidden)
        self.confidence = nn.Linear(config.sure_hidden, NUM_LANDMARKS)

    def forward(self, crop: Tensor) -> Whole:
        """Return the reading of crops (B, 3, side, side)."""
        cells = self.trunk(crop).flatten(1)
        hidden = torch.relu(self.squeeze(cells))
        points = self.points(hidden).unflatten(1, (-1, 3))
        confidence = self.confidence(torch.relu(self.sure(cells)))
        return Whole(points, self.presence(hidden)[:, 0], confidence, hidden)


class DetailPart(nn.Module):
    """An enlarged crop of an eye or the mouth becomes the flat points there."""

    def __init__(self, config: LandmarkConfig, count: int) -> None:
        super().__init__()
        self.trunk = trunk(config.detail_stem, config.detail_widths, config.detail_depths)
        cells = (config.detail_side >> (1 + len(config.detail_widths))) ** 2
        self.squeeze = nn.Linear(config.detail_widths[-1] * cells, config.detail_hidden)
        self.points = nn.Linear(config.detail_hidden, count * 2)

    def forward(self, crop: Tensor) -> Detail:
        """Return the reading of crops (B, 3, detail_side, detail_side)."""
        hidden = torch.relu(self.squeeze(self.trunk(crop).flatten(1)))
        return Detail(self.points(hidden).unflatten(1, (-1, 2)), hidden)


READ_AGAIN = tuple(dict.fromkeys(LIPS + RIGHT_EYE + LEFT_EYE))
"""The points that detail parts read."""


class JoinPart(nn.Module):
    """How far the detail parts moved their points says how far all points are off: a linear map."""

    def __init__(self, config: LandmarkConfig) -> None:
        super().__init__()
        inputs = len(READ_AGAIN) * 2 + config.hidden + 3 * config.detail_hidden
        self.usual: Tensor
        self.register_buffer("usual", torch.zeros(inputs))
        self.scale: Tensor
        self.register_buffer("scale", torch.ones(inputs))
        self.narrow = nn.Linear(inputs, config.join_rank, bias=False)
        self.wide = nn.Linear(config.join_rank, NUM_LANDMARKS * 3)
        nn.init.zeros_(self.wide.weight)
        nn.init.zeros_(self.wide.bias)

    def inputs(self, first: Tensor, points: Tensor, hidden: Tensor) -> Tensor:
        """Return what the map reads (B, N) of level points before and after the detail parts."""
        gap = (points - first)[:, list(READ_AGAIN), :2]
        return torch.cat([gap.flatten(1), hidden], dim=1)

    def forward(self, first: Tensor, points: Tensor, hidden: Tensor) -> Tensor:
        """Return the level points (B, 478, 3) moved.

        first, points : as the coarse part placed them, and with those of the detail parts, both in
            the level frame of `points`
        hidden : see `ReaderPart.forward`
        """
        read = (self.inputs(first, points, hidden) - self.usual) * self.scale
        moved: Tensor = points + self.wide(self.narrow(read)).unflatten(1, (-1, 3))
        return moved


class ReaderPart(nn.Module):
    """Points become expression scores and head rotation; some scores heed the pixels too."""

    def __init__(self, config: LandmarkConfig) -> None:
        super().__init__()
        hidden = config.reader_hidden
        self.usual: Tensor
        self.register_buffer("usual", torch.zeros(NUM_LANDMARKS * 3))
        self.scale: Tensor
        self.register_buffer("scale", torch.ones(NUM_LANDMARKS * 3))
        self.first = nn.Linear(NUM_LANDMARKS * 3, hidden)
        self.second = nn.Linear(hidden, hidden)
        self.scores = nn.Linear(hidden, len(MOTION_CHANNELS))
        self.rotation = nn.Linear(hidden, 3)
        features = config.hidden + 3 * config.detail_hidden
        self.norm = nn.LayerNorm(features)
        self.seen = nn.Linear(features, len(MOTION_CHANNELS))
        self.heed: Tensor  # which channels the features speak to
        self.register_buffer("heed", torch.ones(len(MOTION_CHANNELS)))

    def forward(self, points: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """Return scores (B, 52) in [0, 1] and pitch, yaw, roll (B, 3) radians.

        points : (B, 478, 3) as of `upright`
        hidden : (B, N) features of the coarse part, the right eye, the left eye and the mouth
        """
        out = torch.relu(self.first((points.flatten(1) - self.usual) * self.scale))
        out = torch.relu(self.second(out))
        logits = self.scores(out) + self.seen(self.norm(hidden)) * self.heed
        return torch.sigmoid(logits), self.rotation(out)


@dataclass(frozen=True)
class Frame:
    """Where faces stand in the picture: `centre` (B, 3) between the outer eye corners, `length`
    (B,) their distance in space, `roll` (B,) radians."""

    centre: Tensor
    length: Tensor
    roll: Tensor

    @classmethod
    def of(cls, points: Tensor) -> Frame:
        """Return the frames of points (B, 478, 3)."""
        right, left = points[:, 33], points[:, 263]
        across = left - right
        length = across.norm(dim=1).clamp_min(1e-6)
        return cls((right + left) / 2, length, torch.atan2(across[:, 1], across[:, 0]))

    def level(self, points: Tensor) -> Tensor:
        """Return points (B, 478, 3) centred, level, in units of the distance of the eye corners."""
        return _turned((points - self.centre[:, None]) / self.length[:, None, None], -self.roll)

    def back(self, points: Tensor) -> Tensor:
        """Return level points (B, 478, 3) in the picture."""
        return _turned(points, self.roll) * self.length[:, None, None] + self.centre[:, None]


def _turned(points: Tensor, roll: Tensor) -> Tensor:
    cos, sin = torch.cos(roll)[:, None], torch.sin(roll)[:, None]
    x, y, z = points.unbind(2)
    return torch.stack([cos * x - sin * y, sin * x + cos * y, z], dim=2)


def upright(points: Tensor) -> tuple[Tensor, Tensor]:
    """Return points (B, 478, 3) centred between the outer eye corners, level, in units of the
    distance of these, and the roll (B,) radians that was taken out."""
    frame = Frame.of(points)
    return frame.level(points), frame.roll


class LandmarkNet(ModelMixin, nn.Module):
    """The parts together; `talkgen.face.embedded` cuts the crops between them."""

    config_class: ClassVar[type[Config]] = LandmarkConfig

    def __init__(self, config: LandmarkConfig | None = None) -> None:
        super().__init__()
        self.config: LandmarkConfig = config or LandmarkConfig()
        self.coarse = CoarsePart(self.config)
        self.eye = DetailPart(self.config, len(RIGHT_EYE))
        self.mouth = DetailPart(self.config, len(LIPS))
        self.join = JoinPart(self.config)
        self.reader = ReaderPart(self.config)

    def settle(self, first: Tensor, points: Tensor, hidden: Tensor) -> Tensor:
        """Return points (B, 478, 3) where all readings together put them, in the same units.

        first : as the coarse part placed them; points : with those that the detail parts read
        hidden : see `ReaderPart.forward`
        """
        frame = Frame.of(points)
        moved: Tensor = self.join(frame.level(first), frame.level(points), hidden)
        return frame.back(moved)

    def read(self, points: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """Return scores (B, 52) and rotation (B, 3) radians of points (B, 478, 3) at any scale.

        hidden : see `ReaderPart.forward`
        """
        level, roll = upright(points)
        scores, rotation = self.reader(level, hidden)
        return scores, rotation + torch.stack([0 * roll, 0 * roll, roll], dim=1)


def as_input(crops: np.ndarray) -> Tensor:
    """Return (B, S, S, 3) uint8 crops as (B, 3, S, S) float32 from -1 to 1, channels last."""
    batch = torch.from_numpy(np.ascontiguousarray(crops)).permute(0, 3, 1, 2)
    return batch.float().mul_(1 / 127.5).sub_(1.0)


def in_pixels(points: np.ndarray, side: int) -> np.ndarray:
    """Return network points (..., 2 or 3) in pixels of a crop of `side` pixels, z scaled along."""
    pixels = np.asarray(points, np.float64) * side
    pixels[..., :2] += side / 2 - 0.5
    return pixels
