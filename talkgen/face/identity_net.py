"""The embedded recogniser: an aligned face crop and its landmarks become a unit vector.

Two halves side by side: fixed descriptors around the landmarks (`talkgen.face.identity_points`)
under a linear map learned from pairs of one person, and a small residual network on grey crops,
trained with an additive angular margin (ArcFace, Deng et al. 2019). Both see brightness only, so
that neither the colour of a film nor the exposure of a picture can tell people apart.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from talkgen.face.blocks import fused, trunk
from talkgen.face.identity_points import (
    LENGTH,
    MARGIN,
    POINTS,
    SCALES,
    SIDE,
    describe,
    placed,
)
from talkgen.modeling import Config, ModelMixin
from talkgen.types import FloatArray, ImageArray


@dataclass(frozen=True)
class IdentityConfig(Config):
    """Sizes of the network.

    side : pixels of the crop, the template of `talkgen.face.alignment` without its margin
    dim : length of the embedding
    threshold : least cosine of one person at a false acceptance rate of 1 %
    kept : components kept of the 120 numbers around a point
    points_dim : length of the part of the embedding that comes from the descriptors
    share : weight of the network's part in the cosine, 0 to 1
    """

    side: int = 64
    stem: int = 24
    widths: tuple[int, ...] = (32, 64, 112, 160)
    depths: tuple[int, ...] = (1, 2, 2, 1)
    dim: int = 128
    threshold: float = 0.5
    kept: int = 48
    points_dim: int = 112
    share: float = 0.2


class IdentityNet(ModelMixin, nn.Module):
    """Crops become embeddings."""

    config_class: ClassVar[type[Config]] = IdentityConfig

    def __init__(self, config: IdentityConfig | None = None) -> None:
        super().__init__()
        self.config: IdentityConfig = config or IdentityConfig()
        c = self.config
        self.trunk = trunk(c.stem, c.widths, c.depths)
        cells = (c.side >> (1 + len(c.widths))) ** 2
        self.embed = nn.Linear(c.widths[-1] * cells, c.dim, bias=False)
        self.norm = nn.BatchNorm1d(c.dim, affine=False)
        # Learned after training from pairs of one person: within-person variation is shrunk.
        self.center: Tensor
        self.register_buffer("center", torch.zeros(c.dim))
        self.whiten: Tensor
        self.register_buffer("whiten", torch.eye(c.dim))
        # Solved for in closed form (talkgen.training.identity_points), not by gradients.
        sizes, wide = len(SCALES), len(POINTS) * len(SCALES) * c.kept
        self.basis: Tensor
        self.register_buffer("basis", torch.randn(sizes, LENGTH, c.kept) * 0.1)
        self.basis_mean: Tensor
        self.register_buffer("basis_mean", torch.zeros(sizes, LENGTH))
        self.metric: Tensor
        self.register_buffer("metric", torch.randn(c.points_dim, wide) * 0.1)
        self.metric_offset: Tensor
        self.register_buffer("metric_offset", torch.zeros(c.points_dim))

    def features(self, crops: Tensor) -> Tensor:
        """Return (B, dim) of crops (B, 3, side, side) as of `as_grey`, before whitening."""
        hidden = self.trunk(crops).flatten(1)
        out: Tensor = self.norm(self.embed(hidden).float())
        return out

    def forward(self, crops: Tensor) -> Tensor:
        """Return unit embeddings (B, dim) of crops (B, 3, side, side)."""
        plain = nn.functional.normalize(self.features(crops), dim=1)
        return nn.functional.normalize((plain - self.center) @ self.whiten.T, dim=1)


    def of_points(self, described: Tensor) -> Tensor:
        """Return unit vectors (B, points_dim) of descriptors (B, 2, 37, 2, 120)."""
        mean = described - self.basis_mean
        small = torch.einsum("bmpsl,slk->bpsk", mean, self.basis) / described.shape[1]
        found = small.flatten(1) @ self.metric.T - self.metric_offset
        return nn.functional.normalize(found, dim=1)

    def joined(self, plain: Tensor, points: Tensor) -> Tensor:
        """Return unit vectors (B, dim + points_dim) of the two halves, unit vectors themselves."""
        share = self.config.share
        return torch.cat([plain * share**0.5, points * (1 - share) ** 0.5], dim=1)


def as_grey(crops: ImageArray) -> Tensor:
    """Return (B, S, S, 3) uint8 RGB as (B, 3, S, S) float32 grey of zero mean and unit spread."""
    grey = crops.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)
    middle = grey[:, grey.shape[1] // 6 : -(grey.shape[1] // 6) or None]
    mean = middle.mean((1, 2), keepdims=True)
    spread = middle.std((1, 2), keepdims=True)
    grey = np.clip((grey - mean) / np.maximum(spread, 4.0), -3, 3) * 0.5
    batch = torch.from_numpy(np.ascontiguousarray(grey, np.float32))[:, None]
    return batch.expand(-1, 3, -1, -1).contiguous(memory_format=torch.channels_last)


class EmbeddedRecogniser:
    """The shipped network as a recogniser: a crop and its mirror image, network and descriptors."""

    side, margin = SIDE, MARGIN

    def __init__(self, net: IdentityNet) -> None:
        self.threshold = net.config.threshold
        self.net = net.eval()
        fused(self.net.trunk)
        self.net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    @classmethod
    def from_pretrained(cls, name_or_path: str | os.PathLike[str]) -> EmbeddedRecogniser:
        """Return the recogniser of a checkpoint."""
        return cls(IdentityNet.from_pretrained(name_or_path))

    @torch.inference_mode()
    def vectors(self, crops: ImageArray, landmarks: Sequence[FloatArray]) -> FloatArray:
        """Return (N, D) float32 of crops (N, 128, 128, 3) uint8 RGB and landmarks (478, 2..3)."""
        c = self.net.config
        if not len(crops):
            return np.zeros((0, c.dim + c.points_dim), np.float32)
        small = np.stack([straight(crop, c.side) for crop in crops])
        out = self.net(as_grey(np.concatenate([small, small[:, :, ::-1]])))
        plain = nn.functional.normalize(out[: len(crops)] + out[len(crops) :], dim=1)
        pairs = zip(crops, landmarks, strict=True)
        described = np.stack([describe(crop, placed(points)) for crop, points in pairs])
        points = self.net.of_points(torch.from_numpy(described))
        joined: FloatArray = self.net.joined(plain, points).numpy()
        return joined


def straight(crop: ImageArray, side: int) -> ImageArray:
    """Return the template's part of a crop (128, 128, 3), without its margin, at `side` pixels."""
    rim = round(crop.shape[0] * MARGIN / (1 + 2 * MARGIN))
    inner = np.ascontiguousarray(crop[rim : crop.shape[0] - rim, rim : crop.shape[1] - rim])
    out: Any = cv2.resize(inner, (side, side), interpolation=cv2.INTER_AREA)
    found: ImageArray = out
    return found
