"""Scores of predicted against tracked lip gaps, as EVALUATION.md defines them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

UNFIT = ("liveportrait_d6", "liveportrait_d10", "liveportrait_d12", "vox_681100216", "moore_3",
         "latentsync_2")  # fmt: skip
OUT_OF_SYNC = ("liveportrait_d20", "hdtf_radio51")
MAX_LAG = 2  # frames


def correlation(
    predicted: NDArray[np.float32], real: NDArray[np.float32], valid: NDArray[np.bool_] | None =
    None
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
