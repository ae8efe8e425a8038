"""Losses of the motion model: shape of the motion over a crop, and phones."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from talkgen.audio.phones import BILABIALS
from talkgen.motion.controls import BROW_CONTROLS, CONTROLS, MOUTH_CONTROLS


def output_weights() -> NDArray[np.float32]:
    """(C + 4,) importance of each output: the gap above all, then mouth, little brows and pose."""
    weights = np.full(len(CONTROLS) + 4, 0.02, np.float32)
    weights[list(MOUTH_CONTROLS)] = 1.0 / len(MOUTH_CONTROLS)
    weights[CONTROLS.index("jawOpen")] = 0.3
    weights[list(BROW_CONTROLS)] = 0.04
    weights[len(CONTROLS)] = 1.0
    weights[len(CONTROLS) + 1 :] = 0.03
    return weights


def motion_loss(
    predicted: Tensor, target: Tensor, valid: Tensor, scale: Tensor, weights: Tensor
) -> Tensor:
    """Weighted (1 - Pearson) + smooth L1 over (B, F, K) with (B, F) validity; scale (K,)."""
    mask = valid[..., None].float()
    count = mask.sum(1, keepdim=True).clamp(min=1)
    p, t = predicted / scale, target / scale
    pc = (p - (p * mask).sum(1, keepdim=True) / count) * mask
    tc = (t - (t * mask).sum(1, keepdim=True) / count) * mask
    # a floor under the variances: a still stretch has no shape to follow
    spread = ((pc**2).sum(1) + 0.02 * count[:, 0]) * ((tc**2).sum(1) + 0.02 * count[:, 0])
    pearson = (pc * tc).sum(1) / spread.sqrt()
    close = (functional.smooth_l1_loss(p, t, reduction="none") * mask).sum(1) / count[:, 0]
    enough = (valid.sum(1) > 15).float()[:, None]
    total = ((1 - pearson) + close) * enough * weights
    return total.sum() / enough.sum().clamp(min=1) / weights.sum()


def phone_loss(logits: Tensor, phones: Tensor, bilabial_weight: float = 1.0) -> Tensor:
    """Cross-entropy at frames whose phone is known (class >= 0).

    bilabial_weight : of p, b, m against the others: a closure missed is seen, one too many is not
    """
    weights = torch.ones(logits.shape[-1])
    weights[list(BILABIALS)] = bilabial_weight
    return functional.cross_entropy(
        logits.flatten(0, 1), phones.flatten(), weights, ignore_index=-1, label_smoothing=0.05
    )
