"""A Frechet distance of mouth crops, as FID is one of whole pictures, with features at hand.

Features: the mouth part of the shipped landmark network, means over the crop of what comes out of
each of its three stages (32 + 48 + 64 numbers), each in spreads of the real crops. It was trained
to find lips, on real and rendered faces; it is no Inception network, so the numbers compare with
one another only.
"""

from __future__ import annotations

import os
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from talkgen.face.landmarks import LandmarkNet, as_input
from talkgen.types import ImageArray

FEATURES = "landmarks/mouth.trunk, means over the crop after each of the three stages"
_STEM = 3
"""Modules of a trunk before its stages."""


class MouthFeatures:
    """Mouth crops of any size become rows of 144 numbers."""

    def __init__(self, net: LandmarkNet) -> None:
        self.net = net.eval()
        ends = np.cumsum(net.config.detail_depths) + _STEM - 1
        self.ends = tuple(int(end) for end in ends)

    @classmethod
    def from_pretrained(cls, name: str | os.PathLike[str] = "landmarks") -> MouthFeatures:
        """Return the features of a landmark checkpoint."""
        return cls(LandmarkNet.from_pretrained(name))

    @torch.inference_mode()
    def __call__(self, crop: ImageArray) -> NDArray[np.float32]:
        """Return (F,) float32 of a mouth crop (H, W, 3) uint8."""
        side = self.net.config.detail_side
        how = cv2.INTER_AREA if crop.shape[0] > side else cv2.INTER_LINEAR
        hidden: Tensor = as_input(cv2.resize(crop, (side, side), interpolation=how)[None])
        rows = []
        for index, module in enumerate(self.net.mouth.trunk):
            hidden = module(hidden)
            if index in self.ends:
                rows.append(hidden.mean((2, 3))[0])
        out: NDArray[np.float32] = torch.cat(rows).numpy()
        return out


def frechet_distance(found: NDArray[Any], real: NDArray[Any]) -> float:
    """Return the squared Frechet distance of rows (N, F) and (M, F), two normal distributions.

    |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)), each feature divided by its spread over `real`;
    features that never change there are left out. Not below 0.
    """
    b = np.asarray(real, np.float64)
    spread = b.std(0)
    alive = spread > 1e-6 * max(float(spread.max(initial=0.0)), 1e-12)
    a, b = (np.asarray(x, np.float64)[:, alive] / spread[alive] for x in (found, real))
    one, other = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    root = _root(other)
    both = np.linalg.eigvalsh(root @ one @ root)
    cross = float(np.sqrt(np.maximum(both, 0.0)).sum())
    apart = float(((a.mean(0) - b.mean(0)) ** 2).sum())
    return max(0.0, apart + float(np.trace(one) + np.trace(other)) - 2 * cross)


def _root(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    values, vectors = np.linalg.eigh(matrix)
    return np.asarray((vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T)
