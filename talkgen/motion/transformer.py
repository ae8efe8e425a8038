"""The audio-to-motion transformer: log-mel features in, phones and face motion out.

A convolutional stem brings 100 features a second to 50 and names the phone of each 20 ms; hidden
state and phone posteriors go on at 25 frames a second through transformer layers whose attention
reaches `look_back` frames back and a few ahead (a band with a learned bias for each distance), so
that a frame depends on a bounded stretch of sound. Two motion heads share the trunk: one learned
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


@dataclass(frozen=True)
class MotionTransformerConfig(Config):
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
    gap_gain: float = 1.0
    control_gain: tuple[float, ...] = ()
    rule_share: tuple[float, ...] = ()

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


class _BandAttention(nn.Module):
    """Self-attention to the last `back` and next `ahead` frames."""

    def __init__(self, width: int, heads: int, back: int, ahead: int, dropout: float):
        super().__init__()
        self.heads, self.back, self.ahead = heads, back, ahead
        self.norm = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.bias = nn.Parameter(torch.zeros(heads, back + ahead + 1))
        self.drop = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        batch, frames, width = x.shape
        q, k, v = self.qkv(self.norm(x)).chunk(3, -1)
        shape = (batch, frames, self.heads, width // self.heads)
        q, k, v = (t.reshape(shape).transpose(1, 2) for t in (q, k, v))
        at = torch.arange(frames, device=x.device)
        distance = at[None, :] - at[:, None]
        inside = (distance >= -self.back) & (distance <= self.ahead)
        index = (distance + self.back).clamp(0, self.back + self.ahead)
        band = self.bias[:, index].masked_fill(~inside, float("-inf"))
        y = functional.scaled_dot_product_attention(q, k, v, attn_mask=band[None])
        y = y.transpose(1, 2).reshape(batch, frames, width)
        return x + torch.as_tensor(self.drop(self.out(y)))


class _FeedForward(nn.Module):
    def __init__(self, width: int, hidden: int, dropout: float):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.up = nn.Linear(width, hidden)
        self.down = nn.Linear(hidden, width)
        self.drop = nn.Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        y = self.down(functional.gelu(self.up(self.norm(x))))
        return x + torch.as_tensor(self.drop(y))


class MotionNet(nn.Module):
    """One member: (B, 4 T, 80) features to a MotionOutput."""

    def __init__(self, config: MotionTransformerConfig):
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
                _BandAttention(width, config.num_heads, config.look_back, ahead, drop),
                _FeedForward(width, config.hidden, drop),
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


class MotionTransformer(nn.Module, ModelMixin):
    """The mean of `num_members` nets, with the frozen numbers that turn it into motion."""

    config_class = MotionTransformerConfig

    def __init__(self, config: MotionTransformerConfig):
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
