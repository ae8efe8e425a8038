"""How lips move, whoever's they are: what the sync critic sees of landmarks.

Lips and chin are laid upright about the nose and measured in inter-ocular distances. What differs
between people and poses changes slowly, so the mean of the three seconds about each frame is taken
off; how far the lips are apart stays as it is, since shut lips say most.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d

from talkgen.face.points import LIPS_INNER, LIPS_OUTER, MIRROR
from talkgen.types import FloatArray

CHIN = (152, 148, 377, 176, 400)
POINTS = LIPS_OUTER + LIPS_INNER + CHIN
"""Landmarks that are looked at."""
ANCHOR = (2, 98, 327, 4, 5, 195, 197)
"""Nose: what does not move with the jaw, and lies near the mouth."""
AROUND = 75
"""Frames (25 a second) whose mean is taken off."""
STEADY = 5
"""Frames over which the tilt of the head is averaged."""
_AT = {point: place for place, point in enumerate(POINTS)}
MIRRORED = np.array([_AT[int(MIRROR[point])] for point in POINTS])
"""(45,) for each of the points the one that it becomes in a mirror."""
GAPS = ((13, 14), (82, 87), (312, 317), (0, 17), (61, 291), (78, 308))
"""Pairs of lip points whose distances are seen as they are, whoever's they are."""
NUM_FEATURES = 2 * len(POINTS) + len(GAPS)


def placed_lips(landmarks: FloatArray) -> FloatArray:
    """(T, 478, 3) landmarks, pixels, to (T, 45, 2) float32 of `POINTS`: upright, from the nose,
    inter-ocular distances. Every frame must be known (`known_points`)."""
    points = np.asarray(landmarks, np.float64)
    across = points[:, 263] - points[:, 33]
    # in space, so that a turned head is no smaller one
    apart = uniform_filter1d(np.linalg.norm(across, axis=1), AROUND, mode="nearest")
    across = uniform_filter1d(across[:, :2], STEADY, axis=0, mode="nearest")
    across /= np.maximum(np.linalg.norm(across, axis=1, keepdims=True), 1e-6)
    moved = points[:, list(POINTS), :2] - points[:, list(ANCHOR), :2].mean(1, keepdims=True)
    x, y = moved[..., 0], moved[..., 1]
    cos, sin = across[:, :1], across[:, 1:]
    upright = np.stack([x * cos + y * sin, y * cos - x * sin], -1)
    return np.asarray(upright / np.maximum(apart, 1e-6)[:, None, None], np.float32)


def lip_features(lips: FloatArray) -> FloatArray:
    """(T, 45, 2) placed lips to (T, 96) float32 of about unit spread: places less their mean about
    each frame, then distances across the mouth."""
    around = uniform_filter1d(lips, AROUND, axis=0, mode="nearest")
    moved = (lips - around).reshape(len(lips), -1) / 0.03
    gaps = [np.linalg.norm(lips[:, _AT[one]] - lips[:, _AT[other]], axis=1) for one, other in GAPS]
    across = np.stack(gaps, 1)
    across[:, :3] = np.log(across[:, :3] + 0.02) + 3.0  # shut or not counts more than how wide
    across[:, 3:] -= around_of(across[:, 3:])
    across[:, 3:] /= 0.05
    return np.asarray(np.concatenate([moved, across], 1), np.float32)


def around_of(values: FloatArray) -> FloatArray:
    """(T, K) to the mean of the `AROUND` frames about each."""
    return np.asarray(uniform_filter1d(values, AROUND, axis=0, mode="nearest"), np.float32)


def known_points(landmarks: FloatArray) -> tuple[FloatArray, NDArray[np.bool_]]:
    """(T, 478, 3) with NaN where no face was seen to the same with the gaps filled (straight lines
    between, held at the ends), and (T,) where it was seen. At least one frame must be."""
    seen = np.asarray(np.isfinite(landmarks).all((1, 2)))
    if seen.all():
        return landmarks, seen
    known = np.flatnonzero(seen)
    at = np.arange(len(landmarks))
    after = np.clip(np.searchsorted(known, at), 0, len(known) - 1)
    right = known[after]
    left = known[np.maximum(after - 1, 0)]
    left = np.where(right <= at, right, np.where(after == 0, right, left))
    share = np.where(right > left, (at - left) / np.maximum(right - left, 1), 0.0)
    share = np.clip(share, 0, 1).astype(np.float32)[:, None, None]
    return np.asarray(landmarks[left] * (1 - share) + landmarks[right] * share), seen
