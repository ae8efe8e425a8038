"""Mouths that no speaker makes are pulled back to where speakers' mouths are.

The mean and covariance of the mouth controls of 29 000 tracked frames of 43 `train` speakers
(relative to each one's rest; `scripts/fit_manifold.py` prints the tables) give every mouth a
distance from what is usual. Nearer than START, as 99 % of the real frames are, a mouth stays as it
is; farther out the way from the mean is shortened, and none gets farther than END (99.9 %).
GeneFace++ (Ye et al. 2023) does the like with landmarks and a locally linear embedding.
"""

from __future__ import annotations

import numpy as np

from talkgen.motion.controls import FROM_CHANNELS, MOUTH_CONTROLS, TO_CHANNELS
from talkgen.types import FloatArray

NOISE = 0.001  # added to every variance: what tracking cannot tell
START, END = 6.3, 8.9
NEAR = 1e-6

_MEAN = np.array(
    [99, 6, 2, 24, 28, 8, 17, 34, 15, 26, 24, 9, 26, 7, 44, 30]
) / 1e3  # fmt: skip
_COVARIANCE: tuple[tuple[int, ...], ...] = (
    (908,),  # jawOpen
    (39, 56,),  # jawForward
    (-4, -1, 8,),  # mouthClose
    (72, 0, -6, 225,),  # mouthFunnel
    (-28, -14, 9, -54, 339,),  # mouthPucker
    (-57, -1, 7, -20, 18, 80,),  # mouthRollLower
    (56, 1, 0, 7, -18, 3, 73,),  # mouthRollUpper
    (247, -5, -5, 66, -19, -11, 23, 285,),  # mouthShrugLower
    (31, 12, -2, 50, -30, -7, 36, 32, 217,),  # mouthShrugUpper
    (191, 17, -3, 1, -59, -3, 41, 63, 50, 321,),  # mouthSmile
    (15, -6, 12, -34, 202, 34, -3, -21, -27, -53, 295,),  # mouthFrown
    (-17, 1, 1, -18, -14, -2, 2, -11, -10, -4, -18, 37,),  # mouthDimple
    (225, 24, -3, 5, -67, -16, 16, 61, 38, 141, -49, -5, 272,),  # mouthStretch
    (18, 7, 0, 7, 7, -1, 3, 8, 5, 2, -5, 3, -1, 19,),  # mouthPress
    (281, 33, -10, 87, -74, -36, -3, 86, 20, 135, -84, 2, 134, 14, 541,),  # mouthLowerDown
    (133, 9, -2, 69, -52, -17, 31, 51, 61, 87, -46, -12, 77, 1, 40, 266,),  # mouthUpperUp
)  # fmt: skip
"""Lower triangle, in units of 1e-5, in the order of `MOUTH_CONTROLS`."""


def _inverse() -> FloatArray:
    size = len(MOUTH_CONTROLS)
    full = np.zeros((size, size))
    for row, numbers in enumerate(_COVARIANCE):
        full[row, : row + 1] = full[: row + 1, row] = np.array(numbers) / 1e5
    return np.asarray(np.linalg.inv(full + NOISE * np.eye(size)))


_INVERSE = _inverse()
_TO_MOUTH = FROM_CHANNELS[:, list(MOUTH_CONTROLS)]
_FROM_MOUTH = TO_CHANNELS[list(MOUTH_CONTROLS)]


def distance_of(weights: FloatArray) -> FloatArray:
    """(T, 52) weights of speech, above rest, to (T,) distances of the mouth from what is usual."""
    apart = weights @ _TO_MOUTH - _MEAN
    return np.asarray(np.sqrt(np.einsum("ti,ij,tj->t", apart, _INVERSE, apart)), np.float32)


def regulated(weights: FloatArray, scale: float = 1.0) -> FloatArray:
    """(T, 52) weights of speech, above rest, with mouths off the manifold pulled back to it.

    scale : factor on what is usual, where more movement than usual is asked for
    """
    distance = distance_of(weights)
    start, room = START * max(scale, 1.0), (END - START) * max(scale, 1.0)
    far = distance > start
    if not far.any():
        return weights
    kept = start + room * np.tanh((distance[far] - start) / room)
    mouth = weights[far] @ _TO_MOUTH
    pulled = _MEAN + (mouth - _MEAN) * (kept / np.maximum(distance[far], NEAR))[:, None]
    out = weights.copy()
    out[far] += ((np.maximum(pulled, 0.0) - mouth) @ _FROM_MOUTH).astype(np.float32)
    return np.clip(out, 0.0, 1.0)
