"""The teacher: a net of its own from log-mel features to phones and face motion.

It hears half a second ahead, which the shipped model may not, and learns end to end; several of
them, averaged, are a second target of that model (`motion_heads`). A convolutional stem brings 100
features a second to 50 and names the phone of each 20 ms; hidden state and phone posteriors go on
at 25 frames a second through transformer layers whose attention reaches `look_back` frames back and
a few ahead (a band with a learned bias for each distance), so that a frame depends on a bounded
stretch of sound. Two motion heads share the trunk: one learned
from tracked people, one from a written rule on synthetic speech. Several such nets of different
seeds (`num_members`) are averaged.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from talkgen.modeling import Config, ModelMixin
from talkgen.motion.layers import BandAttention, FeedForward


@dataclass(frozen=True)
class MotionTeacherConfig(Config):
    """Sizes of the net; frames are motion frames (25 a second) unless said otherwise."""

    num_mels: int = 80
    num_phones: int = 29
    num_controls: int = 21
    width: int = 128
    stem_dilations: tuple[int, ...] = (1, 2, 3, 1)
    num_heads: int = 4
    hidden: int = 320
    look_back: int = 25
    look_ahead: tuple[int, ...] = (2, 1, 1)
    dropout: float = 0.1
    num_members: int = 3
    gap_unit: float = 0.1

    @property
    def num_outputs(self) -> int:
        """Controls, then the lip gap, then pitch, yaw, roll."""
        return self.num_controls + 4


class MotionOutput(NamedTuple):
    """What the net says of (B, 4 T, 80) features.

    phones : (B, 2 T, num_phones) logits, 50 a second
    tracked : (B, T, num_controls + 4) controls, lip gap (`gap_unit` of IOD), rotation (0.1 rad)
    rule : the same layout by the rule
    """

    phones: Tensor
    tracked: Tensor
    rule: Tensor


class _Residual(nn.Module):
    def __init__(self, width: int, dilation: int, dropout: float):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.wide = nn.Conv1d(width, width, 3, padding=dilation, dilation=dilation)
        self.mix = nn.Conv1d(width, width, 1)
        self.drop = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(x.transpose(1, 2)).transpose(1, 2)
        y = self.mix(functional.gelu(self.wide(y)))
        return x + torch.as_tensor(self.drop(y))


class MotionNet(nn.Module):
    """One member: (B, 4 T, 80) features to a MotionOutput."""

    def __init__(self, config: MotionTeacherConfig):
        super().__init__()
        width, drop = config.width, config.dropout
        self.entry = nn.Conv1d(config.num_mels, width, 5, padding=2)
        self.stride = nn.Conv1d(width, width, 4, stride=2, padding=1)
        self.stem = nn.ModuleList(_Residual(width, d, drop) for d in config.stem_dilations)
        self.stem_norm = nn.LayerNorm(width)
        self.phones = nn.Linear(width, config.num_phones)
        self.down = nn.Conv1d(width + config.num_phones, width, 4, stride=2, padding=1)
        self.layers = nn.ModuleList(
            nn.Sequential(
                BandAttention(width, config.num_heads, config.look_back, ahead, drop),
                FeedForward(width, config.hidden, drop),
            )
            for ahead in config.look_ahead
        )
        self.norm = nn.LayerNorm(width)
        self.tracked = nn.Linear(width, config.num_outputs)
        self.rule = nn.Linear(width, config.num_outputs)

    def forward(self, features: Tensor) -> MotionOutput:
        x = functional.gelu(self.entry(features.transpose(1, 2) * 0.3))
        x = functional.gelu(self.stride(x))
        for block in self.stem:
            x = block(x)
        x = self.stem_norm(x.transpose(1, 2))
        phones = self.phones(x)
        both = torch.cat([x, phones.softmax(-1)], -1).transpose(1, 2)
        y = functional.gelu(self.down(both)).transpose(1, 2)
        for layer in self.layers:
            y = layer(y)
        y = self.norm(y)
        return MotionOutput(phones, self.tracked(y), self.rule(y))


class MotionTeacher(nn.Module, ModelMixin):
    """The mean of `num_members` nets."""

    config_class = MotionTeacherConfig

    def __init__(self, config: MotionTeacherConfig):
        super().__init__()
        self.config = config
        self.members = nn.ModuleList(MotionNet(config) for _ in range(config.num_members))

    def forward(self, features: Tensor) -> MotionOutput:
        """(B, 4 T, 80) features to a MotionOutput; phone logits become mean log posteriors."""
        outputs = [member(features) for member in self.members]
        phones = torch.stack([o.phones.log_softmax(-1) for o in outputs]).mean(0)
        tracked = torch.stack([o.tracked for o in outputs]).mean(0)
        rule = torch.stack([o.rule for o in outputs]).mean(0)
        return MotionOutput(phones, tracked, rule)
