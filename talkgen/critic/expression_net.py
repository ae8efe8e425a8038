"""The expression network: a grey crop and the geometry of a face become emotions and action units.

Two readers that err differently, in the manner of POSTER++ (Mao et al. 2023, images beside
landmarks) but small. One is linear, on landmarks, expression scores and the features of a trunk
that has only learned what faces do (it gives the action units too). The other is the same trunk
taught on to emotions. Their probabilities are averaged, then calibrated together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from talkgen.critic.expression_view import NET_SIDE
from talkgen.face.blocks import trunk
from talkgen.modeling import Config, ModelMixin
from talkgen.types import EMOTIONS, MOTION_CHANNELS, NUM_LANDMARKS

UNITS = (
    "AU1", "AU2", "AU4", "AU5", "AU6", "AU7", "AU9", "AU10", "AU12", "AU14", "AU15", "AU16",
    "AU17", "AU18", "AU20", "AU22", "AU24", "AU25", "AU26", "AU28", "AU34", "AU43",
)  # fmt: skip
"""Action units in the order of the network's outputs."""


@dataclass(frozen=True)
class ExpressionConfig(Config):
    """Sizes of the network.

    side : pixels of the crop; stem, widths, depths : of the trunk; hidden : its features
    shapes : directions of landmark movement that the linear reader looks at
    """

    side: int = NET_SIDE
    stem: int = 24
    widths: tuple[int, ...] = (32, 48, 80, 128)
    depths: tuple[int, ...] = (2, 2, 2, 2)
    hidden: int = 160
    shapes: int = 48


class Seen(NamedTuple):
    """What the network says of B faces.

    logits : (B, 8) logarithms of the calibrated probabilities of EMOTIONS
    by_picture, by_reading : (B, 8) those of the trunk taught on, and of the linear reader alone
    units : (B, U) intensities in [0, 1] in the order of UNITS
    """

    logits: Tensor
    by_picture: Tensor
    by_reading: Tensor
    units: Tensor


class Trunk(nn.Module):
    """Crops (B, 1, S, S) from -1.5 to 1.5 become features (B, hidden)."""

    def __init__(self, c: ExpressionConfig) -> None:
        super().__init__()
        self.body = trunk(c.stem, c.widths, c.depths, inputs=1)
        cells = (c.side >> (1 + len(c.widths))) ** 2
        self.squeeze = nn.Sequential(
            nn.Linear(c.widths[-1] * cells, c.hidden), nn.LayerNorm(c.hidden), nn.ReLU()
        )

    def forward(self, crops: Tensor) -> Tensor:
        """Return the features."""
        out: Tensor = self.squeeze(self.body(crops).flatten(1))
        return out


class ExpressionNet(ModelMixin, nn.Module):
    """Reads faces; `talkgen.critic.fer` cuts the crops and says what comes out in words."""

    config_class: ClassVar[type[Config]] = ExpressionConfig

    def __init__(self, config: ExpressionConfig | None = None) -> None:
        super().__init__()
        self.config: ExpressionConfig = config or ExpressionConfig()
        c = self.config
        self.does = Trunk(c)
        self.feels = Trunk(c)
        self.feelings = nn.Linear(c.hidden, len(EMOTIONS))
        inputs = c.shapes + len(MOTION_CHANNELS)
        self.usual: Tensor  # what geometry takes off and scales by
        self.register_buffer("usual", torch.zeros(NUM_LANDMARKS * 3))
        self.basis: Tensor
        self.register_buffer("basis", torch.zeros(c.shapes, NUM_LANDMARKS * 3))
        self.middle: Tensor
        self.register_buffer("middle", torch.zeros(inputs))
        self.scale: Tensor
        self.register_buffer("scale", torch.ones(inputs))
        self.reading = nn.Linear(c.hidden + inputs, len(EMOTIONS))
        self.geometry_reading = nn.Linear(inputs, len(EMOTIONS))
        self.units = nn.Linear(c.hidden + inputs, len(UNITS))
        # What the trunk is first taught, and goes on being taught beside the emotions.
        self.scores = nn.Linear(c.hidden, len(MOTION_CHANNELS))
        self.shapes = nn.Linear(c.hidden, c.shapes)
        self.sharpness: Tensor  # of each reader, and of both together
        self.register_buffer("sharpness", torch.ones(3))
        self.bias: Tensor
        self.register_buffer("bias", torch.zeros(len(EMOTIONS)))
        self.alone: Tensor  # sharpness and bias where there is geometry alone
        self.register_buffer("alone", torch.cat([torch.ones(1), torch.zeros(len(EMOTIONS))]))

    def geometry(self, points: Tensor, scores: Tensor) -> Tensor:
        """Return what is read beside the picture (B, shapes + 52).

        points : (B, 478, 3) of `expression_view.level_points`; scores : (B, 52) in [0, 1]
        """
        shapes = (points.flatten(1) - self.usual) @ self.basis.T
        return (torch.cat([shapes, scores], 1) - self.middle) * self.scale

    def forward(self, crops: Tensor, points: Tensor, scores: Tensor) -> Seen:
        """Return what is seen; see `Trunk` and `geometry`."""
        both = torch.cat([self.does(crops), self.geometry(points, scores)], 1)
        by_picture, by_reading = self.feelings(self.feels(crops)), self.reading(both)
        logits = self.together(by_picture, by_reading)
        return Seen(logits, by_picture, by_reading, torch.sigmoid(self.units(both)))

    def together(self, by_picture: Tensor, by_reading: Tensor) -> Tensor:
        """Return (B, 8) calibrated log probabilities of what both readers say."""
        one = (by_picture * self.sharpness[0]).softmax(1)
        other = (by_reading * self.sharpness[1]).softmax(1)
        mean = ((one + other) / 2).clamp_min(1e-7).log()
        return (mean * self.sharpness[2] + self.bias).log_softmax(1)

    def by_geometry(self, points: Tensor, scores: Tensor) -> Tensor:
        """Return (B, 8) calibrated log probabilities without a picture."""
        logits = self.geometry_reading(self.geometry(points, scores))
        return (logits * self.alone[0] + self.alone[1:]).log_softmax(1)
