"""How arousal changes the range and the pace of head and brows; the one table of it.

| what | factor at arousal a | at a = 0.6 (anger, fear) | at a = -0.3 (sad) |
|---|---|---|---|
| range of head turns | exp(0.45 a) | 1.31 | 0.87 |
| pace of head turns | exp(0.35 a) | 1.23 | 0.90 |
| range of the speech's brows | exp(0.60 a) | 1.43 | 0.84 |

Directions are the literature's: head motion of emotional speech differs from neutral speech in
activation, range and velocity (Busso, Deng, Grimm, Neumann & Narayanan 2007, "Rigid head motion in
expressive speech animation"); movements of anger and joy are more active and expansive, those of
sadness less (Wallbott 1998, "Bodily expression of emotion"). Sizes are a choice, by eye and modest:
no labelled emotional video is among the training data to measure them on.
"""

from __future__ import annotations

import numpy as np

from talkgen.types import FloatArray

HEAD_RANGE, HEAD_PACE, BROW_RANGE = 0.45, 0.35, 0.60


def head_range(arousal: FloatArray) -> FloatArray:
    """Factors on head turns at (..., ) arousal in [-1, 1]."""
    return np.asarray(np.exp(HEAD_RANGE * np.asarray(arousal)), np.float32)


def head_pace(arousal: FloatArray) -> FloatArray:
    """Factors on the speed of head turns."""
    return np.asarray(np.exp(HEAD_PACE * np.asarray(arousal)), np.float32)


def brow_range(arousal: FloatArray) -> FloatArray:
    """Factors on what speech does to the brows."""
    return np.asarray(np.exp(BROW_RANGE * np.asarray(arousal)), np.float32)
