"""The embedded landmark network: an upright face crop becomes 478 points, 52 scores and a rotation.

Three parts, in the manner of attention mesh (Grishchenko et al. 2020): `coarse` reads the whole
face, `eye` (one network, the left eye mirrored) and `mouth` read enlarged crops about what the
coarse part found, and `reader` turns the points into expression scores and head rotation.

Networks see RGB from -1 to 1. Their points are in units of the crop's side from its centre, so a
pixel x of a crop of S pixels lies at (x + 0.5) / S - 0.5.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from talkgen.face.blocks import trunk
from talkgen.face.points import LIPS, RIGHT_EYE
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
    detail_side: int = 64
    eye_margin: float = 0.42
    mouth_margin: float = 0.52
    detail_stem: int = 16
    detail_widths: tuple[int, ...] = (32, 48, 64)
    detail_depths: tuple[int, ...] = (2, 2, 2)
    detail_hidden: int = 128
    reader_hidden: int = 192


class CoarsePart(nn.Module):
    """A face crop becomes all points and the logit of a face being there."""

    def __init__(self, config: LandmarkConfig) -> None:
        super().__init__()
        self.trunk = trunk(config.stem, config.widths, config.depths)
        cells = (config.side >> (1 + len(config.widths))) ** 2
        self.squeeze = nn.Linear(config.widths[-1] * cells, config.hidden)
        self.points = nn.Linear(config.hidden, NUM_LANDMARKS * 3)
        self.presence = nn.Linear(config.hidden, 1)

    def forward(self, crop: Tensor) -> tuple[Tensor, Tensor]:
        """Return points (B, 478, 3) and presence logits (B,) of crops (B, 3, side, side)."""
        hidden = torch.relu(self.squeeze(self.trunk(crop).flatten(1)))
        return self.points(hidden).unflatten(1, (-1, 3)), self.presence(hidden)[:, 0]


class DetailPart(nn.Module):
    """An enlarged crop of an eye or the mouth becomes the flat points there."""

    def __init__(self, config: LandmarkConfig, count: int) -> None:
        super().__init__()
        self.trunk = trunk(config.detail_stem, config.detail_widths, config.detail_depths)
        cells = (config.detail_side >> (1 + len(config.detail_widths))) ** 2
        self.squeeze = nn.Linear(config.detail_widths[-1] * cells, config.detail_hidden)
        self.points = nn.Linear(config.detail_hidden, count * 2)

    def forward(self, crop: Tensor) -> Tensor:
        """Return points (B, count, 2) of crops (B, 3, detail_side, detail_side)."""
        hidden = torch.relu(self.squeeze(self.trunk(crop).flatten(1)))
        return self.points(hidden).unflatten(1, (-1, 2))


class ReaderPart(nn.Module):
    """Points become expression scores and head rotation."""

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

    def forward(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Return scores (B, 52) in [0, 1] and pitch, yaw, roll (B, 3) radians.

        points : (B, 478, 3) as of `upright`
        """
        hidden = torch.relu(self.first((points.flatten(1) - self.usual) * self.scale))
        hidden = torch.relu(self.second(hidden))
        return torch.sigmoid(self.scores(hidden)), self.rotation(hidden)


def upright(points: Tensor) -> tuple[Tensor, Tensor]:
    """Return points (B, 478, 3) centred between the outer eye corners, level, in units of the
    distance of these, and the roll (B,) radians that was taken out."""
    right, left = points[:, 33], points[:, 263]
    across = (left - right)[:, :2]
    length = across.norm(dim=1).clamp_min(1e-6)
    cos, sin = across[:, 0] / length, across[:, 1] / length
    x, y, z = ((points - (right + left)[:, None] / 2) / length[:, None, None]).unbind(2)
    level = torch.stack(
        [cos[:, None] * x + sin[:, None] * y, cos[:, None] * y - sin[:, None] * x, z], dim=2
    )
    return level, torch.atan2(sin, cos)


class LandmarkNet(ModelMixin, nn.Module):
    """The three parts together; `talkgen.face.embedded` cuts the crops between them."""

    config_class: ClassVar[type[Config]] = LandmarkConfig

    def __init__(self, config: LandmarkConfig | None = None) -> None:
        super().__init__()
        self.config: LandmarkConfig = config or LandmarkConfig()
        self.coarse = CoarsePart(self.config)
        self.eye = DetailPart(self.config, len(RIGHT_EYE))
        self.mouth = DetailPart(self.config, len(LIPS))
        self.reader = ReaderPart(self.config)

    def read(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Return scores (B, 52) and rotation (B, 3) radians of points (B, 478, 3) at any scale."""
        level, roll = upright(points)
        scores, rotation = self.reader(level)
        tongue = torch.ones(scores.shape[1], device=scores.device)
        tongue[MOTION_CHANNELS.index("tongueOut")] = 0.0  # the teacher has none
        return scores * tongue, rotation + torch.stack([0 * roll, 0 * roll, roll], dim=1)


def as_input(crops: np.ndarray) -> Tensor:
    """Return (B, S, S, 3) uint8 crops as (B, 3, S, S) float32 from -1 to 1, channels last."""
    batch = torch.from_numpy(np.ascontiguousarray(crops)).permute(0, 3, 1, 2)
    return batch.float().mul_(1 / 127.5).sub_(1.0)


def in_pixels(points: np.ndarray, side: int) -> np.ndarray:
    """Return network points (..., 2 or 3) in pixels of a crop of `side` pixels, z scaled along."""
    pixels = np.asarray(points, np.float64) * side
    pixels[..., :2] += side / 2 - 0.5
    return pixels
