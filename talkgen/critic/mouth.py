"""How the mouth of a clip opens, and how well that follows another's: EVALUATION.md's first row."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from talkgen.types import FloatArray

MAX_LAG = 2  # frames
PARTED = 0.03
"""Lip gap from which lips are apart, in inter-ocular distances."""
SHUT = 0.02
"""Lip gap under which lips are shut, in inter-ocular distances."""


def lip_gap(landmarks: FloatArray) -> FloatArray:
    """(T, 478, 3) landmarks to (T,) inner-lip gap (13-14) over inter-ocular distance (33-263)."""
    points = np.asarray(landmarks, np.float64)
    gap = np.linalg.norm(points[:, 13] - points[:, 14], axis=-1)
    apart = np.linalg.norm(points[:, 33] - points[:, 263], axis=-1)
    return np.asarray(gap / np.maximum(apart, 1e-6), np.float32)


def correlation(
    predicted: NDArray[np.float32],
    real: NDArray[np.float32],
    valid: NDArray[np.bool_] | None = None,
) -> tuple[float, int]:
    """Pearson r at the best lag within +-2 frames, and that lag (positive: predicted is late)."""
    count = min(len(predicted), len(real))
    keep = np.ones(count, bool) if valid is None else valid[:count]
    best, best_lag = -2.0, 0
    for lag in range(-MAX_LAG, MAX_LAG + 1):
        a = predicted[max(0, lag) : count + min(0, lag)]
        b = real[max(0, -lag) : count + min(0, -lag)]
        k = keep[max(0, -lag) : count + min(0, -lag)]
        a, b = a[k], b[k]
        if len(a) < 10 or a.std() < 1e-7 or b.std() < 1e-7:
            continue
        r = float(np.corrcoef(a, b)[0, 1])
        if r > best:
            best, best_lag = r, lag
    return (0.0 if best < -1.5 else best), best_lag


def lag_curve(
    gap: NDArray[np.float32], other: NDArray[np.float32], reach: int = 15
) -> NDArray[np.float64]:
    """(2 reach + 1,) Pearson r of `gap` against `other` for lags -reach..reach (frames by which
    `gap` is late); NaN where fewer than 25 frames are left or either is constant."""
    count = min(len(gap), len(other))
    out = np.full(2 * reach + 1, np.nan)
    for place, lag in enumerate(range(-reach, reach + 1)):
        a = gap[max(0, lag) : count + min(0, lag)]
        b = other[max(0, -lag) : count + min(0, -lag)]
        keep = np.isfinite(a) & np.isfinite(b)
        a, b = a[keep], b[keep]
        if len(a) >= 25 and min(a.std(), b.std()) > 1e-7:
            out[place] = np.corrcoef(a, b)[0, 1]
    return out
