"""Lids and lips over time, read off landmarks: blinks, and the mean head under weights."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from talkgen.face.head import HeadModel
from talkgen.types import FloatArray

SHUT = 0.55  # of the open eye: the threshold of a blink
OPEN_QUANTILE = 0.8
EYES = ((33, 160, 144, 158, 153, 133), (362, 385, 380, 387, 373, 263))
"""Outer corner, two pairs of upper and lower lid, inner corner, of either eye."""


def lid_openness(landmarks: FloatArray) -> FloatArray:
    """(T, 478, 2 or 3) landmarks to (T,) mean eye aspect ratio over its own open level."""
    xy = np.asarray(landmarks, np.float64)[..., :2]

    def apart(one: int, other: int) -> NDArray[np.float64]:
        return np.asarray(np.linalg.norm(xy[:, one] - xy[:, other], axis=1))

    ratios = [
        (apart(up1, low1) + apart(up2, low2)) / 2 / np.maximum(apart(outer, inner), 1e-6)
        for outer, up1, low1, up2, low2, inner in EYES
    ]
    ratio = np.mean(ratios, axis=0)
    level = max(float(np.quantile(ratio, OPEN_QUANTILE)), 1e-6)
    return np.asarray(ratio / level, np.float32)


def posed_landmarks(head: HeadModel, weights: FloatArray) -> FloatArray:
    """(T, 52) weights to (T, 478, 3) landmarks of the mean head, without pose (cm)."""
    corners = head.expression_basis[:, head.landmark_faces]
    basis = np.einsum("nk,cnkd->cnd", head.landmark_bary, corners)
    rest = head.landmarks(head.neutral(None))
    return np.asarray(rest + np.tensordot(weights, basis, 1), np.float32)


def blink_spans(openness: FloatArray) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First frames and lengths of the stretches under SHUT."""
    shut = np.concatenate([[0], (openness < SHUT).astype(np.int64), [0]])
    edges = np.diff(shut)
    first = np.flatnonzero(edges == 1)
    return first, np.flatnonzero(edges == -1) - first
